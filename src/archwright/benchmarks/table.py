"""A table of networks that were really trained: a space and an estimator, so that no strategy knows of benchmarks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.estimators.tabular import Row, Runs, TabularEstimator
from archwright.estimators.tabular_curves import CurveRow, TabularCurves
from archwright.objectives import Direction, Objective, parse_objective
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, make_strategy
from archwright.trials import FULL, Fidelity, FidelityRange

__all__ = ["Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """A space, and what is known of each of its networks.

    Args:
        name: What to call it, such as `nas-bench-graph:cora`.
        space: Its search space; the canonical form is the key of the rows.
        rows: From canonical form to results.
        objectives: The metrics that a search may optimise, with their direction; the first is taken by default.
        test: The metric to report of what the first objective has found, such as the accuracy on test data.
        epochs: From a number of epochs to the rows of shorter trainings, where the table has any.
        runs: What an estimate is where a network was trained several times: "mean" or "drawn".
        curves: From canonical form to the whole training, where the table has it for every network: the estimator
            then replays it epoch by epoch. `Table.of_curves` fills in the rows.

    Raises:
        UsageError: When there are no rows or objectives, or a row lacks a metric.
    """

    name: str
    space: Space
    rows: Mapping[Hashable, Row]
    objectives: tuple[Objective, ...]
    test: str | None = None
    epochs: Mapping[int, Mapping[Hashable, Row]] = field(default_factory=dict)
    runs: Runs = "mean"
    curves: Mapping[Hashable, CurveRow] = field(default_factory=dict)

    @classmethod
    def of_curves(
        cls,
        name: str,
        space: Space,
        curves: Mapping[Hashable, CurveRow],
        objectives: tuple[Objective, ...],
        test: str | None = None,
    ) -> Table:
        """A table of learning curves, whose results are those of their last epochs. Arguments as of the class."""
        rows = {key: curve.final() for key, curve in curves.items()}
        return cls(name, space, rows, objectives, test, curves=curves)

    def __post_init__(self) -> None:
        if not self.rows or not self.objectives:
            raise UsageError(
                f"{self.name}: expected a table of at least one network and one objective, got {len(self.rows)} and "
                f"{len(self.objectives)}"
            )
        for name in self.metrics:
            for key, row in self.rows.items():
                if name not in row.metrics:
                    raise UsageError(f"{self.name}: the row {key!r} has no metric {name!r}")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the objectives and of the report."""
        names = [objective.name for objective in self.objectives]
        return tuple(dict.fromkeys(names if self.test is None else [*names, self.test]))

    @cached_property
    def positions(self) -> dict[Hashable, int]:
        """From canonical form to the position of the network in `values`."""
        return {key: i for i, key in enumerate(self.rows)}

    @cached_property
    def fidelity(self) -> FidelityRange | None:
        """What strategies of several fidelities move over: the epochs of the shortest curve, or of the trainings.

        None without curves and without trainings of several lengths.
        """
        if self.curves:
            return FidelityRange(Fidelity(1), Fidelity(min(curve.epochs for curve in self.curves.values())))
        if len(self.epochs) < 2:
            return None
        return FidelityRange(Fidelity(min(self.epochs)), Fidelity(max(self.epochs)))

    def check_strategy(self, strategy: str, options: Mapping[str, Any]) -> None:
        """Refuse a strategy of several fidelities that this table has not, before anything is searched.

        Args:
            strategy: Its name.
            options: Its options.

        Raises:
            UsageError: Says what is missing, and which tables have it; or that an option is out of range.
        """
        if not STRATEGIES.takes(strategy, "fidelity"):
            return
        wanted, has, cure = self.fidelity, "the results of one training alone", "take"
        if wanted is not None:
            made = make_strategy(strategy, self.space, self.objectives[:1], fidelity=wanted, **options)
            missing = [level for level in getattr(made, "rungs", ()) if not self._has(level)]
            if not missing:
                return
            lengths = ", ".join(map(str, sorted(self.epochs))) or f"1 to {wanted.high.epochs}"
            has = f"trainings of {lengths} epochs, but nothing for {missing[0]}"
            cure = f"choose rungs that it has ({strategy}.eta=...), or take"
        raise UsageError(
            f"{strategy} looks at networks before they are trained to the end, and {self.name} has {has}; {cure} a "
            "table of learning curves (mnist1d-curves, or a file with a row for each epoch and --epoch COLUMN), "
            "nas-bench-101 with trainings of 4, 12, 36 and 108 epochs, or another strategy"
        )

    def _has(self, fidelity: Fidelity) -> bool:
        """Whether networks can be looked up at a fidelity."""
        is_plain = replace(fidelity, epochs=None, horizon=None) == FULL
        return is_plain and (bool(self.curves) or fidelity.epochs in self.epochs)

    def estimator(self, seed: int = 0) -> Estimator:
        """An estimator that looks up here, or replays the curves.

        Args:
            seed: Of the draws, where one of several runs is drawn.
        """
        if self.curves:
            return TabularCurves(self.space, self.curves)
        return TabularEstimator(self.space, self.rows, epochs=self.epochs, runs=self.runs, seed=seed)

    def objective(self, text: str) -> Objective:
        """The objective of a name such as `latency`, or as `max:NAME` and `min:NAME` say.

        Raises:
            UsageError: When the table has no such metric.
        """
        for known in self.objectives:
            if known.name == text.strip():
                return known
        if ":" in text:
            parsed = parse_objective(text)
            if parsed.name in next(iter(self.rows.values())).metrics:
                return parsed
            text = parsed.name
        known_names = [objective.name for objective in self.objectives]
        raise UsageError(f"{self.name} has no objective {text!r}.{did_you_mean(text, known_names)}")

    def values(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The mean results of all networks.

        Args:
            names: Of metrics.

        Returns:
            Shape (networks, names), in the order of the rows.

        Raises:
            UsageError: When a metric is missing.
        """
        try:
            rows = [[sum(row.metrics[n]) / len(row.metrics[n]) for n in names] for row in self.rows.values()]
        except KeyError as error:
            known = next(iter(self.rows.values())).metrics
            raise UsageError(
                f"{self.name} has no metric {error.args[0]!r}.{did_you_mean(str(error.args[0]), known)}"
            ) from None
        return np.array(rows, dtype=np.float64).reshape(len(self.rows), len(names))

    def unit(self, objective: Objective) -> tuple[float, str]:
        """By what a regret is multiplied, and the name of its unit.

        Returns:
            100 and "percentage points" for a share in [0, 1] that is to be maximised, else 1 and the metric's name.
        """
        if objective.direction is Direction.MAXIMIZE:
            values = self.values([objective.name])
            if values.min() >= 0.0 and values.max() <= 1.0:
                return 100.0, "percentage points"
        return 1.0, objective.name
