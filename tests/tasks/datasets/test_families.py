"""Families of tasks: what they draw, and that what programs are judged on was not searched on."""

import numpy as np
import pytest

from archwright.errors import TaskError
from archwright.tasks import make_task
from archwright.tasks.datasets.pairs import FINAL_PAIRS, digit_pairs


def test_linear_tasks_are_linear_and_differ_by_use():
    family = make_task("linear_regression", examples=30).family
    first, second = family.tasks("search", 2)
    other = family.tasks("select", 1)[0]
    for inputs, labels, seen, wanted in (first, second, other):
        weights = np.linalg.lstsq(inputs, labels, rcond=None)[0]
        np.testing.assert_allclose(seen @ weights, wanted, atol=1e-10)
    assert [len(task[0]) for task in (first, second, other)] == [30, 30, 1000]
    assert not np.allclose(first[1], second[1])
    np.testing.assert_array_equal(family.tasks("search", 1)[0][1], first[1])


def test_two_layer_tasks_are_not_linear():
    inputs, labels, *_ = make_task("two_layer_regression").family.tasks("select", 1)[0]
    _, residuals, *_ = np.linalg.lstsq(inputs, labels, rcond=None)
    assert residuals[0] > 0.01 * (labels**2).sum()


def test_a_network_learns_one_of_them():
    task = make_task("linear_regression", features=6)
    assert task.signature() == ((6,), 1)
    assert task.metric == "fitness"
    assert (len(task.train), len(task.validation), len(task.test)) == (1000, 50, 50)


def test_pairs_are_projected_standardised_and_of_one_size():
    family = digit_pairs(features=5).family
    tasks = family.tasks("search", 4) + family.tasks("final", 2)
    assert len({tuple(part.shape for part in task) for task in tasks[:4]}) == 1
    for inputs, labels, seen, wanted in tasks:
        assert inputs.shape == (2000, 5)
        np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=0.1)
        assert set(labels) == set(wanted) == {0.0, 1.0}
        assert np.isfinite(seen).all()


def test_final_pairs_are_kept_from_the_search():
    """A family of pictures that show their class: no task of the search holds a pair of the last evaluation."""
    family = digit_pairs(features=1).family
    pictures = tuple(np.full((10, 4), float(one), np.float32) for one in range(10))
    seen = {use: set() for use in ("search", "select", "final")}
    drawn = type(family)(pictures, 1, 8)
    original = type(family).divided

    class Noting(type(family)):
        def divided(self, pair, random):
            seen[use].add(pair)
            return original(self, pair, random)

    for use in seen:
        Noting(drawn.pictures, 1, 8).tasks(use, 60)
    assert seen["final"] <= set(FINAL_PAIRS)
    assert not (seen["search"] | seen["select"]) & set(FINAL_PAIRS)


@pytest.mark.parametrize("options", [{"source": "digit"}, {"pair": (3, 3)}, {"pair": (3, 12)}])
def test_what_is_no_pair_is_refused(options):
    with pytest.raises(TaskError, match="digit_pairs: expected"):
        digit_pairs(**options)
