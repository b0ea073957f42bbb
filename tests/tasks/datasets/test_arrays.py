import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from archwright.errors import ArchwrightWarning, TaskError
from archwright.tasks import ImageDataset, Part, Plan, from_arrays

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


def test_whoever_keeps_the_test_data_gives_none():
    inputs = torch.arange(40.0).reshape(20, 2)
    task = from_arrays(inputs, inputs[:, 0] > 17, test=None)
    assert (task.split.train, task.split.validation, task.split.test) == (16, 4, 0)
    network = torch.nn.Linear(2, 2)
    assert task.evaluate(network, Part("test"), Plan(size=8, device="cpu")) == {}
    assert "accuracy" in task.evaluate(network, Part("validation"), Plan(size=8, device="cpu"))


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
        ([["a"]] * 40, {}, "real numbers, got 'a' at example 0, position .0,.; encode text"),
        (rows().astype(complex), {}, "real numbers, got the type complex128"),
        ([[1, 2], [3]] * 20, {}, "inputs: expected an array, got rows of different lengths"),
        ([[{1}]] * 40, {}, r"real numbers, got \{1\} at example 0, position \(0,\)"),
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


def masked(values, *places):
    mask = np.zeros(np.shape(values), bool)
    for place in places:
        mask[place] = True
    return np.ma.array(values, mask=mask)


@pytest.mark.parametrize(
    ("inputs", "targets", "options", "message"),
    [
        (masked(rows(), (5, 1), (7, 0)), LABELS, {}, r"inputs: .* entry \(5, 1\) is masked \(2 of 120 are\)"),
        (rows(), masked(LABELS, 9), {}, r"targets: .* entry \(9,\) is masked"),
        (rows(), masked(rows(), (3, 2)), {}, r"targets: .* entry \(3, 2\) is masked"),
        (list(masked(rows(), (4, 0))), LABELS, {}, r"inputs: .* entry \(4, 0\) is masked"),
        (rows(), LABELS, {"test": (masked(rows(4), (0, 0)), LABELS[:4])}, r"test inputs: .* entry \(0, 0\)"),
    ],
)
def test_masked_entries_are_gaps(inputs, targets, options, message):
    with pytest.raises(TaskError, match=message):
        from_arrays(inputs, targets, **options)


def test_a_masked_array_without_a_masked_entry_is_an_array():
    plain, marked = from_arrays(rows(), LABELS), from_arrays(masked(rows()), masked(LABELS))
    assert torch.equal(plain.train.tensors[0], marked.train.tensors[0])


@pytest.mark.parametrize("order", [">f4", "<f4", ">f8", ">i2", ">u4", ">f2", "longdouble"])
def test_numbers_of_any_byte_order_and_width_are_read(order):
    numbers = np.arange(120).reshape(40, 3).astype(order)
    task = from_arrays(numbers, numbers[:, 0], kind="regression", standardize=False)
    seen = [int(inputs[0]) for part in (task.train, task.validation, task.test) for inputs, _ in part]
    assert sorted(seen) == list(range(0, 120, 3))
    assert from_arrays(rows(), LABELS.astype(">i8")).classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int8])
def test_tensors_of_any_type_are_read(dtype):
    small = torch.arange(80).view(40, 2) % 8
    task = from_arrays(small.to(dtype), LABELS, standardize=False)
    assert {inputs[0].item() for inputs, _ in task.train} == {0.0, 2.0, 4.0, 6.0}
    assert from_arrays(small.float().to_sparse(), LABELS).input_shape == (2,)


def test_a_frame_with_a_column_of_booleans_is_a_table_of_numbers():
    frame = pd.DataFrame(rows(), columns=list("abc"))
    frame["d"] = frame["a"] > 0
    frame["e"] = pd.array(range(40), dtype="Int64")
    task = from_arrays(frame, LABELS, standardize=False)
    assert {tuple(inputs.tolist()) for inputs, _ in task.train} <= {
        tuple(row) for row in frame.to_numpy(np.float32).tolist()
    }
    frame.loc[6, "e"] = pd.NA
    with pytest.raises(TaskError, match=r"got nan at example 6, position \(4,\)"):
        from_arrays(frame, LABELS)
    frame["e"] = "x"
    with pytest.raises(TaskError, match=r"got 'x' at example 0, position \(4,\); encode text"):
        from_arrays(frame, LABELS)


def test_labels_that_two_types_would_make_one_are_refused():
    with pytest.raises(TaskError, match="'7' stands there as text and as another type"):
        from_arrays(rows(), [7, "7", "8", 9] * 10)
    assert from_arrays(rows(), [7, "x", "8", 9] * 10).classes == ("7", "8", "9", "x")


def test_a_dict_of_classes_leaves_out_what_no_example_has():
    labels = np.array([0, 2, 5, 2] * 10)
    with pytest.raises(TaskError, match=r"class 'b' has 0 examples .* classes= as a dict of label to name"):
        from_arrays(rows(), labels, classes=list("abcdef"))
    task = from_arrays(labels[:, None], labels, classes={0: "a", 2: "c", 5: "f"}, standardize=False)
    assert (task.classes, task.outputs) == (("a", "c", "f"), 3)
    assert {(int(inputs[0]), label.item()) for inputs, label in task.train} == {(0, 0), (2, 1), (5, 2)}
    texts = from_arrays(rows(), ["x", "y"] * 20, classes={"y": "second", "x": "first"})
    assert texts.classes == ("second", "first")
    with pytest.raises(TaskError, match="no name for the label '5'"):
        from_arrays(rows(), labels, classes={0: "a", 2: "c"})


def test_symbols_stay_whole_numbers():
    words = np.random.default_rng(0).integers(0, 50, (40, 7))
    for form in (words, words.astype(np.uint8), torch.from_numpy(words), words.tolist()):
        task = from_arrays(form, LABELS, symbols=True, note="words of a review")
        assert task.has_symbols
        assert (task.input_shape, task.preprocessing.symbols) == ((7,), words.max() + 1)
        assert task.train[0][0].dtype == torch.int64
        assert {tuple(x.tolist()) for x, _ in task.train} <= {tuple(row) for row in words.tolist()}
    assert task.preprocessing.steps() == [
        f"Take an input as whole numbers from 0 to {words.max()} of shape (7,): words of a review."
    ]
    assert task.preprocessing.prepare(torch.from_numpy(words)).equal(torch.from_numpy(words))
    assert task.example()[0].dtype == torch.int64
    assert from_arrays(words, LABELS, symbols=1000).preprocessing.symbols == 1000


def test_amounts_are_still_standardised_where_inputs_are_symbols():
    words, amounts = np.arange(120).reshape(40, 3), np.arange(40) * 100.0
    task = from_arrays(words, amounts, symbols=True)
    assert task.train.tensors[0].dtype == torch.int64
    assert abs(task.train.tensors[1].mean()) < 1e-5
    restored = task.preprocessing.restore(task.train.tensors[1])
    torch.testing.assert_close(restored[:, 0], task.train.tensors[0][:, 0] / 3 * 100, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("inputs", "symbols", "message"),
    [
        (rows(), True, "expected symbols as whole numbers from 0, got the type float64"),
        (np.arange(120).reshape(40, 3) - 1, True, "got the type int64 and -1 as the smallest"),
        (np.arange(120).reshape(40, 3), 100, "expected symbols from 0 to 99, got 119; give symbols=120"),
    ],
)
def test_what_is_no_symbol_is_refused(inputs, symbols, message):
    with pytest.raises(TaskError, match=message):
        from_arrays(inputs, LABELS, symbols=symbols)


def test_an_unknown_word_on_the_data_is_refused():
    with pytest.raises(TypeError, match="colour"):
        from_arrays(rows(), LABELS, colour="red")


@pytest.mark.parametrize("weights", ["balanced", [1.0, 2.0, 0.5, 1.0]])
def test_classes_may_count_differently(weights):
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 3] * 10)
    task = from_arrays(rows(100), labels, class_weights=weights)
    counts = np.bincount([label.item() for _, label in task.train])
    expected = len(task.train) / (4 * counts) if weights == "balanced" else weights
    np.testing.assert_allclose(task.class_weights, expected, rtol=1e-6)
    assert from_arrays(rows(100), labels).class_weights is None
    assert task.describe()["class_weights"] == pytest.approx(list(expected))
    assert "class_weights" not in from_arrays(rows(100), labels).describe()


def test_weights_are_for_classes_alone():
    with pytest.raises(TaskError, match="class_weights: a regression has no classes"):
        from_arrays(rows(), rows()[:, 0], class_weights="balanced")
    with pytest.raises(TaskError, match="class_weights: expected 4 numbers"):
        from_arrays(rows(), LABELS, class_weights=[1.0, 2.0])
