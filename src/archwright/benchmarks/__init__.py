"""Published tables of trained networks, and the comparison of strategies on them. Importing this loads no torch."""

from archwright.benchmarks.cluster import Cluster, WorkerTime
from archwright.benchmarks.columns import read_columns
from archwright.benchmarks.comparison import Comparison, compare
from archwright.benchmarks.durations import DurationLaw
from archwright.benchmarks.files import check_extra
from archwright.benchmarks.hw_nasbench import hw_nasbench
from archwright.benchmarks.mnist1d_curves import mnist1d_curves, mnist1d_curves_space
from archwright.benchmarks.nasbench101 import nasbench101, nasbench101_space
from archwright.benchmarks.nasbench201 import nasbench201
from archwright.benchmarks.nasbench_graph import nasbench_graph, nasbench_graph_space
from archwright.benchmarks.references import TABLES, load_table
from archwright.benchmarks.regret import Reference, Standing, Tracker, Truth, random_search_regret
from archwright.benchmarks.results import measure, summarize, write_results
from archwright.benchmarks.runs import SearchRun, search_table
from archwright.benchmarks.scaling import Scaling, scale_workers, summarize_scaling
from archwright.benchmarks.significance import Pair, Ranking, holm, rank_strategies
from archwright.benchmarks.simulated_search import ClusterRun, simulate_cluster, simulate_search
from archwright.benchmarks.simulation import AskTime, SimulatedClock, SimulatedTrial
from archwright.benchmarks.surrogate_ranking import SurrogateComparison, networks_of, rank_surrogates
from archwright.benchmarks.surrogate_results import summarize_surrogates, write_surrogates
from archwright.benchmarks.table import Table

# fmt: off
__all__ = [
    # What a table is, and by name
    "TABLES", "Table", "load_table",
    # The published ones, and one's own
    "hw_nasbench", "mnist1d_curves", "mnist1d_curves_space", "nasbench101", "nasbench101_space", "nasbench201",
    "nasbench_graph", "nasbench_graph_space", "read_columns",
    # How far a search is from the best
    "Reference", "Standing", "Tracker", "Truth", "random_search_regret",
    # One search, and many
    "Comparison", "SearchRun", "compare", "search_table",
    # In simulated time
    "AskTime", "Cluster", "ClusterRun", "DurationLaw", "SimulatedClock", "SimulatedTrial", "WorkerTime",
    "simulate_cluster", "simulate_search",
    # On clusters of many sizes
    "Scaling", "scale_workers", "summarize_scaling",
    # What comes out
    "Pair", "Ranking", "check_extra", "holm", "measure", "rank_strategies", "summarize", "write_results",
    # Surrogates on a table
    "SurrogateComparison", "networks_of", "rank_surrogates", "summarize_surrogates", "write_surrogates",
]
# fmt: on
