"""Which finalist is delivered, and how sure it is that it is better than another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archwright.experiments.finalists import Finalist
from archwright.experiments.store import Stage
from archwright.objectives import NEEDS_ERROR, OF_AMOUNTS, STANDARD_ERROR, Objective, is_feasible, optimized
from archwright.objectives.pareto import rank_key
from archwright.trials import Trial

__all__ = ["Choice", "Comparison", "Data", "choose", "compared"]

_SHARES = ("accuracy", "exact_match")
"""Metrics that are the share of examples of which something is true, so that their error follows from their value."""
_CORRELATION = 0.5
"""Between the errors of two networks on the same examples, where it was not measured."""
_CORRELATION_OF_AMOUNTS = 0.7
"""The same where amounts are predicted, whose noise all networks miss alike: see `benches/regression_errors.py`."""
_SMALLER = 0.9
"""How many of the leader's parameters a network may have at most to be preferred for being smaller."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """How many examples finalists are judged by.

    Args:
        train: Of the training data.
        validation: Of the validation data; None of either where that is not known.
    """

    train: int | None = None
    validation: int | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The chosen network beside another, by validation.

    Args:
        name: The other.
        difference: By how much the chosen one is better, in the metric's unit; negative where it is worse.
        error: Standard error of that; None where it cannot be told.
        probability: That the chosen one is better on new data; None where it cannot be told.
        repeats: In how many trainings both were compared.
    """

    name: str
    difference: float
    error: float | None
    probability: float | None
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen among the finalists.

    Args:
        stage: Of the training whose weights are delivered.
        number: Its number there.
        name: The finalist.
        metric: What decided.
        mean: Of the chosen one's validation scores over its trainings.
        repeats: How many these are.
        folds: In how many folds they validated; None where all have the task's own split.
        smaller_than: The finalist with the better mean, where a smaller network was preferred that is as good within
            the error.
        comparisons: With each other finalist.
    """

    stage: str
    number: int
    name: str
    metric: str
    mean: float
    repeats: int
    folds: int | None = None
    smaller_than: str | None = None
    comparisons: tuple[Comparison, ...] = ()


def choose(
    finalists: Sequence[Finalist], objectives: Sequence[Objective], data: Data, folds: int | None = None
) -> Choice | None:
    """Choose by the mean validation score over repeated trainings.

    Of those with most repetitions, as the others have fallen behind, the best mean leads. One of which a training
    failed is compared by the others: means are least squares estimates of what a network and what a repetition add,
    which are the plain means where none is missing (Yates 1933, Empire Journal of Experimental Agriculture 1, 129). A
    network of which more than half of the trainings failed is chosen only where that holds for all.

    A network with nine tenths of the leader's parameters or fewer is preferred where its mean is less than a standard
    error of the difference behind, and not behind that of the hand-made network: the rule of one standard error
    (Breiman et al. 1984, Classification and regression trees, section 3.4.3). Where several objectives are optimised
    the first decides, and no smaller one is preferred.

    Args:
        finalists: All of them.
        objectives: Of the run; limits are kept in the first training.
        data: How many examples there are.
        folds: In how many folds the repetitions validated.

    Returns:
        The choice; None where no finalist keeps all limits.
    """
    first = optimized(objectives)[0]
    able = [f for f in finalists if f.first is not None and is_feasible(f.first, objectives)]
    if not able:
        return None
    rivals = _still_in(able, first)
    means = dict(zip([f.name for f in rivals], _fair_means([_losses(f, first) for f in rivals]), strict=True))
    leader = min(rivals, key=lambda f: (means[f.name], rank_key(_first(f), objectives)))
    chosen = leader
    if len(optimized(objectives)) == 1:
        base = min((means[f.name] for f in rivals if f.stage is Stage.BASELINE), default=math.inf)
        as_good = [f for f in rivals if means[f.name] <= base and _is_as_good(f, leader, first, data, rivals)]
        chosen = min([leader, *as_good], key=lambda f: (_params(f), f is not leader))
    scored = {r: chosen.measured[r] for r in _losses(chosen, first)}
    kept = {r: t for r, t in scored.items() if t.candidate.effort.folds is None}
    best = min(kept, key=lambda repeat: rank_key(kept[repeat], objectives))
    return Choice(
        stage=str(chosen.stage),
        number=kept[best].number,
        name=chosen.name,
        metric=first.name,
        mean=first.loss(_mean_loss(chosen, first)),
        repeats=len(scored),
        folds=folds if len(scored) > 1 else None,
        smaller_than=None if chosen is leader else leader.name,
        comparisons=tuple(
            compared(chosen, other, first, data, able)
            for other in finalists
            if other is not chosen and _differences(chosen, other, first)
        ),
    )


def compared(
    one: Finalist, other: Finalist, objective: Objective, data: Data, pool: Sequence[Finalist] = ()
) -> Comparison:
    """A network beside another, over the trainings that both have, which share seed and validation data.

    The variance of their mean difference: where trainings were repeated, that of a difference times 1/R + v/t, with the
    sizes v and t of validation and training data, since repetitions share examples (Nadeau & Bengio 2003, Machine
    Learning 52, equation 9). The variance of a difference is pooled over all finalists, of which each pair has too few
    repetitions. The probability is that of Student's distribution with the pooled degrees of freedom. A share of
    examples that only one training tells has the binomial variance of a difference, a balanced metric or one of amounts
    that of the examples it was measured on, both times three for the training's own noise; their probability is that of
    the normal distribution. Of anything else one training tells no error.

    Args:
        one: A finalist that was measured.
        other: Another.
        objective: What they are compared by.
        data: How many examples there are.
        pool: The finalists whose repetitions tell how much differences vary.
    """
    from scipy import stats

    differences = _differences(one, other, objective)
    mean, repeats = sum(differences) / len(differences), len(differences)
    squares, freedom = _pooled(one, pool or (one, other), objective)
    share = _of_examples(one, other, objective, data)
    error = probability = None
    if repeats > 1 and freedom:
        overlap = data.validation / data.train if data.validation and data.train else 0.25
        error = math.sqrt(squares / freedom * (1 / repeats + overlap))
        floor = (
            0.0 if share is None else math.sqrt(share / repeats)
        )  # equal scores by chance do not make sure
        error = max(error, floor)
        probability = (
            0.5 if error == 0 and mean == 0 else float(stats.t.cdf(mean / (error or 1e-12), freedom))
        )
    elif share is not None:
        error = math.sqrt(3 * share)
        probability = float(stats.norm.cdf(mean / error)) if error else 0.5
    return Comparison(name=other.name, difference=mean, error=error, probability=probability, repeats=repeats)


def _differences(one: Finalist, other: Finalist, objective: Objective) -> list[float]:
    """By how much the one is better, in each training that both have."""
    ours, theirs = _losses(one, objective), _losses(other, objective)
    return [theirs[r] - ours[r] for r in ours if r in theirs]


def _pooled(one: Finalist, pool: Sequence[Finalist], objective: Objective) -> tuple[float, int]:
    """Sum of squares and degrees of freedom of the differences from one finalist within each pair."""
    squares, freedom = 0.0, 0
    for other in pool:
        values = _differences(one, other, objective) if other is not one else []
        if len(values) > 1:
            mean = sum(values) / len(values)
            squares += sum((value - mean) ** 2 for value in values)
            freedom += len(values) - 1
    return squares, freedom


def _of_examples(one: Finalist, other: Finalist, objective: Objective, data: Data) -> float | None:
    """The variance of a difference of two scores on the same examples, by these; None where it cannot be told."""
    if objective.name in NEEDS_ERROR:
        correlation = _CORRELATION_OF_AMOUNTS if objective.name in OF_AMOUNTS else _CORRELATION
        errors = [_mean_variance(finalist, objective.name) for finalist in (one, other)]
        return None if None in errors else sum(filter(None, errors)) * (1 - correlation)
    if objective.name not in _SHARES or not data.validation:
        return None
    shares = [abs(_mean_loss(finalist, objective)) for finalist in (one, other)]
    # A share of 0 or 1 among n is as sure as one example more would make it (Laplace).
    n = data.validation
    kept = [(share * n + 1) / (n + 2) for share in shares]
    return sum(share * (1 - share) for share in kept) * (1 - _CORRELATION) / n


def _mean_variance(finalist: Finalist, name: str) -> float | None:
    """Mean of the squared standard errors that a finalist's trainings tell of a metric; None where none does."""
    key = name + STANDARD_ERROR
    found = [t.metrics[key] ** 2 for t in finalist.measured.values() if key in t.metrics]
    return sum(found) / len(found) if found else None


def _still_in(able: Sequence[Finalist], objective: Objective) -> list[Finalist]:
    """Those with most repetitions, failed ones counted, of which at least half were measured where there are such."""
    tried = {f.name: len(f.measured) + len(f.failed) for f in able}
    most = max(tried.values())
    last = [f for f in able if tried[f.name] == most]
    return [f for f in last if 2 * len(_losses(f, objective)) >= most] or last


def _fair_means(rows: Sequence[Mapping[int, float]]) -> list[float]:
    """What each row adds, by least squares, in a table of which cells may be missing; up to a constant of them all."""
    columns = sorted({column for row in rows for column in row})
    if all(len(row) == len(columns) for row in rows):
        return [sum(row.values()) / len(row) for row in rows]
    cells = [(i, columns.index(column), value) for i, row in enumerate(rows) for column, value in row.items()]
    design = np.zeros((len(cells), len(rows) + len(columns)))
    for k, (i, j, _) in enumerate(cells):
        design[k, i] = design[k, len(rows) + j] = 1.0
    added: list[float] = np.linalg.lstsq(design, [value for _, _, value in cells], rcond=None)[0].tolist()
    return added[: len(rows)]


def _is_as_good(
    one: Finalist, leader: Finalist, objective: Objective, data: Data, pool: Sequence[Finalist]
) -> bool:
    found = compared(leader, one, objective, data, pool)
    return (
        _params(one) <= _SMALLER * _params(leader)
        and found.error is not None
        and found.difference <= found.error
    )


def _losses(finalist: Finalist, objective: Objective) -> dict[int, float]:
    """The first objective as something to minimise, by repetition; where it is no finite number, that one failed."""
    found = {r: objective.loss(t.metrics.get(objective.name, math.nan)) for r, t in finalist.measured.items()}
    return {repeat: loss for repeat, loss in found.items() if math.isfinite(loss)}


def _mean_loss(finalist: Finalist, objective: Objective) -> float:
    losses = _losses(finalist, objective).values()
    return sum(losses) / len(losses)


def _params(finalist: Finalist) -> float:
    return _first(finalist).metrics.get("params", math.inf)


def _first(finalist: Finalist) -> Trial:
    assert finalist.first is not None
    return finalist.first
