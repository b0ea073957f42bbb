import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from archwright.errors import ArchwrightWarning, TaskError
from archwright.tasks import ImageDataset, from_arrays

LABELS = np.arange(40) % 4


def rows(count=40, shape=(3,)):
    return np.random.default_rng(0).normal(size=(count, *shape))


def numbers_of(part):
    return [int(inputs.flatten()[0]) for inputs, _ in part]


@given(st.integers(30, 80), st.integers(0, 99), st.sampled_from([np.uint8, np.float64]))
@settings(max_examples=30, deadline=None)
def test_no_example_is_in_two_parts_and_none_is_lost(count, seed, dtype):
    numbered = np.arange(count).astype(dtype).reshape(-1, 1, 1, 1)
    task = from_arrays(numbered, np.arange(count) % 4, seed=seed, standardize=False)
    parts = [numbers_of(part) for part in (task.train, task.validation, task.test)]
    assert sorted(itertools.chain(*parts)) == list(range(count))
    for part, dataset in zip(parts, (task.train, task.validation, task.test), strict=True):
        assert [label.item() for _, label in dataset] == [number % 4 for number in part]


def test_the_search_cannot_learn_anything_of_the_test_part():
    """The statistics, the only thing the parts share, stay the same when test and validation are changed."""
    inputs, targets = rows(), rows()[:, 0]
    plain = from_arrays(np.arange(40.0)[:, None], targets, standardize=False)
    unseen = numbers_of(plain.validation) + numbers_of(plain.test)
    first = from_arrays(inputs, targets)
    inputs[unseen] += 1000
    targets[unseen] -= 1000
    second = from_arrays(inputs, targets)
    assert first.preprocessing == second.preprocessing
    assert torch.equal(first.train.tensors[0], second.train.tensors[0])
    assert not torch.equal(first.test.tensors[0], second.test.tensors[0])


def test_tensors_are_kept_whole_in_memory():
    task = from_arrays(rows(), LABELS)
    assert type(task.train) is TensorDataset
    assert task.input_shape == (3,)
    assert task.outputs == 4


@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        pd.DataFrame,
        torch.from_numpy,
        lambda x: torch.from_numpy(x).requires_grad_(),
        np.float32,
        lambda x: torch.from_numpy(x).bfloat16(),
        lambda x: torch.from_numpy(x).half(),
    ],
)
def test_inputs_of_any_form_give_the_same_task(convert):
    expected = from_arrays(rows(), LABELS)
    task = from_arrays(convert(rows()), LABELS)
    torch.testing.assert_close(task.train.tensors[0], expected.train.tensors[0], rtol=0.02, atol=0.02)


def test_bytes_of_images_stay_bytes_and_are_standardised_as_floats_are():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 5, 4), np.uint8)
    as_bytes, as_floats = from_arrays(pixels, LABELS), from_arrays(pixels.astype(float), LABELS)
    assert isinstance(as_bytes.train, ImageDataset)
    assert as_bytes.train.images.dtype == torch.uint8
    assert as_bytes.preprocessing == as_floats.preprocessing
    for index in (0, 7):
        torch.testing.assert_close(as_bytes.test[index], as_floats.test[index], rtol=0, atol=1e-5)
    several = as_bytes.train.__getitems__([3, 1])
    assert [target.item() for _, target in several] == [as_bytes.train[i][1].item() for i in (3, 1)]
    assert torch.equal(several[0][0], as_bytes.train[3][0])


def test_parts_may_be_given():
    validation, test = (
        (rows(12) + 1, LABELS[:12]),
        (torch.from_numpy(rows(8) + 2), torch.from_numpy(LABELS[:8])),
    )
    task = from_arrays(rows(), LABELS, validation=validation, test=test, standardize=False)
    assert (task.split.train, task.split.validation, task.split.test) == (40, 12, 8)
    assert task.split.source == "given validation and test sets"
    np.testing.assert_allclose(task.validation.tensors[0], validation[0], rtol=1e-5)
    np.testing.assert_allclose(task.test.tensors[0], test[0], rtol=1e-5)
    assert task.test.tensors[1].tolist() == LABELS[:8].tolist()


def test_given_parts_of_other_label_types_share_the_classes():
    task = from_arrays(rows(), ["b", "a"] * 20, test=(rows(4), np.array(["a", "b", "a", "b"], object)))
    assert task.classes == ("a", "b")
    assert task.test.tensors[1].tolist() == [0, 1, 0, 1]


def test_names_are_kept_for_the_report():
    task = from_arrays(
        rows(), LABELS, features=["x", "y", "z"], target="kind", name="mine", note="three sizes"
    )
    told = task.describe()
    assert told["name"] == "mine"
    assert told["preprocessing"]["features"] == ["x", "y", "z"]
    assert told["preprocessing"]["target"] == "kind"
    assert told["preprocessing"]["note"] == "three sizes"


def test_channels_last_are_noticed():
    with pytest.warns(ArchwrightWarning, match="channels last.*transpose"):
        from_arrays(rows(shape=(8, 8, 3)), LABELS)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (rows(shape=()), {}, r"got \(40,\); make one feature of each number with inputs.reshape\(-1, 1\)"),
        (rows(shape=(1, 2, 3, 4)), {}, r"expected shape .*height, width\), got \(40, 1, 2, 3, 4\)"),
        (5.0, {}, r"expected shape .* got \(\)"),
        (rows(0), {}, r"the empty shape \(0, 3\)"),
        (rows(shape=(0,)), {}, r"the empty shape \(40, 0\)"),
        (rows(39), {}, "one target for each of 39 inputs, got targets of shape"),
        ([["a"]] * 40, {}, "real numbers, got the type object; encode text"),
        (rows().astype(complex), {}, "real numbers, got the type complex128"),
        ([[1, 2], [3]] * 20, {}, "inputs: expected an array, got rows of different lengths"),
        ([[2**70]] * 40, {}, "real numbers, got the type object"),
        (
            np.where(np.arange(120).reshape(40, 3) == 31, np.nan, 1.0),
            {},
            r"got nan at example 10, position \(1,\)",
        ),
        (np.where(np.arange(120).reshape(40, 3) > 110, np.inf, 1.0), {}, r"\(3 of 40 examples have"),
        (rows() * 1e200, {}, "inputs: the numbers of channel 0 are too large"),
        (rows() * 1e200, {"standardize": False}, "too large for 32-bit floats"),
        (rows(), {"features": ["x"]}, "features: expected 3 names, one a feature, got 1"),
        (rows(), {"test": (rows(4),)}, r"test: expected a share or \(inputs, targets\), got 1 values"),
        (rows(), {"test": (rows(4, (2,)), LABELS[:4])}, r"test inputs: expected each of shape \(3,\)"),
        (
            rows(),
            {"test": (rows(4), LABELS[:3])},
            "test inputs and targets: expected one target for each of 4",
        ),
        (rows(), {"validation": (np.full((4, 3), np.nan), LABELS[:4])}, "validation inputs: expected finite"),
        (rows(), {"test": (rows(4), np.zeros((4, 2)))}, "targets: expected one shape for all parts"),
        (rows(), {"test": "0.2"}, "test: expected a share"),
        (rows(), {"validation": 7}, "validation: expected a share of the examples between 0 and 1, got 7"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(inputs, options, message):
    with pytest.raises(TaskError, match=message):
        from_arrays(inputs, LABELS, **options)


def test_an_array_of_numbers_without_targets_is_refused():
    with pytest.raises(TaskError, match=r"got targets of shape \(\)"):
        from_arrays(rows(), None)
