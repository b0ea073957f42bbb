"""Networks that were taken from a supernet, and those that they were made smaller from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.errors import UsageError, did_you_mean
from archwright.experiments import RunConfig
from archwright.experiments.finalists import ORIGINAL
from archwright.objectives import METERS, Objective
from archwright.objectives.meter import measure_by
from archwright.spaces import Architecture, Space
from archwright.tasks import Task

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LARGEST", "Reference", "Specialised", "check_limits", "front_of", "references_of"]

LARGEST = "the largest network of the supernet"


@dataclass(frozen=True, slots=True)
class Reference:
    """A network that others were made smaller from.

    Args:
        name: What it is called.
        costs: What the limits bound, as measured on it.
        metrics: The task's, on the validation data.
        test: The same on the test data.
    """

    name: str
    costs: Mapping[str, float]
    metrics: Mapping[str, float]
    test: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Specialised:
    """A network that keeps some limits.

    Args:
        architecture: Of the supernet's space.
        network: Plain, with the supernet's weights, the statistics of its norms taken anew, in evaluation mode.
        metrics: The task's, on the validation data.
        costs: What the limits bound, as measured on it.
        seconds: Wall time of finding it.
        test: The task's metrics on the test data; empty where they were not read.
        folder: Where it was written; None where it was not.
        references: The networks that it was made smaller from, to compare it with.
    """

    architecture: Architecture
    network: nn.Module
    metrics: Mapping[str, float]
    costs: Mapping[str, float]
    seconds: float
    test: Mapping[str, float]
    folder: Path | None = None
    references: tuple[Reference, ...] = ()


def check_limits(limits: Sequence[Objective]) -> None:
    """Refuse what cannot bound a specialised network.

    Raises:
        UsageError: When a limit has no number, or is on what no meter measures.
    """
    for limit in limits:
        if not limit.has_meter or limit.limit is None:
            raise _not_measured(
                limit.name, "limits on what is measured on a network, such as 'params<=50000'"
            )


def front_of(name: str) -> Objective:
    """The objective by which a front of networks is taken.

    Raises:
        UsageError: When no meter has the name.
    """
    by = Objective(name, optimize=False) if name in METERS else None
    if by is None:
        raise _not_measured(name, "a front by what is measured on a network, such as --front params")
    return by


def _not_measured(name: str, expected: str) -> UsageError:
    return UsageError(
        f"expected {expected}, got {name!r}; the score is what is made as good as it can be."
        f"{did_you_mean(name, METERS)}"
    )


def references_of(
    largest: Specialised,
    limits: Sequence[Objective],
    config: RunConfig,
    space: Space,
    task: Task,
    *,
    validated: Callable[[nn.Module], Mapping[str, float]],
) -> tuple[Reference, ...]:
    """The network as it was given, where the run began with one, and the largest of the supernet, with their scores.

    Args:
        largest: That one.
        limits: On what is measured.
        config: The run's record.
        space: Of the supernet.
        task: What it learned.
        validated: Gives the metrics of a network on the validation data.
    """
    from archwright.pretrained import original_network
    from archwright.session.parts import make_training

    training = make_training(config, space, task)
    found = [Reference(LARGEST, largest.costs, largest.metrics, training.test(largest.network))]
    given = original_network(space)
    if given is not None:
        network = deepcopy(given).eval()
        meters = {limit.name: meter for limit in limits if (meter := limit.load_meter())}
        costs = measure_by(meters, network, task.example_arguments())
        found.insert(0, Reference(ORIGINAL, costs, validated(network), training.test(network)))
    return tuple(found)
