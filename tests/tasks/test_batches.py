import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset, Subset, TensorDataset

from archwright.errors import UsageError
from archwright.tasks.batches import DatasetStream, Part, Plan, choose, divide, share

CPU = torch.device("cpu")


class Listed(Dataset):
    """Reads examples one by one, and counts them."""

    def __init__(self, tensors, targets=None):
        self.tensors_, self.reads = tensors, 0
        if targets is not None:
            self.targets = targets

    def __len__(self):
        return len(self.tensors_[0])

    def __getitem__(self, index):
        self.reads += 1
        return tuple(tensor[index] for tensor in self.tensors_)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 200), st.integers(2, 40))
def test_division_loses_nothing_and_leaves_nobody_alone(length, batch_size):
    order = torch.randperm(length, generator=generator())
    batches = divide(order, batch_size)
    assert torch.equal(torch.cat(batches), order)
    sizes = [len(batch) for batch in batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] <= batch_size + 1
    assert sizes[-1] >= 2 or length == 1


@pytest.mark.parametrize("kind", [TensorDataset, lambda *tensors: Listed(tensors)])
@pytest.mark.parametrize("seed", [None, 3])
def test_a_stream_reads_every_example_once_an_epoch(kind, seed):
    inputs, targets = torch.randn(23, 3), torch.arange(23)
    plan = Plan(size=4, device=CPU, seed=seed, least=1)
    state = torch.get_rng_state()
    stream = DatasetStream(kind(inputs, targets), torch.arange(23), plan)
    read = list(stream)
    assert stream.length == len(read) == 6
    order = torch.cat([batch[1] for batch in read])
    assert torch.equal(torch.cat([batch[0] for batch in read]), inputs[order])
    assert torch.equal(order.sort().values, targets)
    assert torch.equal(order, targets) == (seed is None)
    assert torch.equal(torch.get_rng_state(), state)


@given(st.integers(0, 4), st.integers(0, 6), st.integers(2, 9), st.integers(1, 3))
def test_a_state_is_where_the_stream_goes_on(epoch, taken, size, ranks):
    dataset = TensorDataset(torch.arange(31))
    plans = [Plan(size=size, device=CPU, seed=5, rank=rank, ranks=ranks) for rank in range(ranks)]
    streams = [DatasetStream(dataset, torch.arange(31), plan) for plan in plans]
    for stream, plan in zip(streams, plans, strict=True):
        stream.start(epoch)
        for _ in range(min(taken, stream.length)):
            next(stream)
        again = DatasetStream(dataset, torch.arange(31), plan)
        again.load_state_dict(stream.state_dict())
        assert [batch[0].tolist() for batch in stream] == [batch[0].tolist() for batch in again]
    # The pieces of all ranks are the epoch.
    for stream in streams:
        stream.start(epoch)
    seen = torch.cat([batch[0] for stream in streams for batch in stream])
    assert seen.sort().values.tolist() == list(range(31))


@given(st.floats(0.2, 0.8), st.integers(0, 5))
def test_shares_have_nothing_in_common(cut, seed):
    positions = torch.arange(50)
    low, high = (share(positions, part, seed) for part in (Part("train", 0, cut), Part("train", cut, 1)))
    assert torch.equal(torch.cat([low, high]).sort().values, positions)
    assert len(low) == round(cut * 50)
    with pytest.raises(UsageError, match="at least 2 examples in each share"):
        share(positions, Part("train", 0, 0.01), seed)


def test_a_dataset_that_changes_its_items_is_read_item_by_item():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            inputs, targets = super().__getitem__(index)
            return 2 * inputs, targets

    inputs = torch.randn(4, 2)
    stream = DatasetStream(Doubled(inputs, torch.arange(4)), torch.arange(4), Plan(size=4, device=CPU))
    assert torch.equal(next(stream)[0], 2 * inputs)


LABELS = torch.tensor([0] * 10 + [1] * 30 + [2] * 60)[torch.randperm(100, generator=generator(3))]
INPUTS = torch.randn(100, 2)


def counts(positions, labels=LABELS):
    return torch.bincount(labels[positions], minlength=3).tolist()


@pytest.mark.parametrize(
    "dataset",
    [
        TensorDataset(INPUTS, LABELS),
        Listed((INPUTS, LABELS), targets=LABELS),
        Listed((INPUTS, LABELS), targets=LABELS.tolist()),
    ],
)
@pytest.mark.parametrize(("fraction", "expected"), [(0.1, [1, 3, 6]), (0.5, [5, 15, 30]), (0.01, [1, 1, 1])])
def test_a_share_of_each_class(dataset, fraction, expected):
    positions = choose(dataset, fraction, generator(), by_class=True)
    assert counts(positions) == expected
    assert positions.tolist() == sorted(set(positions.tolist()))
    assert getattr(dataset, "reads", 0) == 0


def test_a_share_of_each_class_of_a_subset():
    kept = [index for index in range(100) if index % 2 == 0]
    subset = Subset(TensorDataset(INPUTS, LABELS), kept)
    labels = LABELS[kept]
    positions = choose(subset, 0.5, generator(), by_class=True)
    assert counts(positions, labels) == [round(0.5 * count) for count in counts(range(50), labels)]


def test_without_labels_at_hand_the_share_is_of_all():
    dataset = Listed((INPUTS, LABELS))
    assert len(choose(dataset, 0.25, generator(), by_class=True)) == 25
    assert dataset.reads == 0
    regression = TensorDataset(INPUTS, torch.randn(100, 1))
    assert len(choose(regression, 0.25, generator(), by_class=False)) == 25


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.booleans())
def test_smaller_shares_are_part_of_larger_ones(first, second, by_class):
    dataset = TensorDataset(INPUTS, LABELS)
    small, large = sorted((first, second))
    inner = set(choose(dataset, small, generator(), by_class=by_class).tolist())
    assert inner <= set(choose(dataset, large, generator(), by_class=by_class).tolist())
    assert len(inner) >= 2


def test_the_whole_and_other_seeds():
    dataset = TensorDataset(INPUTS, LABELS)
    assert torch.equal(choose(dataset, 1.0, generator(), by_class=True), torch.arange(100))
    first, again = (choose(dataset, 0.3, generator(5), by_class=True) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, choose(dataset, 0.3, generator(6), by_class=True))
