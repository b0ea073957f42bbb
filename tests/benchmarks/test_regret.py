"""Regret, hypervolume and the closed form of random search, against other ways to work them out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.benchmarks import Table, Tracker, Truth, nasbench_graph, random_search_regret
from archwright.errors import UsageError
from archwright.objectives import Objective, hypervolume, parse_limit
from archwright.trials import Candidate, Measurement, Trial, TrialState

from .conftest import small_table


@pytest.mark.parametrize(("dataset", "at_150", "at_300"), [("cora", 1.029, 0.854), ("arxiv", 0.404, 0.332)])
def test_random_search_has_the_published_regret(dataset: str, at_150: float, at_300: float) -> None:
    table = nasbench_graph(dataset)
    truth = Truth(table, table.objectives[:1])
    assert random_search_regret(truth, 150)[0] == pytest.approx(at_150, abs=0.0005)
    assert random_search_regret(truth, 300)[0] == pytest.approx(at_300, abs=0.0005)


@pytest.mark.parametrize("draws", [1, 2, 3, 9])
def test_random_search_by_every_order_of_drawing(draws: int) -> None:
    table = small_table(labels=3, seed=2)
    truth = Truth(table, table.objectives[:1])
    accuracy, test = table.values(["accuracy", "test_accuracy"]).T
    validation, tested = [], []
    orders = itertools.permutations(range(9), min(draws, 4)) if draws < 9 else [tuple(range(9))]
    for order in orders:
        best = max(order, key=lambda i: (accuracy[i], -order.index(i)))  # the first of equals
        validation.append(100 * (accuracy.max() - accuracy[best]))
        tested.append(100 * (test.max() - test[best]))
    regret, test_regret = random_search_regret(truth, draws)
    assert regret == pytest.approx(np.mean(validation))
    if draws < 9:  # of all nine only one order was tried
        assert test_regret == pytest.approx(np.mean(tested))
    assert random_search_regret(truth, 100)[0] == pytest.approx(0.0)


def test_random_search_needs_an_evaluation(small: Table) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        random_search_regret(Truth(small, small.objectives[:1]), 0)


def completed(architecture: Any, measurement: Measurement) -> Trial:
    return Trial(0, Candidate(architecture), TrialState.COMPLETED, measurement)


def followed(table: Table, objectives: Sequence[Objective], order: Sequence[int], **more: Any) -> list[Any]:
    """How a search stands after each network of an order."""
    truth = Truth(table, objectives, **more)
    tracker, keys = Tracker(truth), list(table.rows)
    standing, found = None, []
    for i in order:
        standing = tracker.add(completed(keys[i], table.rows[keys[i]].mean())) or standing
        found.append(standing)
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 20), order=st.permutations(range(16)), several=st.booleans(), limited=st.booleans()
)
def test_a_search_stands_as_worked_out_from_scratch(
    seed: int, order: list[int], several: bool, limited: bool
) -> None:
    table = small_table(seed=seed)
    optimized = list(table.objectives if several else table.objectives[:1])
    limit = [parse_limit("params<=35")] if limited else []
    accuracy, test, latency, params = table.values(["accuracy", "test_accuracy", "latency", "params"]).T
    allowed = params <= 35 if limited else np.ones(16, dtype=bool)
    truth = Truth(table, [*optimized, *limit])
    standings = followed(table, [*optimized, *limit], order)
    for n, standing in enumerate(standings, 1):
        tried = [i for i in order[:n] if allowed[i]]
        if not tried:
            assert standing is None
            continue
        best = max(tried, key=lambda i: (accuracy[i], -order.index(i)))
        assert standing.validation_regret == pytest.approx(100 * (accuracy[allowed].max() - accuracy[best]))
        assert standing.test_regret == pytest.approx(100 * (test[allowed].max() - test[best]))
        if several:
            points = np.stack([accuracy, latency, params], axis=1)
            corner = truth.reference
            share = hypervolume(points[tried], optimized, corner) / hypervolume(
                points[allowed], optimized, corner
            )
            assert standing.hypervolume == pytest.approx(share)
        else:
            assert standing.hypervolume is None
    if standings[-1] is not None:
        assert standings[-1].validation_regret == pytest.approx(0.0)
        assert not several or standings[-1].hypervolume == pytest.approx(1.0)


def test_the_front_of_cora_is_found_and_measured_from_beyond_its_worst() -> None:
    table = nasbench_graph("cora")
    objectives = [table.objective("accuracy"), table.objective("params")]
    truth = Truth(table, objectives)
    values = table.values(["accuracy", "params"])
    assert truth.front is not None
    for accuracy, params in truth.front:
        assert not ((values[:, 0] > accuracy) & (values[:, 1] <= params)).any()
        assert not ((values[:, 0] >= accuracy) & (values[:, 1] < params)).any()
    low, high = truth.front.min(axis=0), truth.front.max(axis=0)
    assert truth.reference == pytest.approx(
        [low[0] - 0.1 * (high[0] - low[0]), high[1] + 0.1 * (high[1] - low[1])]
    )
    of_all = Truth(table, objectives, reference="table")
    assert of_all.reference == pytest.approx([values[:, 0].min(), values[:, 1].max()])


def test_a_metric_in_its_own_unit(small: Table) -> None:
    truth = Truth(small, [small.objective("latency")])
    latency = small.values(["latency"])[:, 0]
    assert truth.unit == "latency"
    assert truth.test_regrets is None
    assert truth.regrets == pytest.approx((latency - latency.min()).tolist())


def test_wrong_use_is_told(small: Table) -> None:
    with pytest.raises(UsageError, match="limits alone"):
        Truth(small, [parse_limit("params<=30")])
    with pytest.raises(UsageError, match="no network of small keeps"):
        Truth(small, [small.objectives[0], parse_limit("params<=1")])
    with pytest.raises(UsageError, match="'front' or 'table'"):
        Truth(small, small.objectives, reference="worst")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Did you mean 'latency'"):
        small.objective("latenzy")
    with pytest.raises(UsageError, match="Did you mean 'params'"):
        Truth(small, [small.objectives[0], parse_limit("parms<=30")])
    assert small.objective("min:test_accuracy").name == "test_accuracy"


def test_what_the_table_does_not_have_changes_nothing(small: Table) -> None:
    (left_out, row), *rows = small.rows.items()
    fewer = replace(small, rows=dict(rows))
    tracker = Tracker(Truth(fewer, small.objectives[:1]))
    assert tracker.add(completed(left_out, row.mean())) is None
    assert tracker.add(completed(rows[0][0], rows[0][1].mean())) is not None
