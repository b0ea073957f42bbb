import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from archwright.errors import TaskError
from archwright.tasks import PreparedDataset, from_arrays, from_dataset


class Listed(Dataset):
    """Items from a list; counts how often they are read."""

    def __init__(self, items):
        self.items = items
        self.reads = 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.reads += 1
        return self.items[index]


def items(count=40, shape=(2, 5), labels=4):
    drawn = torch.Generator().manual_seed(0)
    return [(torch.randn(shape, generator=drawn) * 3 + 7, index % labels) for index in range(count)]


def stacked(part):
    return torch.stack([inputs for inputs, _ in part]), torch.stack([target for _, target in part])


@pytest.mark.parametrize("shape", [(3,), (2, 5), (3, 4, 4)])
@pytest.mark.parametrize("targets", ["labels", "amounts"])
def test_it_agrees_with_the_same_data_in_arrays(shape, targets):
    data = items(shape=shape)
    if targets == "amounts":
        data = [(inputs, inputs.mean() * 100) for inputs, _ in data]
    lazy = from_dataset(Listed(data))
    arrays = from_arrays(
        torch.stack([x for x, _ in data]), [float(y) if targets == "amounts" else y for _, y in data]
    )
    assert isinstance(lazy.train, PreparedDataset)
    assert lazy.kind == arrays.kind
    assert lazy.split == arrays.split
    np.testing.assert_allclose(lazy.preprocessing.input_mean, arrays.preprocessing.input_mean)
    np.testing.assert_allclose(lazy.preprocessing.input_std, arrays.preprocessing.input_std)
    for part in ("train", "validation", "test"):
        for mine, theirs in zip(stacked(getattr(lazy, part)), stacked(getattr(arrays, part)), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_items_are_read_once_to_look_and_again_when_used():
    dataset = Listed(items())
    task = from_dataset(dataset)
    assert dataset.reads == 40
    task.train[0]
    assert dataset.reads == 41


def test_in_memory_they_are_read_once():
    dataset = Listed(items())
    task = from_dataset(dataset, in_memory=True)
    assert type(task.train) is TensorDataset
    assert dataset.reads == 40
    lazy = from_dataset(Listed(items()))
    torch.testing.assert_close(stacked(task.test)[0], stacked(lazy.test)[0])


def test_tensors_are_taken_as_they_are():
    inputs, labels = torch.rand(40, 3), torch.arange(40) % 2
    task = from_dataset(TensorDataset(inputs, labels), test=TensorDataset(inputs[:4], labels[:4]))
    assert type(task.train) is TensorDataset
    assert task.split.source == "given test set, validation split at random"


def test_parts_may_be_datasets_of_their_own():
    validation, test = Listed(items(8)), Listed([(x + 1, y) for x, y in items(12)])
    task = from_dataset(Listed(items()), validation=validation, test=test, standardize=False)
    assert (task.split.train, task.split.validation, task.split.test) == (40, 8, 12)
    torch.testing.assert_close(stacked(task.test)[0], torch.stack([x for x, _ in test.items]))
    torch.testing.assert_close(stacked(task.validation)[0], torch.stack([x for x, _ in validation.items]))


def test_labels_are_named_by_the_dataset_or_found():
    named = Listed(items(labels=2))
    named.classes = ["cat", "dog"]
    assert from_dataset(named).classes == ("cat", "dog")
    assert from_dataset(named, classes=["a", "b"]).classes == ("a", "b")
    words = from_dataset(Listed([(x, "yes" if y else "no") for x, y in items(labels=2)]))
    assert words.classes == ("no", "yes")
    assert {target.item() for _, target in words.train} == {0, 1}


@pytest.mark.parametrize(
    "label",
    [int, np.int64, torch.tensor, lambda y: torch.tensor([y]), lambda y: np.array(y), lambda y: y == 1],
)
def test_labels_may_have_any_form(label):
    task = from_dataset(Listed([(x, label(y)) for x, y in items(labels=2)]))
    assert task.kind == "classification"
    assert task.outputs == 2


def test_inputs_may_be_lists_and_arrays():
    expected = from_dataset(Listed(items(shape=(3,))))
    for convert in (torch.Tensor.tolist, torch.Tensor.numpy):
        task = from_dataset(Listed([(convert(x), y) for x, y in items(shape=(3,))]))
        torch.testing.assert_close(task.train[2], expected.train[2], rtol=1e-5, atol=1e-5)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(items())


class NoLength(Dataset):
    def __getitem__(self, index):
        return items()[index]


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Stream(), "expected a map-style dataset.*got Stream"),
        (NoLength(), "expected a map-style dataset.*got NoLength"),
        (Listed([]), "got an empty dataset"),
        (Listed([torch.zeros(3)] * 9), r"item 0: expected \(input, target\), got Tensor"),
        (
            Listed([*items(5), (torch.zeros(2, 4), 0)]),
            r"item 5: expected an input of shape \(2, 5\).*got \(2, 4\)",
        ),
        (
            Listed([*items(5), (torch.full((2, 5), torch.nan), 0)]),
            "item 5, as a batch of one: expected finite",
        ),
        (Listed([*items(5), ("text", 0)]), "item 5: expected a tensor or an array as input, got str"),
        (Listed([*items(5), (object(), 0)]), r"item 5: .* got object.*ToTensor\(\)"),
        (Listed([(1.0, 0), (2.0, 1)] * 9), r"item 0, as a batch of one: expected shape"),
        (Listed([*items(20), (torch.zeros(2, 5), None)]), "target of example 20 is missing"),
        (Listed(items(labels=1)), "every example has the label '0'"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(dataset, message, in_memory):
    with pytest.raises(TaskError, match=message):
        from_dataset(dataset, in_memory=in_memory)


def test_more_than_inputs_and_targets_is_refused():
    with pytest.raises(TaskError, match="got 3 tensors"):
        from_dataset(TensorDataset(*[torch.zeros(9, 2)] * 3))


def test_items_of_another_byte_order_are_read_each_time():
    data = [(x.numpy().astype(">f4"), y) for x, y in items()]
    lazy, plain = from_dataset(Listed(data)), from_dataset(Listed(items()))
    assert torch.equal(stacked(lazy.train)[0], stacked(plain.train)[0])


def test_masked_items_are_named():
    data = items(shape=(3,))
    data[4] = (np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]), 0)
    with pytest.raises(TaskError, match=r"item 4: expected no gaps, but entry \(1,\) is masked"):
        from_dataset(Listed(data))
    data[4] = (data[5][0], np.ma.masked)
    with pytest.raises(TaskError, match="target of example 4 is missing"):
        from_dataset(Listed(data))


def test_a_class_that_no_item_has_can_be_left_out():
    dataset = Listed(items(labels=3))
    dataset.classes = ["a", "b", "c", "d"]
    with pytest.raises(TaskError, match="class 'd' has 0 examples"):
        from_dataset(dataset)
    task = from_dataset(dataset, classes=dict(enumerate(dataset.classes[:3])))
    assert (task.classes, task.outputs) == (("a", "b", "c"), 3)


@pytest.mark.parametrize("in_memory", [True, False])
def test_items_may_be_symbols(in_memory):
    data = [(torch.arange(index, index + 5), index % 4) for index in range(40)]
    task = from_dataset(Listed(data), symbols=True, in_memory=in_memory)
    assert task.has_symbols
    assert task.preprocessing.symbols == 44
    inputs, _ = stacked(task.train)
    assert inputs.dtype == torch.int64
    assert set(map(tuple, inputs.tolist())) <= {tuple(range(i, i + 5)) for i in range(40)}
    data[3] = (torch.tensor([0, 1, -2, 3, 4]), 3)
    with pytest.raises(TaskError, match="-2 as the smallest"):
        from_dataset(Listed(data), symbols=True, in_memory=in_memory)


@pytest.mark.parametrize("in_memory", [True, False])
def test_classes_may_count_differently(in_memory):
    task = from_dataset(Listed(items(labels=4)), in_memory=in_memory, class_weights=[1, 2, 3, 4])
    assert task.class_weights.tolist() == [1, 2, 3, 4]
