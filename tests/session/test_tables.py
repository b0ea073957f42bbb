"""A table with columns of any kind, through the command."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archwright as aw
from archwright.cli import main
from archwright.experiments import resolve_space
from archwright.spaces import Architecture

Command = Callable[..., tuple[int, str, str]]


def rows(count: int) -> str:
    lines = ["key;age;color;zip;bought;sold;price"]
    for i in range(count):
        age = "" if i % 9 == 0 else str(20 + i % 50)
        rare = "yes" if i % 20 == 0 else "no"
        lines.append(f"u{i};{age};{('red', 'blue', 'green')[i % 3]};{i % 4:03};{rare};{i % 3 == 0};{i % 7}.5")
    return "\n".join(lines)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    Path("goods.csv").write_text(rows(240))
    Path("more.csv").write_text(rows(60))
    capfd.readouterr()

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(["search", "goods.csv", *words, "--trials", "1", "--epochs", "1", "--device", "cpu"])
        out, err = capfd.readouterr()
        return int(exited.value.code or 0), out, err

    return run


def test_what_is_recognised_is_told_and_can_be_said_otherwise(command: Command) -> None:
    code, out, err = command("--target", "price", "--drop", "bought", "--retrain", "0", "--out", "first")
    assert code == 0
    told = " ".join((out + err).split())
    for line in (
        "columns taken as numbers: age", "categories, which networks look up in an embedding: color (3), zip (4)",
        "columns taken as yes or no: sold", "left out: key, which has another value in every row",
    ):  # fmt: skip
        assert line in told
    assert "columns taken as numbers: age" in [text for _, text in aw.open_run("first").messages]
    words = ["--column", "zip=numeric", "--column", "age=categorical", "--test", "more.csv"]
    assert command("--target", "price", *words, "--retrain", "0", "--out", "second")[0] == 0
    config = aw.open_run("second").config
    assert "60 test" in config.task.split
    assert config.task.options["columns"] == {"zip": "numeric", "age": "categorical"}
    assert any(step.startswith("age is a code") for step in config.task.steps)
    assert "embedding" in config.space.decisions
    aw.resume("second", progress=False)  # the task is made again as it was


@pytest.mark.parametrize("space", ["mlp", "tabular_resnet", "ft_transformer", "tabm"])
def test_every_space_for_tables_is_searched_and_exported(command: Command, space: str) -> None:
    words = ["--target", "sold", "--space", space, "--retrain", "1", "--no-onnx", "--out", "run", "--json"]
    words += ["--objective", "f1"] if space == "tabm" else []
    code, out, err = command(*words)
    assert code == 0, err
    shown = json.loads(out)
    assert 0 <= shown["test"]["accuracy"] <= 1
    assert shown["classical"].keys() == {"logistic_regression", "hist_gradient_boosting"}
    assert Path("run/best/preprocessing.py").is_file()
    task = aw.tasks.from_csv("goods.csv", "sold")
    made = resolve_space(space, task)
    trained = shown["retrained"][0]
    network = made.build(Architecture(trained["architecture"]))
    assert sum(p.numel() for p in network.parameters()) == trained["metrics"]["params"]
    if space == "tabm":
        assert 0 < trained["metrics"]["f1_standard_error"] < 0.5
        assert [0 < one["probability"] < 1 for one in shown["choice"]["comparisons"]] == [True]


def test_imbalance_is_weighed_unless_something_else_is_to_be_optimised(command: Command) -> None:
    target = ["--target", "bought", "--retrain", "0"]
    _, out, err = command(*target, "--out", "weighed")
    assert "what is optimised is balanced_accuracy" in " ".join((out + err).split())
    metrics = {}
    for name, words in {
        "weighed": [],
        "named": ["--objective", "accuracy"],
        "off": ["--no-balance"],
        "limited": ["--limit", "params<=1000000"],
        "asked": ["--objective", "balanced_accuracy"],
    }.items():
        if words:
            assert command(*target, *words, "--out", name)[0] == 0
        config = aw.open_run(name).config
        metrics[name] = (config.objectives[0].name, "class_weights" in config.task.facts)
    assert metrics == {
        "weighed": ("balanced_accuracy", True),
        "named": ("accuracy", False),
        "off": ("accuracy", False),
        "limited": ("balanced_accuracy", True),
        "asked": ("balanced_accuracy", True),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--target", "prize"], "no column 'prize'. Did you mean 'price'"),
        (
            ["--target", "price", "--column", "zip"],
            "--column 'zip': expected NAME=VALUE, such as zip=categorical",
        ),
        (["--target", "price", "--column", "zip=code"], "'code' is none"),
        (
            ["--target", "price", "--target", "sold"],
            "expected several targets to be all numbers or all yes and no",
        ),
        (["--target", "price", "--test", "moer.csv"], "moer.csv: no such file. Did you mean 'more.csv'"),
        (["--target", "price", "--balance"], "a regression has no classes to weigh"),
    ],
)
def test_wrong_words_are_told_with_their_cure(command: Command, words: list[str], told: str) -> None:
    code, _, err = command(*words)
    assert code == 2
    assert re.search(re.escape(told), " ".join(err.split()))
    assert not Path("runs").exists()
