"""Published tables of trained networks, and the comparison of strategies on them. Importing this loads no torch."""

from archwright.benchmarks.nasbench_graph import nasbench_graph, nasbench_graph_space
from archwright.benchmarks.table import Table

__all__ = [
    # What a table is
    "Table",
    # The published ones
    "nasbench_graph",
    "nasbench_graph_space",
]
