"""What a search optimises and what a network may cost. Importing this room loads no torch."""

from archwright.objectives.cheap import measure_cheap
from archwright.objectives.flops import count_flops
from archwright.objectives.objective import (
    CHEAP,
    DIRECTIONS,
    Direction,
    Objective,
    parse_limit,
    parse_objective,
)
from archwright.objectives.params import count_params
from archwright.objectives.pareto import best_trial, hypervolume, is_feasible, objective_values, pareto_front

__all__ = [
    "CHEAP",
    "DIRECTIONS",
    "Direction",
    "Objective",
    "best_trial",
    "count_flops",
    "count_params",
    "hypervolume",
    "is_feasible",
    "measure_cheap",
    "objective_values",
    "pareto_front",
    "parse_limit",
    "parse_objective",
]
