"""Which way of growing suits a network: the small grid search of compound scaling, trained on a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archwright.errors import UsageError
from archwright.learning import Recipe
from archwright.objectives import DIRECTIONS, Direction, measure_cheap
from archwright.spaces import Architecture, Space
from archwright.spaces.compound import CompoundScale, compound_grid
from archwright.tasks import Task
from archwright.trials import Candidate, Fidelity

__all__ = ["ScaledNetwork", "compound_scaling"]


@dataclass(frozen=True, slots=True)
class ScaledNetwork:
    """A network at one scale.

    Args:
        scale: The scale.
        side: Longer side of the inputs that it was trained on.
        metrics: The task's on the validation data, and "params".
        growth: By what its floating-point operations are more than those of the network as it is.
    """

    scale: CompoundScale
    side: int
    metrics: Mapping[str, float]
    growth: float


def compound_scaling(
    space: Space,
    architecture: Architecture,
    task: Task,
    *,
    recipe: Recipe | None = None,
    grid: Sequence[CompoundScale] | None = None,
) -> list[ScaledNetwork]:
    """Train a network at all scales of a grid, of about the same cost, and order them by what they score.

    The best one's `scale.at(phi)` then grows the network to any cost, 2 to the power of phi times as much (Tan & Le
    2019, arXiv:1905.11946, section 3.3). So that resolution can grow, the network as it is sees the inputs averaged to
    fewer points: the task's own resolution is that of the largest factor in the grid.

    Args:
        space: One that scales by `depth` and `width`.
        architecture: One of its architectures.
        task: A task of images, or of sequences.
        recipe: How each is trained; None means the defaults.
        grid: The scales; None means `compound_grid()`.

    Returns:
        The best first.

    Raises:
        UsageError: When the task has no resolution.
        SpaceError: When the space does not scale so.
        TrialError: When a training fails.
    """
    from archwright.estimators.training import Training
    from archwright.tasks.reduced import resized

    scales = list(compound_grid() if grid is None else grid)
    shape = task.input_shape or ()
    if len(shape) < 2 or not scales:
        raise UsageError(
            f"compound scaling needs at least one scale and inputs with a resolution, got {len(scales)} and the input "
            f"shape {shape}"
        )
    base = max(shape[1:]) / max(scale.resolution for scale in scales)

    def cost(network_space: Space, side: int) -> float:
        example = resized(task, side).example_arguments()
        return measure_cheap(network_space.build(architecture, example), example)["flops"]

    before = cost(space, round(base))
    found = []
    for scale in scales:
        scaled, side = scale.of(space), round(base * scale.resolution)
        training = Training(scaled, task, recipe or Recipe(), accelerator="cpu")
        _, measured = training.fit(Candidate(architecture, Fidelity(resolution=side)))
        found.append(ScaledNetwork(scale, side, measured.metrics, cost(scaled, side) / before))
    sign = -1 if DIRECTIONS.get(task.metric) is Direction.MAXIMIZE else 1
    return sorted(found, key=lambda one: sign * one.metrics[task.metric])
