"""Tables with columns of any kind, from CSV files and frames."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from archwright.errors import TaskError
from archwright.tasks import from_csv, from_frame
from archwright.tasks.datasets import tables
from archwright.tasks.datasets.header import KINDS
from archwright.tasks.recognition import WORDS

PAGE = Path(__file__).parents[3] / "docs" / "tables.md"


def messy(count=300, seed=0):
    drawn = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "key": [f"u{row:05}" for row in range(count)],
            "age": drawn.integers(18, 80, count).astype(float),
            "zip": drawn.choice(["00123", "04567", "89012"], count),
            "color": drawn.choice(["red", "blue", "green"], count),
            "since": pd.date_range("2020-01-01", periods=count, freq="7h").strftime("%Y-%m-%d %H:%M"),
            "member": drawn.choice(["yes", "no"], count),
            "comment": [
                " ".join(drawn.choice(["good", "bad", "fast", "dear", "fine"], 5)) for _ in range(count)
            ],
            "constant": "a",
        }
    )
    frame.loc[::11, "age"] = np.nan
    frame.loc[::13, "color"] = None
    frame["bought"] = np.where((frame["color"] == "red") ^ (frame["member"] == "yes"), "yes", "no")
    frame["paid"] = frame["age"].fillna(50) + (frame["color"] == "red") * 10 + drawn.normal(0, 1, count)
    return frame


def write(folder, frame, name="messy.csv"):
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def test_columns_of_every_kind_are_recognized_and_told(tmp_path):
    task = from_csv(write(tmp_path, messy()), "bought", drop=["paid"])
    kinds = {column.name: column.kind for column in task.preprocessing.columns}
    assert kinds == {
        "age": "numeric", "zip": "categorical", "color": "categorical", "since": "date", "member": "boolean",
        "comment": "text",
    }  # fmt: skip
    told = "\n".join(task.notes)
    for line in (
        "numbers: age", "yes or no: member", "embedding: zip (3), color (3)", "since (iso: days, month, weekday, hour)",
        "TF-IDF of its words: comment (64 numbers)", "gaps in age (9.3%), color (8.0%)",
        "left out: key, which has another value in every row, constant, which never changes",
    ):  # fmt: skip
        assert line in told
    assert len(task.cardinalities) == task.input_shape[0] == 2 + 1 + 1 + 4 + 1 + 64
    assert [codes for codes in task.cardinalities if codes] == [4, 5]


def test_statistics_are_those_of_the_training_rows_alone(tmp_path):
    frame = messy()
    task = from_csv(write(tmp_path, frame), "bought", drop=["paid"])
    inputs = task.train.tensors[0]
    place = {name: i for i, name in enumerate(task.preprocessing.features)}
    amounts = [place[name] for name in ("age", "age (missing)", "since (days)", "member")]
    np.testing.assert_allclose(inputs[:, amounts].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs[:, amounts].std(0, correction=0), 1, atol=1e-5)
    assert abs(task.validation.tensors[0][:, place["since (days)"]].mean()) > 1e-4
    text = inputs[:, [i for name, i in place.items() if name.startswith("comment #")]]
    assert text.square().mean().item() == pytest.approx(1, rel=1e-4)
    only = frame.copy()
    only.loc[300] = ["u", 1e6, "99999", "mauve", "2030-01-01 00:00", "no", "unheard words", "a", "no", 1.0]
    given = from_csv(
        write(tmp_path, frame), "bought", drop=["paid"], test=write(tmp_path, only.tail(9), "t.csv")
    )
    again = from_csv(
        write(tmp_path, frame), "bought", drop=["paid"], test=write(tmp_path, frame.tail(9), "t.csv")
    )
    assert given.preprocessing == again.preprocessing
    last = given.test.tensors[0][-1]
    assert (last[place["zip"]], last[place["color"]]) == (0, 0)  # never seen in training
    assert last[place["age"]] > 1000


def test_codes_are_those_of_the_categories(tmp_path):
    frame = messy()
    path = write(tmp_path, frame)
    task = from_csv(path, "paid", drop=["bought"], standardize=False, validation=path, test=path)
    place = {name: i for i, name in enumerate(task.preprocessing.features)}
    inputs = task.train.tensors[0].numpy()
    expected = pd.Categorical(frame["zip"], categories=["00123", "04567", "89012"]).codes + 1
    np.testing.assert_array_equal(inputs[:, place["zip"]], expected)
    colors = (
        pd.Categorical(frame["color"].fillna("none"), categories=["blue", "green", "red", "none"]).codes + 1
    )
    np.testing.assert_array_equal(inputs[:, place["color"]], colors)
    np.testing.assert_array_equal(inputs[:, place["member"]], frame["member"] == "yes")


def test_a_frame_gives_the_same_as_its_file(tmp_path):
    frame = messy()
    first = from_csv(write(tmp_path, frame), "bought", drop=["paid"])
    frame["since"] = pd.to_datetime(frame["since"])
    frame["color"] = frame["color"].astype("category")
    frame["age"] = frame["age"].astype("Int64")
    second = from_frame(frame, "bought", drop=["paid"])
    for one, other in zip(first.train.tensors, second.train.tensors, strict=True):
        assert torch.equal(one, other)
    assert second.notes[-3:] == first.notes[-3:]


def test_raw_rows_are_prepared_as_the_task_was(tmp_path):
    task = from_csv(write(tmp_path, messy()), "bought", drop=["paid"])
    rows = {name: [row[name] for row in task.raw_rows] for name in task.raw_rows[0]}
    prepared = task.preprocessing.prepare(task.preprocessing.encode(rows))
    assert torch.equal(prepared, task.train.tensors[0][: len(task.raw_rows)])
    with pytest.raises(TaskError, match="'age': expected a number, got 'old'"):
        task.preprocessing.encode({**rows, "age": ["old"] * len(task.raw_rows)})


@pytest.mark.parametrize(
    ("said", "kind", "width"),
    [("categorical", "categorical", 1), ("text", "text", WORDS), ("numeric", "numeric", 1)],
)
def test_a_kind_can_be_said(tmp_path, said, kind, width):
    frame = messy().assign(code=lambda f: 10 + np.arange(len(f)) % 7)
    task = from_csv(write(tmp_path, frame), "bought", columns={"code": said})
    (column,) = [column for column in task.preprocessing.columns if column.name == "code"]
    assert (column.kind, len(column.features)) == (kind, width)


def test_words_among_numbers_are_refused_unless_they_are_said_to_be_gaps(tmp_path):
    frame = messy()
    frame["age"] = frame["age"].astype(object)
    frame.loc[4, "age"] = "old"
    path = write(tmp_path, frame)
    with pytest.raises(TaskError, match=r"column 'age', got 'old' in row 5 \(1 of 300.*--column age=numeric"):
        from_csv(path, "bought")
    task = from_csv(path, "bought", columns={"age": "numeric"})
    (column,) = [column for column in task.preprocessing.columns if column.name == "age"]
    assert column.lenient
    assert column.encode(["old"])[0, 1] == 1


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"age": np.inf}, {}, "finite numbers in column 'age', got infinity in row 3"),
        ({}, {"columns": {"agee": "text"}}, "no column 'agee' beside the target. Did you mean 'age'"),
        ({}, {"columns": {"age": "txt"}}, "the kind of 'age': 'txt' is none. Did you mean 'text'"),
        (
            {},
            {"columns": {"color": "date"}},
            "dates of one form in column 'color'.* got '(red|blue|green)' among",
        ),
        (
            {},
            {"target": ["bought", "paid"]},
            r"all numbers or all yes and no, got bought \(yes and no\), paid",
        ),
        ({}, {"target": ["color", "paid"]}, "column 'color' has no value"),
        ({}, {"target": ["zip", "paid"], "drop": ["color"]}, None),
        ({}, {"target": ["bought", "bought"]}, "expected different columns"),
        ({}, {"target": "paid", "balance": True}, "a regression has no classes to weigh"),
        (
            {},
            {"drop": ["age", "zip", "color", "since", "member", "comment", "paid"]},
            "no column is left to learn from",
        ),
    ],
)
def test_wrong_input_is_told_with_its_cure(tmp_path, change, options, message):
    frame = messy()
    for name, value in change.items():
        frame.loc[2, name] = value
    given = {"target": "bought", **options}
    if message is None:  # codes that look like numbers are numbers as targets
        assert from_csv(write(tmp_path, frame), **given).outputs == 2
        return
    with pytest.raises(TaskError, match=message):
        from_csv(write(tmp_path, frame), **given)


def test_a_decimal_comma_is_named(tmp_path):
    frame = messy().assign(price=lambda f: [f"{row},{row % 7}5" for row in range(len(f))])
    with pytest.raises(TaskError, match="numbers in column 'price' have a decimal comma, such as '0,05'"):
        from_csv(write(tmp_path, frame), "bought")


def test_what_numbers_rows_is_left_out_unless_it_is_asked_for(tmp_path):
    frame = messy()[["age", "paid"]].assign(order_id=lambda f: 500 - np.arange(len(f)))
    path, test = write(tmp_path, frame), write(tmp_path, frame.tail(60), "test.csv")
    task = from_csv(path, "paid", test=test)
    assert [column.name for column in task.preprocessing.columns] == ["age"]
    told = "\n".join(task.notes)
    assert "left out: order_id, which identifies rows by its name, and no value comes twice" in told
    assert "--column order_id=numeric (columns={'order_id': 'numeric'})" in told
    assert "left out: order_id, which identifies rows" in task.preprocessing.steps()[0]
    table = task.preprocessing.table(task.kind, task.classes)
    assert np.array_equal(table.prepare({"order_id": "7", "age": "30"}), table.prepare({"age": 30}))
    kept = from_csv(path, "paid", test=test, columns={"order_id": "numeric"})
    assert [column.name for column in kept.preprocessing.columns] == ["age", "order_id"]
    assert "order_id" not in "".join(kept.notes).replace("columns taken as numbers: age, order_id", "")
    assert from_frame(frame, "paid").preprocessing.columns == from_csv(path, "paid").preprocessing.columns
    alone = from_csv(path, "paid", drop=["age"])
    assert [column.name for column in alone.preprocessing.columns] == ["order_id"]
    assert alone.notes == (
        "order_id identifies rows by its name, and no value comes twice; it is kept, as there is nothing else to learn "
        "from",
    )


def test_numbers_that_run_by_another_step_are_kept_and_told(tmp_path):
    frame = messy()[["paid"]].assign(depth=lambda f: 5 * np.arange(len(f)), x=lambda f: np.sin(f["depth"]))
    (note,) = from_csv(write(tmp_path, frame), "paid").notes
    assert note.startswith(
        "depth changes by 5 from each row to the next; if it only numbers them, leave it out"
    )


def test_numbers_that_name_what_several_rows_belong_to_are_kept_and_told(tmp_path):
    frame = messy()[["paid"]].assign(shop_id=lambda f: 100 + np.arange(len(f)) // 3)
    frame["x"] = np.sin(np.arange(len(frame)))
    path, shops = write(tmp_path, frame), -(-len(frame) // 3)
    (note,) = from_csv(path, "paid").notes
    assert note.startswith(f"shop_id names, as it seems, {shops} things that rows belong to")
    assert "--column shop_id=categorical" in note
    assert "as it seems" not in "".join(from_csv(path, "paid", columns={"shop_id": "numeric"}).notes)


def test_several_numbers_are_a_regression_of_several_outputs(tmp_path):
    frame = messy().assign(other=lambda f: f["paid"] ** 2)
    task = from_csv(write(tmp_path, frame), ["paid", "other"])
    assert (task.kind, task.outputs, task.train.tensors[1].shape[1]) == ("regression", 2, 2)
    rows = task.preprocessing.restore(task.train.tensors[1].double())
    np.testing.assert_allclose(rows[:, 0] ** 2, rows[:, 1], rtol=1e-4)


def test_several_yes_and_no_are_multilabel(tmp_path):
    frame = messy().assign(old=lambda f: f["age"] > 50)
    task = from_csv(write(tmp_path, frame), ["bought", "old", "member"], validation=0.3)
    assert (task.kind, task.classes) == ("multilabel", ("bought", "old", "member"))
    total = sum(part.tensors[1].sum(0) for part in (task.train, task.validation, task.test))
    expected = [(frame["bought"] == "yes").sum(), frame["old"].sum(), (frame["member"] == "yes").sum()]
    assert total.tolist() == expected


def rare(count=400, share=20):
    return messy(count).assign(bought=np.where(np.arange(count) % share == 0, "yes", "no"))


def test_rare_classes_count_more_where_they_are_very_rare(tmp_path):
    path = write(tmp_path, rare())
    task = from_csv(path, "bought")
    assert task.metric == "balanced_accuracy"
    assert "'no' has 228 training rows and 'yes' 12" in task.notes[-1]
    np.testing.assert_allclose(task.class_weights, [240 / (2 * 228), 240 / (2 * 12)], rtol=1e-6)
    for options in ({"balance": False}, {"class_weights": [1, 2]}):
        assert from_csv(path, "bought", **options).metric == "accuracy"
    assert from_csv(write(tmp_path, rare(share=4)), "bought").class_weights is None
    assert from_csv(write(tmp_path, rare(share=4)), "bought", balance=True).metric == "balanced_accuracy"


def test_a_purely_numeric_table_is_as_it_was(tmp_path):
    frame = messy()[["paid"]].assign(x=lambda f: np.arange(len(f)) * 1.5, y=lambda f: f["paid"] ** 2)
    task = from_csv(write(tmp_path, frame), "paid")
    assert task.notes == ()
    assert task.cardinalities == ()
    assert [step.partition(",")[0] for step in task.preprocessing.steps()] == [
        "Take an input as numbers of shape (2",
        "The features are",
        "From each feature subtract its mean",
        "Multiply each output by " + str(task.preprocessing.target_std[0]) + " and add "
        + str(task.preprocessing.target_mean[0]) + ": that is paid in its own unit.",
    ]  # fmt: skip


def test_the_page_on_tables_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, messy(), "customers.csv")
    names = {}
    first, own = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(first, names)
    assert "columns taken as categories" in capsys.readouterr().out
    exec(own, names)
    space, inputs = names["space"](names["task"]), names["task"].train.tensors[0][:3]
    assert space.build(space.sample(0))(inputs).shape == (3, 2)
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in text for kind in KINDS)
    assert f"at least {tables.STRONG} times" in text
