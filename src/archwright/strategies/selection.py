"""Selection under limits: the best combinations of parts whose effects add up, by a mixed-integer program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SearchError
from archwright.objectives import Objective

__all__ = ["Exchanges"]

_SCALE = 1e3  # of the objective: the solver's gap of 1e-6 is absolute
_KEPT = 2  # alternatives a block, on average, that are looked at first

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Exchanges:
    """What each block's alternatives do to a network when nothing else is exchanged; effects are taken to add up.

    Source: Puzzle (Bercovich et al. 2024, arXiv:2411.19146, section 3), here with any number of limits.

    Args:
        base: The network's own metrics.
        effects: Block to alternative to what the metrics become with that one exchange. An alternative with the metrics
            of `base` is the block itself.
    """

    base: Metrics
    effects: Mapping[str, Mapping[Any, Metrics]]

    def estimate(self, choice: Mapping[str, Any], metric: str) -> float:
        """The metric of a combination: that of the network plus the change by each exchange.

        Args:
            choice: Block to alternative.
            metric: Its name.
        """
        return self.base[metric] + sum(self._change(block, one, metric) for block, one in choice.items())

    def propose(
        self,
        objective: Objective,
        limits: Sequence[Objective],
        count: int = 10,
        without: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """The best different combinations that keep all limits, the best first.

        Each is the optimum of max/min Σ score·x under Σ cost·x ≤ limit and one alternative a block; a no-good cut
        Σ x ≤ blocks - 1 over its chosen x then keeps it from coming again.

        Args:
            objective: What is best.
            limits: What is kept, of metrics that add up; objectives without a limit bound nothing.
            count: How many. Fewer come back where there are fewer.
            without: Combinations that are not wanted again, block to alternative.

        Raises:
            SearchError: When no combination keeps all limits; says how far each could be brought alone.
        """
        bounds = [limit for limit in limits if limit.limit is not None]
        pairs = [(block, one) for block, known in self.effects.items() for one in known]
        blocks = np.array([[block == name for block, _ in pairs] for name in self.effects], dtype=float)
        gains = np.array([objective.loss(self._change(*pair, objective.name)) for pair in pairs])
        costs = np.array(
            [[one.loss(self._change(*pair, one.name)) for pair in pairs] for one in bounds]
        ).reshape(len(bounds), len(pairs))
        room = np.array([one.loss(one.limit or 0.0) - one.loss(self.base[one.name]) for one in bounds])
        cuts = np.array([[one.get(block) == name for block, name in pairs] for one in without]).reshape(
            -1, len(pairs)
        )
        found: list[dict[str, Any]] = []
        for chosen in _best(_Program(gains, blocks, costs, room, cuts), count):
            choice = dict(pair for pair, taken in zip(pairs, chosen, strict=True) if taken)
            if all(one.violation(self.estimate(choice, one.name)) == 0 for one in bounds):
                found.append(choice)  # the solver keeps limits to a tolerance, this exactly
        if not found:
            raise SearchError(f"no combination of the alternatives keeps all limits: {self._reach(bounds)}")
        return found

    def _change(self, block: str, alternative: Any, metric: str) -> float:
        return self.effects[block][alternative][metric] - self.base[metric]

    def _reach(self, bounds: Sequence[Objective]) -> str:
        told = []
        for one in bounds:
            choice = {
                block: min(known, key=lambda name, block=block: one.loss(self._change(block, name, one.name)))  # type: ignore[misc]
                for block, known in self.effects.items()
            }
            told.append(
                f"{one.limit_text}, where {self.estimate(choice, one.name):.6g} is the best that adds up"
            )
        return "; ".join(told)


@dataclass(frozen=True)
class _Program:
    """Minimise gains·x where blocks·x = 1, costs·x <= room and cuts·x < blocks, every x 0 or 1."""

    gains: NDArray[np.float64]
    blocks: NDArray[np.float64]
    costs: NDArray[np.float64]
    room: NDArray[np.float64]
    cuts: NDArray[np.bool_]

    def without(self, kept: NDArray[np.bool_]) -> _Program:
        """Only these x may be 1."""
        return _Program(
            self.gains[kept], self.blocks[:, kept], self.costs[:, kept], self.room, self.cuts[:, kept]
        )


def _best(program: _Program, count: int) -> list[NDArray[np.bool_]]:
    """The optima in rising order, as many as asked or as there are.

    The multipliers λ of the relaxed program bound every selection with x from below by Σ min(gains + λ·costs) - λ·room
    plus what x is above its block's minimum. So the program is solved with the x of small excess first, and what was
    left out is known to be worse once its bound is over the last optimum.
    """
    relaxed = _relaxation(program)
    if relaxed is None:
        return []
    least, excess = relaxed
    order = np.sort(excess)
    size = min(_KEPT * len(program.blocks), len(order))
    while True:
        kept = excess <= order[size - 1]
        found = _successive(program.without(kept), count)
        worst = program.gains[kept] @ found[-1] - least if len(found) == count else np.inf
        if kept.all() or excess[~kept].min() > worst:
            break
        size = max(2 * size if np.isinf(worst) else 0, int((order <= worst).sum()), int(kept.sum()) + 1)
        size = min(size, len(order))
    whole = np.zeros((len(found), len(excess)), dtype=bool)
    whole[:, kept] = found if found else False
    return list(whole)


def _relaxation(program: _Program) -> tuple[float, NDArray[np.float64]] | None:
    """The bound of the relaxed program, and each x's excess over its block's minimum; None where none is feasible."""
    from scipy.optimize import linprog

    scale = _row_scale(program)
    solved = linprog(
        program.gains,
        A_ub=program.costs / scale[:, None],
        b_ub=program.room / scale,
        A_eq=program.blocks,
        b_eq=np.ones(len(program.blocks)),
        bounds=(0, 1),
    )
    if solved.x is None:
        return None
    multipliers = np.maximum(-solved.ineqlin.marginals, 0.0) / scale
    reduced = program.gains + multipliers @ program.costs
    lowest = np.array([reduced[row > 0].min() for row in program.blocks])
    return float(lowest.sum() - multipliers @ program.room), reduced - lowest @ program.blocks


def _successive(program: _Program, count: int) -> list[NDArray[np.bool_]]:
    """One optimum after the other, each with a no-good cut on those before and its sum no smaller than theirs."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    gains = program.gains * (_SCALE / max(np.abs(program.gains).max(), 1e-300))
    scale = _row_scale(program)
    limits = [LinearConstraint(program.blocks, 1, 1)]
    if len(scale):
        limits.append(LinearConstraint(program.costs / scale[:, None], -np.inf, program.room / scale))
    found: list[NDArray[np.bool_]] = []
    while len(found) < count:
        cuts = []
        if found or len(program.cuts):
            taken = np.array([*program.cuts, *found], dtype=float)
            cuts.append(LinearConstraint(taken, -np.inf, len(program.blocks) - 1))
        if found:
            cuts.append(LinearConstraint(gains, gains @ found[-1] - 1e-6, np.inf))
        solved = milp(
            gains,
            integrality=np.ones(len(gains)),
            bounds=Bounds(0, 1),
            constraints=[*limits, *cuts],
            options={"mip_rel_gap": 0},
        )
        if solved.x is None:
            break
        found.append(solved.x > 0.5)
    return found


def _row_scale(program: _Program) -> NDArray[np.float64]:
    largest: NDArray[np.float64] = np.abs(program.costs).max(axis=1, initial=0.0)
    return np.where(largest > 0, largest, 1.0)
