from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset, TensorDataset

from archwright.errors import UsageError
from archwright.tasks import make_task
from archwright.tasks.batches import labels_of
from archwright.tasks.reduced import AveragedDataset, fold_positions, folded, resized


def digits() -> Any:
    return make_task("digits")


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    folds=st.integers(2, 6),
)
@settings(deadline=None)
def test_no_example_is_in_two_folds_and_each_is_in_one(counts: list[int], folds: int) -> None:
    groups = torch.cat([torch.full((count,), i) for i, count in enumerate(counts)])
    parts = [fold_positions(groups, fold, folds).tolist() for fold in range(folds)]
    assert sorted(position for part in parts for position in part) == list(range(len(groups)))
    for part in parts:  # proportions: of no class more than one example above its share
        for i, count in enumerate(counts):
            assert abs(sum(int(groups[p]) == i for p in part) - count / folds) <= 1


def test_folds_of_a_task_share_no_example_between_training_and_validation() -> None:
    task = digits()
    everything = Counter(
        row.numpy().tobytes() for part in (task.train, task.validation) for row in part.tensors[0]
    )
    seen: Counter[bytes] = Counter()
    for fold in range(3):
        view = folded(task, fold, 3)
        held, trained = view.validation.tensors[0], view.train.tensors[0]
        assert len(held) + len(trained) == sum(everything.values())
        joined = Counter(row.numpy().tobytes() for row in torch.cat([held, trained]))
        assert joined == everything
        seen.update(row.numpy().tobytes() for row in held)
        assert view.test is task.test
    assert seen == everything
    assert len(task.train) + len(task.validation) == sum(everything.values())


def test_folds_of_other_datasets_are_read_by_position() -> None:
    task = digits()
    expected = folded(task, 1, 4)
    task.train = Subset(task.train, range(len(task.train)))
    view = folded(task, 1, 4)
    assert type(view.train) is Subset
    for got, known in zip((view.train, view.validation), (expected.train, expected.validation), strict=True):
        assert len(got) == len(known)
        assert all(torch.equal(got[i][0], known[i][0]) for i in range(0, len(known), 97))
        assert torch.equal(labels_of(got), known.tensors[1])  # type: ignore[arg-type]


@pytest.mark.parametrize(("resolution", "factor"), [(4, 2), (2, 4), (8, 1)])
def test_a_lower_resolution_is_the_mean_of_blocks(resolution: int, factor: int) -> None:
    task = digits()
    view = resized(task, resolution)
    assert view.input_shape == (1, resolution, resolution)
    blocks = task.train.tensors[0].reshape(-1, 1, resolution, factor, resolution, factor).mean(dim=(3, 5))
    assert torch.allclose(view.train.tensors[0], blocks, atol=1e-6)
    assert torch.equal(view.train.tensors[1], task.train.tensors[1])
    assert view.test is task.test
    assert task.input_shape == (1, 8, 8)


def test_a_series_has_a_resolution_too_and_other_sides_keep_their_proportion() -> None:
    view = resized(make_task("mnist1d"), 20)
    assert view.input_shape == (1, 20)
    assert view.train.tensors[0].shape[1:] == (1, 20)
    task = digits()
    for part in ("train", "validation"):
        inputs, targets = getattr(task, part).tensors
        setattr(task, part, TensorDataset(inputs[:, :, :, :4], targets))
    task.input_shape = (1, 8, 4)
    assert resized(task, 4).input_shape == (1, 4, 2)


def test_a_dataset_that_is_read_item_by_item_is_averaged_when_read() -> None:
    task = digits()
    plain = resized(task, 4).train.tensors
    lazy = AveragedDataset(Subset(task.train, range(len(task.train))), (4, 4))
    assert torch.allclose(lazy[5][0], plain[0][5])
    items = lazy.__getitems__([3, 7])
    assert torch.allclose(torch.stack([inputs for inputs, _ in items]), plain[0][[3, 7]])
    assert torch.equal(labels_of(lazy), plain[1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: resized(digits(), 9),
            "8 points along their longer side, got the resolution 9; take at most 8",
        ),
        (lambda: resized(make_task("breast_cancer"), 4), "a resolution needs inputs of the shape"),
        (lambda: folded(make_task("breast_cancer"), 0, 400), "cannot be divided into 400 folds; take fewer"),
    ],
)
def test_what_a_task_cannot_do_is_told(make: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make()
