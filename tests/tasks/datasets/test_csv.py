import numpy as np
import pandas as pd
import pytest
import torch

from archwright.errors import TaskError
from archwright.tasks import from_csv


def table(count=40):
    drawn = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "width": drawn.normal(5, 2, count),
            "count": drawn.integers(0, 9, count),
            "color": np.array(["red", "blue"])[np.arange(count) % 2],
            "price": drawn.normal(100, 20, count),
            "sold": np.arange(count) % 3 == 0,
        }
    )


def write(folder, frame, name="goods.csv", **options):
    path = folder / name
    frame.to_csv(path, index=False, **options)
    return path


def text(folder, content, name="goods.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("target", "drop", "kind", "classes"),
    [
        ("price", ["color"], "regression", ()),
        ("color", [], "classification", ("blue", "red")),
        ("sold", ["color"], "classification", ("False", "True")),
    ],
)
def test_the_kind_follows_the_column(tmp_path, target, drop, kind, classes):
    task = from_csv(write(tmp_path, table()), target, drop=drop)
    assert (task.kind, task.classes, task.name) == (kind, classes, "goods")
    assert task.preprocessing.target == target
    names = [name for name in table().columns if name != target and name not in drop]
    assert list(task.preprocessing.features) == names
    assert task.input_shape == (len(names),)


def test_rows_keep_their_numbers_and_labels(tmp_path):
    frame = table()
    task = from_csv(write(tmp_path, frame), "color", standardize=False)
    seen = sorted(
        (*inputs.tolist(), task.classes[label])
        for part in (task.train, task.validation, task.test)
        for inputs, label in part
    )
    expected = sorted(
        zip(frame["width"], frame["count"], frame["price"], frame["sold"], frame["color"], strict=True)
    )
    assert [row[4] for row in seen] == [row[4] for row in expected]
    np.testing.assert_allclose([row[:4] for row in seen], [row[:4] for row in expected], rtol=1e-5)


def test_the_kind_can_be_said(tmp_path):
    path = write(tmp_path, table().drop(columns="color"))
    assert from_csv(path, "count", kind="regression").kind == "regression"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path, separator):
    expected = from_csv(write(tmp_path, table()), "color")
    task = from_csv(write(tmp_path, table(), "other.csv", sep=separator), "color")
    assert torch.equal(task.train.tensors[0], expected.train.tensors[0])


def test_names_with_separators_and_marks_are_read(tmp_path):
    frame = table().rename(columns={"width": 'w; "wide", of it', "count": "Zähler"})
    path = write(tmp_path, frame, encoding="utf-8-sig")
    assert from_csv(path, "color").preprocessing.features == ('w; "wide", of it', "Zähler", "price", "sold")


def test_blank_lines_before_the_header_are_passed_over(tmp_path):
    path = text(tmp_path, "\n\n" + table().to_csv(index=False))
    assert from_csv(path, "color").split.train == 24


def test_parts_may_be_files(tmp_path):
    path, other = write(tmp_path, table()), write(tmp_path, table(10), "test.csv")
    task = from_csv(path, "color", test=other)
    assert (task.split.train, task.split.validation, task.split.test) == (32, 8, 10)
    assert task.split.source == "given test set, validation split at random"
    with pytest.raises(TaskError, match=r"expected the same columns as goods.csv, but not both have width"):
        from_csv(path, "color", test=write(tmp_path, table(10).drop(columns="width"), "less.csv"))
    swapped = table(10)[["count", "width", "color", "price", "sold"]]
    with pytest.raises(TaskError, match="they come in another order"):
        from_csv(path, "color", test=write(tmp_path, swapped, "order.csv"))


def labelled(*labels, each=12):
    return "x,y\n" + "".join(f"{row},{labels[row % len(labels)]}\n" for row in range(each * len(labels)))


@pytest.mark.parametrize(
    ("labels", "classes", "options"),
    [
        (("007", "07", "7"), ("007", "07", "7"), {}),
        (("00", "01", "02"), ("00", "01", "02"), {}),  # nothing is merged, and yet they are written so
        (("+1", "1", "-1"), ("+1", "-1", "1"), {}),
        (("1e1", "10", "5"), ("10", "1e1", "5"), {"kind": "classification"}),
        (("12345678901234567890123", "12345678901234567890124"), None, {"kind": "classification"}),
        ((" 7", "8"), ("7", "8"), {}),
        (("1", "2", "10"), ("1", "2", "10"), {}),
        (("1.0", "2.0"), ("1", "2"), {"kind": "classification"}),
        (("0", "1"), ("no", "yes"), {"classes": ("no", "yes")}),
        (("00", "01"), ("no", "yes"), {"classes": ("no", "yes")}),
        (("1", "3"), ("one", "three"), {"classes": {1: "one", 3: "three"}}),
    ],
)
def test_labels_are_told_apart_as_they_are_written(tmp_path, labels, classes, options):
    path = text(tmp_path, labelled(*labels))
    task = from_csv(path, "y", standardize=False, **options)
    assert task.classes == (classes or tuple(sorted(labels)))
    names = options.get("classes", ())
    for part in (task.train, task.validation, task.test):
        for inputs, label in part:
            written = labels[int(inputs[0]) % len(labels)].strip()
            if names:
                assert label == int(inputs[0]) % len(labels)
            else:
                assert task.classes[label] == (
                    written if written in task.classes else f"{float(written):.0f}"
                )


def test_amounts_stay_numbers_however_they_are_written(tmp_path):
    padded = "x,y\n" + "".join(f"{row},{row:05}\n" for row in range(60))
    assert from_csv(text(tmp_path, padded), "y").kind == "regression"
    task = from_csv(
        text(tmp_path, labelled("007", "07", "7", "9")), "y", kind="regression", standardize=False
    )
    assert {target.item() for _, target in task.train} == {7.0, 9.0}


@pytest.mark.parametrize("role", ["validation", "test"])
def test_labels_of_another_file_are_read_the_same_way(tmp_path, role):
    path = text(tmp_path, labelled("007", "7", "8"))
    other = text(tmp_path, labelled("8", "7"), "other.csv")
    task = from_csv(path, "y", **{role: other})
    assert task.classes == ("007", "7", "8")
    assert {task.classes[label] for _, label in getattr(task, role)} == {"7", "8"}
    path = text(tmp_path, labelled("7", "8", "a"))
    task = from_csv(path, "y", test=text(tmp_path, labelled("8", "7"), "numbers.csv"))
    assert {task.classes[label] for _, label in task.test} == {"7", "8"}
    with pytest.raises(TaskError, match="class '07' has 0 examples"):
        from_csv(
            text(tmp_path, labelled("7", "8")), "y", test=text(tmp_path, labelled("07", "8"), "padded.csv")
        )


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_header_of_any_length_is_read(tmp_path, separator):
    names = [f"a feature with a rather long name, number {i}".replace(",", "") for i in range(4000)]
    assert len(separator.join(names)) > 131_072
    rows = [separator.join(["1", "2"] * 2000 + ["a"]), separator.join(["3", "4"] * 2000 + ["b"])] * 10
    path = text(tmp_path, "\n".join([separator.join([*names, "y"]), *rows]))
    assert from_csv(path, "y").preprocessing.features == tuple(names)


def test_a_name_that_speaks_of_compression_changes_nothing(tmp_path):
    assert from_csv(text(tmp_path, labelled("a", "b"), "table.csv.gz"), "y").classes == ("a", "b")


GOOD = "a,b,y\n" + "1,2,x\n3,4,z\n" * 5


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "the file is empty"),
        ("\n \n", {}, "no name|the file is empty"),
        ("a,b,y\n", {}, "expected rows below the header, got none"),
        (b"PK\x03\x04\0\0binary", {}, "which is text, but this is binary"),
        (b"a,b,y\n\xff\xfe,1,2\n", {}, "CSV file in UTF-8, but it is not"),
        (b"a,b,y\n" + b"1,2,x\n" * 9000 + b"\xe9,2,x\n", {}, "in UTF-8"),
        ("a,a,y\n1,2,x\n", {}, "'a' stands twice"),
        (",b,y\n1,2,x\n", {}, "column 1 has no name .pandas writes its index so"),
        (GOOD, {"target": "Y"}, "target: no column 'Y'. .*Known: a, b, y"),
        (GOOD, {"target": "yy"}, "no column 'yy'. Did you mean 'y'"),
        (GOOD, {"drop": ["c"]}, "drop: no column 'c'"),
        (GOOD, {"drop": ["y"]}, "the target 'y' cannot be left out"),
        (GOOD, {"drop": "a"}, r"write drop=\['a'\]"),
        (GOOD, {"drop": ["a", "b"]}, "at least one column beside the target 'y'"),
        (
            GOOD + "5,six,x\n7,eight,x\n",
            {},
            r"numbers in column 'b', got 'six' in row 11 \(2 of 12.*drop=\['b'\]",
        ),
        (GOOD + "5,6,\n", {}, "column 'y' has no value .* in 1 of 11 rows, the first of them row 11"),
        (GOOD + "5,6\n", {}, "column 'y' has no value .* the first of them row 11"),
        (GOOD + "5,6,x,8\n", {}, "Expected 3 fields in line 12, saw 4"),
        ("a,b,y\n1,2,x,9\n3,4,z,9\n", {}, "expected rows of 3 values"),
        (GOOD + "5,inf,x\n", {}, "finite numbers in column 'b', got infinity in row 11"),
        ("a,y\n" + "1,x\n" * 9, {}, "every example has the label 'x'"),
        (GOOD + "5,6,rare\n", {}, "class 'rare' has 1 example to divide"),
        ("a,y\n" + "1,2.5\n" * 9, {}, "every example has the target 2.5"),
        (GOOD, {"kind": "regression"}, "a regression expects numbers, got the text 'x'"),
        (GOOD, {"separator": ",,"}, "it cannot be read"),
    ],
)
def test_what_is_no_table_to_learn_from_is_refused(tmp_path, content, options, message):
    with pytest.raises(TaskError, match=message) as caught:
        from_csv(text(tmp_path, content), **{"target": "y", **options})
    assert caught.value.__suppress_context__ or "Traceback" not in str(caught.value)


def test_a_missing_file_is_named_with_one_like_it(tmp_path):
    write(tmp_path, table(), "goods.csv")
    with pytest.raises(TaskError, match=r"good.csv: no such file. Did you mean 'goods.csv'"):
        from_csv(tmp_path / "good.csv", "color")
    with pytest.raises(TaskError, match="got a folder; for a folder of images use from_images"):
        from_csv(tmp_path, "color")


def test_classes_may_count_differently(tmp_path):
    task = from_csv(write(tmp_path, table()), "sold", drop=["color"], class_weights="balanced")
    counts = np.bincount([int(label) for _, label in task.train])
    np.testing.assert_allclose(task.class_weights, counts.sum() / (2 * counts), rtol=1e-6)
