import numpy as np
import pandas as pd
import pytest
import torch

from archwright.errors import TaskError
from archwright.tasks.targets import read_targets


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (["a", "b", "a"], "classification"),
        ([True, False], "classification"),
        ([3, 5, 3], "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        (list(range(21)) * 10, "classification"),
        ([value + 1 for value in range(21)] * 10, "regression"),
        ([1.0, 2.0], "regression"),
        ([[1, 2], [3, 4]], "regression"),
        (np.array([[1], [2]]), "classification"),
        (torch.tensor([0, 1]), "classification"),
        (torch.tensor([0.5, 1.0], dtype=torch.bfloat16), "regression"),
        (np.array([b"x", b"y"]), "classification"),
        (pd.Series(["x", "y"]), "classification"),
        (pd.Series(["x", "y"], dtype="category"), "classification"),
        (np.array([1, 2, 3], dtype=object), "classification"),
        (np.array([1.5, 2, 3], dtype=object), "regression"),
    ],
)
def test_the_kind_is_inferred(raw, kind):
    assert read_targets(raw).kind == kind


def test_the_kind_can_be_said():
    assert read_targets([1.0, 2.0, 1.0], "classification").classes == ("1", "2")
    assert read_targets([1, 2, 1], "regression").values.tolist() == [[1.0], [2.0], [1.0]]
    assert read_targets([True, False], "regression").values.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("raw", "values", "classes"),
    [
        ([7, -1, 7, 30], [1, 0, 1, 2], ("-1", "7", "30")),
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        ([True, False], [1, 0], ("False", "True")),
        ([b"y", b"x"], [1, 0], ("x", "y")),
        ([1, "x"], [0, 1], ("1", "x")),
        (np.array([2**64 - 1, 5], dtype=np.uint64), [1, 0], ("5", str(2**64 - 1))),
    ],
)
def test_labels_become_positions_in_their_order(raw, values, classes):
    targets = read_targets(raw, "classification")
    assert targets.values.tolist() == values
    assert targets.values.dtype == np.int64
    assert targets.classes == classes


@pytest.mark.parametrize(
    ("raw", "names", "values"),
    [
        ([0, 1, 0], ("benign", "malignant"), [0, 1, 0]),
        ([0, 2, 0], ("a", "b", "c"), [0, 2, 0]),  # a position, not the second of two
        ([1, 2, 1], ("a", "b"), [0, 1, 0]),  # in their sorted order
        ([4, 2, 4], ("4", "2"), [0, 1, 0]),  # by name
        (["x", "y"], ("y", "x"), [1, 0]),
        ([True, False], ("no", "yes"), [1, 0]),
    ],
)
def test_names_of_classes_are_given(raw, names, values):
    targets = read_targets(raw, classes=names)
    assert (targets.kind, targets.values.tolist(), targets.classes) == ("classification", values, names)


def test_amounts_are_columns_of_64_bits():
    targets = read_targets(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    assert targets.values.tolist() == [[1, 2], [3, 5]]
    assert targets.values.dtype == np.float64
    assert targets.classes == ()
    assert read_targets([0.5, 1.5]).values.shape == (2, 1)


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        ([0, 0, 0], {}, "at least two classes, but every example has the label '0'"),
        (["a", "a"], {}, "every example has the label 'a'"),
        ([1.5, 1.5], {}, "every example has the target 1.5 in column 0"),
        ([[1.0, 2.0], [3.0, 2.0]], {}, "every example has the target 2 in column 1"),
        ([1.0, float("nan"), 2.0], {}, "target of example 1 is NaN or infinite"),
        ([1.0, float("inf"), 2.0], {}, "target of example 1 is NaN or infinite"),
        ([[1.0, 2.0], [3.0, float("nan")]], {}, "target of example 1 is NaN or infinite"),
        (["a", None, "b", None], {}, r"target of example 1 is missing \(2 of 4 are\)"),
        (["a", float("nan"), "b"], {}, "target of example 1 is missing"),
        (np.array(["a", np.nan, "b"], dtype=object), {}, "target of example 1 is missing"),
        (pd.Series(["a", pd.NA]), {}, "target of example 1 is missing"),
        (pd.Series([1, None], dtype="Int64"), {}, "target of example 1 is (missing|NaN)"),
        (["a", " ", "b"], {}, "target of example 1 is missing"),
        ([], {}, "not empty, got"),
        (3, {}, r"expected shape \(examples,\)"),
        (np.zeros((2, 2, 2)), {}, r"got \(2, 2, 2\)"),
        ([[1], [2, 3]], {}, "rows of different lengths"),
        (np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"), {}, "the type datetime64"),
        ([1 + 2j, 3], {}, "the type complex128"),
        ([0, 1], {"kind": "clasification"}, "unknown kind 'clasification'. Did you mean 'classification'"),
        (["a", "b"], {"kind": "regression"}, "a regression expects numbers, got the text 'a'"),
        (
            [0.5, 1.0],
            {"kind": "classification"},
            "target of example 0 is 0.5; for amounts use kind='regression'",
        ),
        ([[0, 1], [1, 0]], {"kind": "classification"}, r"one-hot rows into labels with argmax\(1\)"),
        (["a", "b"], {"classes": ("a", "c")}, "2 names were given.*'b' among them"),
        ([0, 1, 2], {"classes": ("a", "b")}, "2 names were given, but the targets have 3 different labels"),
        ([0, 1], {"classes": ("a", "a")}, "expected different names"),
        ([0.5, 1.0], {"classes": ("a", "b"), "kind": "regression"}, "a regression has none"),
    ],
)
def test_what_cannot_be_learned_is_refused(raw, options, message):
    with pytest.raises(TaskError, match=message):
        read_targets(raw, **options)
