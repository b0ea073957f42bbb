"""Raw rows become numbers; references by pandas and scikit-learn."""

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from archwright.tasks import columns
from archwright.tasks.columns import Column, Table, encode, is_gap, spelled
from archwright.tasks.recognition import fit_column, recognize

GAPS = ["", "NA", "nan", "?", None, float("nan"), pd.NA, pd.NaT]


def test_gaps_are_those_of_pandas_and_a_question_mark():
    assert all(map(is_gap, GAPS))
    assert not any(map(is_gap, ["0", 0, "none of it", 0.0, False]))
    read = pd.read_csv(pd.io.common.StringIO("a\n" + "\n".join(f'"{gap}"' for gap in columns.MISSING)))
    assert read["a"].isna().sum() == len(columns.MISSING) - 1  # pandas keeps the question mark


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=3))
def test_numbers_are_filled_by_the_mean_of_those_that_are_there(values):
    present = [value for value in values if value is not None]
    column = fit_column("x", "numeric", "", False, np.array(values, object))
    if isinstance(column, str):
        assert len(set(present)) <= 1
        return
    encoded = column.encode(["" if value is None else repr(value) for value in values])
    mean = sum(present) / len(present)
    exact = 1e-3 + 1e-6 * max(map(abs, present))  # a small mean of large numbers has their error in 32 bits
    assert encoded[:, 0] == pytest.approx([mean if v is None else v for v in values], rel=1e-5, abs=exact)
    assert column.gaps == (len(present) < len(values))
    if column.gaps:
        assert encoded[:, 1].tolist() == [float(value is None) for value in values]


@given(st.lists(st.sampled_from(["red", "blue", "007", "7", "", "rare"]), min_size=2))
def test_categories_have_codes_of_their_own_and_rare_ones_share_one(values):
    column = fit_column("c", "categorical", "", False, values)
    counts = {text: values.count(text) for text in set(values) - {""}}
    frequent = sorted(text for text, count in counts.items() if count >= 2)
    if isinstance(column, str):
        assert not frequent or len(counts) == 1
        return
    assert list(column.categories) == frequent
    codes = column.encode([*frequent, "", "never seen"])[:, 0].tolist()
    assert codes[: len(frequent)] == list(range(1, len(frequent) + 1))
    assert codes[-1] == 0
    assert codes[-2] == (len(frequent) + 1 if "" in values else 0)
    assert max(codes) < column.cardinality == len(frequent) + 1 + ("" in values)


def test_dates_are_those_of_pandas():
    texts = [
        f"{day:02}.{month:02}.2024 {hour:02}:45" for day, month, hour in ((1, 2, 3), (29, 2, 23), (31, 12, 0))
    ]
    column = fit_column("when", "date", "%d.%m.%Y %H:%M", False, texts)
    moments = pd.to_datetime(pd.Series(texts), dayfirst=True)
    days = (moments - pd.Timestamp(1970, 1, 1)).dt.total_seconds() / 86400
    expected = np.stack([days, moments.dt.month, moments.dt.weekday, moments.dt.hour + 0.75], axis=1)
    np.testing.assert_allclose(column.encode(texts), expected)
    assert column.features == ("when (days)", "when (month)", "when (weekday)", "when (hour)")


def test_what_never_changes_in_a_date_is_left_out_and_zones_are_brought_to_one():
    column = fit_column("when", "date", "iso", False, ["2024-01-01", "2024-01-08", ""])
    assert (column.parts, column.gaps) == (("days",), True)
    zone = timezone(timedelta(hours=2))
    there = datetime(2024, 5, 1, 1, tzinfo=zone).isoformat()
    here = datetime(2024, 4, 30, 23, tzinfo=UTC).isoformat()
    both = Column("when", "date", fill=(0.0, 0.0), format="iso", parts=("days", "hour")).encode([there, here])
    assert both[0].tolist() == both[1].tolist()


def test_text_is_scikit_learns_tf_idf_summed_over_what_is_hashed_together():
    texts = ["a fine day", "a quick day north", "nothing new north", "fine fine words"]
    column = fit_column("t", "text", "", False, texts)
    exact = TfidfVectorizer(norm=None).fit(texts)
    hashed = {word: int(column.encode([word])[0].argmax()) for word in exact.vocabulary_}
    assert len(set(hashed.values())) == len(hashed)  # no two of these words share a place
    expected = np.zeros((len(texts), len(column.weights)))
    for word, place in exact.vocabulary_.items():
        expected[:, hashed[word]] += exact.transform(texts).toarray()[:, place]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(column.encode(texts), expected, atol=1e-6)
    assert not column.encode(["", "?"]).any()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "numeric"),
        ([True, False], "boolean"),
        (["1", "?", "2.5", "1e3"], "numeric"),
        (["007", "7", "12"], "categorical"),
        (["yes", "No", ""], "boolean"),
        (["true", "FALSE"], "boolean"),
        (["red", "blue", "red"], "categorical"),
        (["2024-01-02", "2024-03-01"], "date"),
        (["13/01/2024", "01/02/2024"], "date"),
        (["Jan 3, 2024", "Feb 4, 2024"], "date"),
        (["a fine day", "a slow one", "not so bad"], "text"),
        (["New York", "Los Angeles"] * 9, "categorical"),
        (["", None, "NA"], ""),
    ],
)
def test_kinds_are_recognized(values, kind):
    given = np.array(values) if not isinstance(values[0], str | None) else np.array(values, object)
    assert recognize("t.csv", "x", given)[0] == kind


@pytest.mark.parametrize(
    ("texts", "form"), [(["01/02/2024", "03/13/2024"], "%m/%d/%Y"), (["13/02/2024"], "%d/%m/%Y")]
)
def test_days_and_months_are_told_apart_where_one_is_over_twelve(texts, form):
    assert recognize("t.csv", "x", np.array(texts, object)) == ("date", form)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (Column("x", "numeric", fill=(0.0,)), "six", "column 'x': expected a number, got 'six'"),
        (Column("x", "numeric", fill=(0.0,)), "-inf", "column 'x': expected finite numbers, got infinity"),
        (
            Column("d", "date", fill=(0.0,), format="iso", parts=("days",)),
            "then",
            "expected a date such as 2024-12-31",
        ),
    ],
)
def test_what_is_not_of_the_kind_is_refused(column, value, message):
    with pytest.raises(ValueError, match=message):
        column.encode([value])


def test_a_number_may_be_missing_where_that_was_said():
    column = Column("x", "numeric", fill=(3.0,), gaps=True, lenient=True)
    assert column.encode(["six", "6"]).tolist() == [[3, 1], [6, 0]]


def table(**options):
    made = (
        Column("age", "numeric", fill=(40.0,), gaps=True),
        Column("color", "categorical", categories=("blue", "red")),
    )
    given = {"columns": made, "mean": (40.0, 0.5, 0.0), "std": (10.0, 0.5, 1.0), "kind": "classification"}
    return Table(**{**given, "classes": ("no", "yes"), **options})


def test_rows_may_have_any_form():
    expected = [[1.0, -1.0, 2.0], [0.0, 1.0, 0.0]]
    rows = [{"age": "50", "color": "red", "more": "x"}, {"age": "", "color": "green"}]
    assert table().prepare(rows).tolist() == expected
    assert table().prepare(rows[0]).tolist() == expected[:1]
    assert table().prepare([["50", "red"], [None, "green"]]).tolist() == expected
    assert table().prepare(["50", "red"]).tolist() == expected[:1]
    assert table().prepare({"age": [50, math.nan], "color": ["red", "green"]}).tolist() == expected
    assert table().prepare(rows).dtype == np.float32
    with pytest.raises(ValueError, match="got none for 'color'"):
        table().prepare({"age": 3})
    with pytest.raises(ValueError, match="expected 2 values, age, color, got 1"):
        table().prepare(["3"])
    with pytest.raises(ValueError, match="at least one row"):
        table().prepare([])


def test_outputs_become_answers():
    assert table().restore([[0.1, 0.9], [2.0, -1.0]]) == ["yes", "no"]
    assert table(kind="multilabel").restore([[0.1, 0.9], [-2.0, 1.0]]) == [("no", "yes"), ("yes",)]
    one = table(kind="regression", target_mean=(100.0,), target_std=(10.0,))
    assert one.restore([[0.5], [-1.0]]) == [105.0, 90.0]
    two = table(kind="regression", target_mean=(100.0, 0.0), target_std=(10.0, 1.0))
    assert two.restore([[0.5, 2.0]]) == [[105.0, 2.0]]


def test_whole_numbers_are_spelled_without_a_point():
    assert [spelled(value) for value in (7.0, np.float64(7), 7, " 7 ", 7.5)] == ["7", "7", "7", "7", "7.5"]


def test_the_file_stands_alone(tmp_path):
    copied = tmp_path / "alone.py"
    copied.write_text(Path(columns.__file__).read_text())
    script = (
        "import sys, alone; c = alone.Column('x', 'categorical', categories=('a',)); "
        "print(alone.encode([c], {'x': ['a', 'b']}).tolist(), 'archwright' in sys.modules, 'sklearn' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[[1.0], [0.0]] False False"
    assert encode([Column("x", "categorical", categories=("a",))], {"x": ["a"]}).tolist() == [[1.0]]
