"""What a search optimises and what a network may cost. Importing this room loads no torch."""

from archwright.objectives.direction import DIRECTIONS, NEEDS_ERROR, OF_AMOUNTS, STANDARD_ERROR, Direction
from archwright.objectives.flops import count_flops
from archwright.objectives.meter import (
    METERS,
    FunctionMeter,
    Meter,
    direction_of,
    is_metered,
    measure_by,
    measure_cheap,
)
from archwright.objectives.objective import (
    Objective,
    optimized,
    parse_limit,
    parse_objective,
    with_options,
)
from archwright.objectives.params import count_params
from archwright.objectives.pareto import (
    best_trial,
    best_trials,
    expected_cost,
    hypervolume,
    is_feasible,
    keeps_limits,
    objective_values,
    of_most_effort,
    pareto_front,
)

# fmt: off
__all__ = [
    # What is optimised, and what is limited
    "DIRECTIONS", "NEEDS_ERROR", "OF_AMOUNTS", "STANDARD_ERROR", "Direction", "Objective", "direction_of", "optimized",
    "parse_limit", "parse_objective", "with_options",
    # What measures a network
    "METERS", "FunctionMeter", "Meter", "count_flops", "count_params", "is_metered", "measure_by", "measure_cheap",
    # Which trials are good
    "best_trial", "best_trials", "expected_cost", "hypervolume", "is_feasible", "keeps_limits",
    "objective_values", "of_most_effort", "pareto_front",
]
# fmt: on
