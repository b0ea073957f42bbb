"""Tables of one's own, in each format."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest

from archwright.benchmarks import Table, load_table, read_columns
from archwright.errors import MissingExtraError, UsageError
from archwright.estimators import TabularEstimator
from archwright.spaces import Categorical, Integer
from archwright.testing import EstimatorContract, SpaceContract
from archwright.trials import Candidate, LocalTrial

FRAME = pd.DataFrame(
    {
        "depth": [2, 4, 6, 2, 4, 6],
        "operation": ["conv", "conv", "conv", "none", "none", "none"],
        "rate": [0.1, 0.1, 0.1, 0.5, 0.5, 0.5],
        "run_1": [0.5, 0.6, 0.7, 0.4, 0.8, 0.3],
        "run_2": [0.6, 0.6, 0.9, 0.4, None, 0.5],
        "test": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "time": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
)
RUNS = {"accuracy": ["run_1", "run_2"]}


def written(folder: Path, suffix: str) -> Path:
    path = folder / f"table{suffix}"
    if suffix == ".json":
        FRAME.to_json(path, orient="records")
    elif suffix == ".jsonl":
        FRAME.to_json(path, orient="records", lines=True)
    elif suffix == ".parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    return path


def table_of(path: Path, **more: object) -> Table:
    given = {"objectives": ["max:accuracy"], "metrics": RUNS, "test": "test", "seconds": ["time"], **more}
    return load_table(str(path), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_format_gives_the_same(tmp_path: Path, suffix: str) -> None:
    table = table_of(written(tmp_path, suffix))
    space = table.space
    assert isinstance(space.decisions["depth"], Integer)
    assert isinstance(space.decisions["operation"], Categorical)
    assert isinstance(space.decisions["rate"], Categorical)
    assert space.size == 6
    best = space.architecture({"depth": 6, "operation": "conv", "rate": 0.1})
    measured = table.estimator().estimate(Candidate(best), LocalTrial())
    assert measured.metrics == pytest.approx({"accuracy": 0.8, "test": 0.6})
    assert measured.seconds == 3.0


def test_a_run_is_drawn_where_asked(tmp_path: Path) -> None:
    table = table_of(written(tmp_path, ".csv"), runs="drawn")
    values = {"depth": 6, "operation": "conv", "rate": 0.1}
    candidate = Candidate(table.space.architecture(values))
    drawn = {
        table.estimator(seed).estimate(candidate, LocalTrial()).metrics["accuracy"] for seed in range(20)
    }
    assert drawn == {0.7, 0.9}
    single = Candidate(table.space.architecture({"depth": 4, "operation": "none", "rate": 0.5}))
    assert {table.estimator(s).estimate(single, LocalTrial()).metrics["accuracy"] for s in range(5)} == {0.8}


def test_only_the_files_networks_are_in_the_space(tmp_path: Path) -> None:
    space = table_of(written(tmp_path, ".csv")).space
    assert not space.contains({"depth": 6, "operation": "conv", "rate": 0.5})


def test_a_canonical_form_joins_rows_as_runs(tmp_path: Path) -> None:
    (tmp_path / "forms.py").write_text(
        "def form(architecture):\n"
        "    # without an operation the depth does not matter\n"
        "    return architecture['depth'] if architecture['operation'] != 'none' else 'none'\n"
    )
    table = table_of(written(tmp_path, ".csv"), canonical=f"{tmp_path / 'forms.py'}:form")
    assert set(table.rows) == {2, 4, 6, "none"}
    assert table.rows["none"].metrics["accuracy"] == (0.4, 0.4, 0.8, 0.3, 0.5)
    assert table.rows["none"].seconds == (4.0, 4.0, 5.0, 6.0, 6.0)
    assert table.space.size == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectives": ["max:acuracy"]}, "has no column 'acuracy'"),
        ({"objectives": []}, "say what to optimise"),
        ({"test": "tset"}, "Did you mean 'test'"),
        ({"decisions": ["depth", "time"]}, "cannot be both"),
        (
            {"metrics": {"accuracy": ["operation"]}, "decisions": ["depth"]},
            "expected numbers in the column 'operation'",
        ),
        ({"decisions": ["run_2", "depth"], "metrics": {"accuracy": ["run_1"]}}, "has 1 empty cells"),
        ({"metrics": {"accuracy": ["run_1", "run_2"], "test": ["test", "time", "rate"]}}, "as many runs"),
        ({"files": ["x"]}, "leave out --file"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table_of(written(tmp_path, ".csv"), **change)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        table_of(tmp_path / "none.csv")
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        table_of(tmp_path / "odd.json")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(UsageError, match="no rows"):
        table_of(tmp_path / "empty.csv")
    with pytest.raises(UsageError, match=r"unknown table 'nas-bench-graf'.*Did you mean"):
        load_table("nas-bench-graf")
    with pytest.raises(UsageError, match="'mean' or 'drawn', got 'median'"):
        load_table("nas-bench-graph:cora", runs="median")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="go with a file of columns only"):
        load_table("nas-bench-graph:cora", test="x")


def test_a_missing_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, ".parquet")

    def absent(_: object) -> None:
        raise ImportError("pyarrow")

    monkeypatch.setattr(pd, "read_parquet", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'archwright\[bench\]'"):
        read_columns(path, objectives=["max:accuracy"], metrics=RUNS)


def products() -> Table:
    frame = pd.MultiIndex.from_product([range(3), ["a", "b"], [True, False]], names=["n", "label", "flag"])
    rows = frame.to_frame(index=False).assign(score=lambda f: f["n"] + f["flag"])
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "products.csv"
        rows.to_csv(path, index=False)
        return read_columns(path, objectives=["max:score"])


class TestSpace(SpaceContract):
    make = staticmethod(lambda: products().space)


class TestEstimator(EstimatorContract):
    make = staticmethod(lambda space: TabularEstimator(space, products().rows, runs="drawn", seed=3))
    make_space = staticmethod(lambda: products().space)
    metrics = ("score",)
    fidelities = ()
    curves = False


def test_rows_that_are_epochs_make_learning_curves(tmp_path: Path) -> None:
    rows = [
        {"width": width, "at": at, "accuracy": 0.1 * width * at, "took": float(width)}
        for at in (2, 1, 3)
        for width in (1, 2)
    ]
    path = tmp_path / "curves.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    table = load_table(str(path), objectives=["max:accuracy"], seconds=["took"], epoch="at")
    assert list(table.space.decisions) == ["width"]
    trial = LocalTrial()
    (first, _) = table.space
    measured = table.estimator().estimate(Candidate(first), trial)
    assert [report.metrics["accuracy"] for report in trial.reports.values()] == pytest.approx([0.1, 0.2, 0.3])
    assert measured.seconds == 3.0
    assert table.values(["accuracy"])[:, 0] == pytest.approx([0.3, 0.6])
    for damaged in (rows[:2] + rows[4:], [*rows, rows[0]], [{**rows[0], "accuracy": None}, *rows[1:]]):
        pd.DataFrame(damaged).to_csv(path, index=False)
        with pytest.raises(UsageError, match=r"expected the epochs 1, 2, ... of .* once each"):
            load_table(str(path), objectives=["max:accuracy"], seconds=["took"], epoch="at")
