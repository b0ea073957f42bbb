import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import TaskError
from archwright.tasks.splits import divide, split_indices
from archwright.tasks.targets import read_targets

SHARES = st.floats(0.01, 0.6).filter(lambda share: share > 0)


@st.composite
def labelled(draw):
    counts = draw(st.lists(st.integers(3, 60), min_size=2, max_size=8))
    labels = np.repeat(np.arange(len(counts)), counts)
    return draw(st.permutations(labels.tolist()).map(np.array))


@given(labelled(), SHARES, SHARES, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_parts_are_disjoint_and_cover_everything(labels, validation, test, seed):
    parts = split_indices(labels, validation=validation, test=test, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))


@given(labelled(), st.floats(0.01, 0.4), st.floats(0.01, 0.4), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_each_part_has_each_class_in_its_proportion(labels, validation, test, seed):
    train, *drawn = split_indices(labels, validation=validation, test=test, seed=seed)
    counts = np.bincount(labels)
    for part, share in zip(drawn, (validation, test), strict=True):
        there = np.bincount(labels[part], minlength=len(counts))
        assert there.min() >= 1
        # One for rounding, and one where another part or training would else be left without.
        assert (np.abs(there - share * counts) <= 1 + (counts <= 5)).all()
    assert np.bincount(labels[train], minlength=len(counts)).min() >= 1


@given(labelled(), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_whole_part_has_its_share(labels, seed):
    _, _, test = split_indices(labels, validation=0.2, test=0.2, seed=seed)
    rare = int((np.bincount(labels) < 5).sum())
    assert abs(len(test) - 0.2 * len(labels)) <= 1 + rare


@given(labelled(), st.integers(0, 99), SHARES)
@settings(max_examples=50, deadline=None)
def test_one_seed_gives_one_split_and_the_test_part_ignores_the_share_of_validation(labels, seed, share):
    first = split_indices(labels, validation=0.2, test=0.2, seed=seed)
    again = split_indices(labels, validation=0.2, test=0.2, seed=seed)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    other = split_indices(labels, validation=share, test=0.2, seed=seed)
    assert (first[2] == other[2]).all()


def test_another_seed_gives_another_split():
    labels = np.arange(200) % 4
    first, second = (split_indices(labels, validation=0.2, test=0.2, seed=seed) for seed in (0, 1))
    assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_parts_are_ascending_and_drawn_from_the_whole_range():
    train, validation, test = split_indices(np.zeros(1000, int), validation=0.2, test=0.3, seed=3)
    assert (len(train), len(validation), len(test)) == (500, 200, 300)
    for part in (train, validation, test):
        assert (np.diff(part) > 0).all()
        assert 400 < part.mean() < 600


def test_the_smallest_classes_reach_every_part():
    targets = read_targets(["a"] * 3 + ["b"] * 3)
    parts, split = divide(targets, validation=0.45, test=0.45)
    for part in (parts.train, parts.validation, parts.test):
        assert sorted(targets.values[part]) == [0, 1]
    assert (split.train, split.validation, split.test) == (2, 2, 2)


def test_given_parts_stay_as_they_are():
    targets = read_targets(np.arange(40) % 2)
    parts, split = divide(targets, given_validation=6, given_test=10, origin="official")
    assert parts.train.tolist() == list(range(24))
    assert parts.validation.tolist() == list(range(24, 30))
    assert parts.test.tolist() == list(range(30, 40))
    assert str(split) == (
        "24 train, 6 validation, 10 test (official validation and test sets, stratified by class, seed 0)"
    )


@pytest.mark.parametrize(
    ("given_parts", "source"),
    [
        ({}, "split at random"),
        ({"given_test": 8}, "given test set, validation split at random"),
        ({"given_validation": 8}, "given validation set, test split at random"),
    ],
)
def test_the_record_says_where_parts_come_from(given_parts, source):
    parts, split = divide(read_targets(np.arange(60) % 3), **given_parts)
    assert split.source == source
    assert (split.train, split.validation, split.test) == tuple(
        map(len, (parts.train, parts.validation, parts.test))
    )


def test_regression_is_divided_without_classes():
    parts, split = divide(read_targets(np.linspace(0, 1, 4)))
    assert not split.stratified
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (2, 1, 1)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, True, "0.2", float("nan")])
@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_share_out_of_range_is_refused(part, share):
    with pytest.raises(TaskError, match=f"{part}: expected a share of the examples between 0 and 1"):
        divide(read_targets(np.arange(60) % 3), **{part: share})


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(TaskError, match=r"validation=0\.5 and test=0\.5 leave nothing for training"):
        divide(read_targets(np.arange(60) % 3), validation=0.5, test=0.5)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(TaskError, match="seed: expected an integer >= 0"):
        divide(read_targets(np.arange(60) % 3), seed=seed)


def test_a_class_with_too_few_examples_is_refused():
    with pytest.raises(TaskError, match=r"class 'rare' has 2 examples.*at least 3 of each class"):
        divide(read_targets(["common"] * 50 + ["rare"] * 2))
    with pytest.raises(TaskError, match=r"class '7' has 1 example .*kind='regression'"):
        divide(read_targets([1] * 50 + [7]))
    with pytest.raises(TaskError, match="2 classes have too few"):
        divide(read_targets(["common"] * 50 + ["rare", "odd"]))


def test_a_class_that_only_test_has_is_refused():
    targets = read_targets(["a", "b"] * 10 + ["c"] * 4)
    with pytest.raises(TaskError, match="class 'c' has 0 examples"):
        divide(targets, given_test=4)


def test_too_few_amounts_are_refused():
    with pytest.raises(TaskError, match="expected at least 4 examples to divide, got 3"):
        divide(read_targets([0.1, 0.2, 0.3]))
