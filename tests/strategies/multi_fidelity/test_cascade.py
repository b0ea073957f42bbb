"""The strategy `cascade`: which trials go on to which stage, by a trace by hand and in a search."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.experiments import open_store
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.multi_fidelity import Cascade
from archwright.testing import StrategyContract
from archwright.trials import Fidelity, FidelityRange, Measurement, Trial, TrialState

SIXTEEN = FidelityRange(Fidelity(1), Fidelity(16))


@pytest.mark.sampled(5)
class TestCascade(StrategyContract):
    make = partial(Cascade, fidelity=SIXTEEN)


@pytest.mark.sampled(5)
class TestCascadeWithEvolution(StrategyContract):
    make = partial(Cascade, fidelity=SIXTEEN, proxies="a, b", keep=0.5, sampler="evolution")


def numbers() -> Space:
    return aw.Space(aw.layer(dict, number=aw.integer(0, 999, name="number")))


def test_a_trace_by_hand() -> None:
    """Scores at the proxy are the order of asking; half goes on; of the trained ones the earlier is the better."""
    strategy = Cascade(numbers(), [Objective("accuracy")], fidelity=SIXTEEN, proxies="first,second", keep=0.5)
    told: list[tuple[str, int | None, str]] = []
    for number in range(12):
        candidate = strategy.ask()
        assert candidate is not None
        told.append((str(candidate.effort), candidate.parent, candidate.inherit))
        proxy = candidate.effort.proxy is not None
        metrics = {"stage_score": float(number)} if proxy else {"accuracy": 1 - number / 100}
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement(metrics)))
    assert told == [
        ("by first", None, "nothing"),
        ("by first", None, "nothing"),
        ("by second", 1, "architecture"),  # the best of two
        ("by first", None, "nothing"),
        ("by second", 3, "architecture"),  # the best of 3 by `first`, of which one may go on
        ("4 epochs", 4, "architecture"),  # the best of two by `second`
        ("by first", None, "nothing"),
        ("by second", 6, "architecture"),  # 2 of 4 may go on, 6 and 3
        ("4 epochs", 7, "architecture"),  # the best of 3 by `second`: the higher stage comes first
        ("16 epochs", 5, "continue"),  # the best of two after the short training
        ("by first", None, "nothing"),
        ("by second", 10, "architecture"),
    ]


def test_each_stage_has_its_share() -> None:
    """2 of 3 go on after the proxy, 1 of 4 after the short training."""
    strategy = Cascade(
        numbers(), [Objective("accuracy")], fidelity=SIXTEEN, proxies="first", keep="2/3, 0.25"
    )
    told: dict[str, int] = {}
    for number in range(24):
        candidate = strategy.ask()
        assert candidate is not None
        told[str(candidate.effort)] = told.get(str(candidate.effort), 0) + 1
        metrics = {"stage_score": -float(number), "accuracy": 1 - number / 100}
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement(metrics)))
    assert told == {"by first": 14, "4 epochs": 8, "16 epochs": 2}  # ⌊2/3 · 14⌋ = 9 may go on, ⌊8 / 4⌋ = 2


def test_the_best_is_trained_in_full_however_few_there_are() -> None:
    """Of 3 that are scored none is in the best quarter; once there are no more, the best goes through all stages."""

    def make() -> Cascade:
        return Cascade(numbers(), [Objective("accuracy")], fidelity=SIXTEEN, proxies="first,second")

    strategy, told = make(), []
    for number in range(6):
        if number == 3:
            strategy.finish()
        candidate = strategy.ask()
        assert candidate is not None
        told.append((str(candidate.effort), candidate.parent, candidate.inherit))
        state = json.loads(json.dumps(strategy.state_dict()))
        strategy = make()
        strategy.load_state_dict(state)
        metrics = {"stage_score": float(number % 2), "accuracy": 0.5}
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement(metrics)))
    assert told[3:] == [
        ("by second", 1, "architecture"),
        ("4 epochs", 3, "architecture"),
        ("16 epochs", 4, "continue"),
    ]
    assert strategy.ask() is None


@pytest.mark.parametrize("keep", [1.0, 0.0, "a", "0.5,0.5,0.5", [0.5, 2.0], ""])
def test_a_share_that_does_not_fit_is_told_with_the_stages(keep: object) -> None:
    with pytest.raises(
        UsageError, match=r"or one for each of 2: first, the short training; as keep=0.5,0.25; got"
    ):
        Cascade(numbers(), [Objective("accuracy")], fidelity=SIXTEEN, proxies="first", keep=keep)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"short": 0.0}, {"proxies": "a,a"}, {"proxies": ""}])
def test_what_does_not_fit_is_told(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="different proxies"):
        Cascade(numbers(), [Objective("accuracy")], fidelity=SIXTEEN, **given)  # type: ignore[arg-type]


class Perceptron(nn.Sequential):
    """A network of one hidden layer."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def test_a_search_of_three_stages(tmp_path: Path) -> None:
    result = aw.search(
        aw.Space(aw.layer(Perceptron, aw.integer(2, 24, name="width"))), aw.tasks.digits(), strategy="cascade",
        strategy_options={"proxies": "params", "keep": 0.5}, budget=aw.Budget(trials=8), retrain=0,
        recipe=aw.Recipe(epochs=4, batch_size=256), out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert result.run.config.estimator.name == "cascade"
    stages: dict[str, list[Trial]] = {}
    for trial in result.trials:
        assert trial.state == "completed", trial.error
        stages.setdefault(str(trial.candidate.effort), []).append(trial)
    assert {name: len(trials) for name, trials in stages.items()} == {
        "by params": 8,
        "1 epoch": 4,
        "4 epochs": 2,
    }
    scored = {t.number: t.metrics for t in stages["by params"]}
    assert all(metrics["stage_score"] == metrics["params"] for metrics in scored.values())
    assert all("accuracy" not in metrics for metrics in scored.values())
    with open_store(tmp_path / "run", result.run.config) as store:
        reports = store.reports()
    for trial in stages["4 epochs"]:
        assert trial.candidate.inherit == "continue"
        assert [report.metrics["epoch"] for report in reports[trial.number]] == [2, 3, 4]  # the rest
    assert result.best in stages["4 epochs"]


def test_another_estimator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'cascade' is made for the estimator 'cascade'"):
        aw.search("mlp", "diabetes", strategy="cascade", estimator="training", out=tmp_path / "run")
    with pytest.raises(UsageError, match="unknown estimator 'parms'"):
        aw.search(
            "mlp", "diabetes", strategy="cascade", strategy_options={"proxies": "parms"}, out=tmp_path / "run"
        )
