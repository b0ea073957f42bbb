"""A search for programs from end to end: as a user starts it, and after an interruption."""

import json

import numpy as np
import pytest

import archwright as aw
from archwright.errors import UsageError
from archwright.export.checking import executed
from archwright.programs import Program, Runner, settings_of
from archwright.programs.island import Island
from archwright.programs.judging import Judge, arrays_of
from archwright.session import resume, search
from archwright.spaces.zoo import make_space
from archwright.strategies.evolution.programs import ProgramEvolution
from archwright.tasks import make_task

from .stopped import StopAfter

SMALL = {"programs": 3000}


@pytest.mark.slow
def test_a_search_delivers_an_algorithm_in_numpy(tmp_path):
    result = search(
        "automl_zero",
        "linear_regression",
        strategy_options=SMALL,
        budget=aw.Budget(trials=3),
        retrain=1,
        out=tmp_path / "run",
        progress=False,
    )
    best = tmp_path / "run" / "best"
    told = json.loads((best / "architecture.json").read_text())
    short, task = Program.parse(told["simplified"]), make_task("linear_regression")
    assert len(short) <= len(Program.parse(told["found"]))
    inputs, labels = arrays_of(task.train)
    runner = Runner(4, (4, 3, 1))
    runner.train(short, inputs, labels, is_classes=False)
    expected = runner.predict(
        short, runner.memory_now.copy(), inputs[:20], is_classes=False, step=len(inputs)
    )
    with executed(best / "algorithm.py") as module:
        np.testing.assert_allclose(
            module.predict(module.fit(inputs, labels), inputs[:20]), expected, rtol=1e-9
        )
    assert result.run.state == "completed"
    assert {"fitness", "unseen_fitness", "instructions"} <= set(result.run.winner.metrics)
    card = (best / "card.md").read_text()
    assert (
        "A learning algorithm found by Archwright. It is plain Python with NumPy: `algorithm.py` imports"
        in card
    )
    assert "adamw" not in card
    assert "network" not in card
    report = (tmp_path / "run" / "report.html").read_text()
    assert all(str(told[name]) in report for name in ("found", "simplified"))


@pytest.mark.slow
def test_an_interrupted_evolution_goes_on_as_without_the_interruption(tmp_path):
    how = {"strategy_options": SMALL, "budget": aw.Budget(trials=4), "retrain": 0}
    whole = search("automl_zero", "linear_regression", out=tmp_path / "a", progress=False, **how)
    with pytest.raises(RuntimeError, match="here it ends"):
        search("automl_zero", "linear_regression", out=tmp_path / "b", listener=StopAfter(2), **how)
    again = resume(tmp_path / "b", progress=False)
    assert [trial.architecture for trial in again.run.trials] == [t.architecture for t in whole.run.trials]


@pytest.mark.parametrize("strategy", ["random", "evolution"])
def test_the_strategies_of_all_spaces_search_programs(strategy, tmp_path):
    result = search(
        "automl_zero",
        "linear_regression",
        strategy=strategy,
        budget=aw.Budget(trials=12),
        retrain=0,
        out=tmp_path / "run",
        progress=False,
    )
    assert len(result.run.trials) == 12
    assert result.run.best.metrics["fitness"] > 0


def test_any_task_with_two_classes_is_divided(tmp_path):
    task = make_task("breast_cancer")
    judge = Judge(task, settings_of(make_space("automl_zero", (30,), 2, kind=task.kind)))
    (lanes,) = judge.lanes("search")
    assert (lanes.count, lanes.inputs.shape[1]) == (5, 30)
    assert not np.allclose(lanes.inputs, judge.lanes("select")[0].inputs)


def test_what_programs_cannot_learn_is_refused():
    with pytest.raises(aw.errors.SpaceError, match="10 outputs"):
        search("automl_zero", "digits", progress=False)
    with pytest.raises(UsageError, match="the space"):
        search("mlp", "breast_cancer", strategy="program_evolution", progress=False)
    with pytest.raises(UsageError, match=r"programs has no supernet .* take program_evolution"):
        search("automl_zero", "breast_cancer", strategy="enas", progress=False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"migrants": -1}, "expected migrants at least 0, got -1"),
        ({"tournament": 51, "population": 50}, "expected tournament from 1 to 50, got 51"),
        ({"hurdle": 100.0}, "expected hurdle from 0 to 99, got 100.0"),
    ],
)
def test_a_wrong_number_of_the_evolution_is_named(options, told):
    task = make_task("linear_regression")
    space = make_space("automl_zero", (4,), 1, kind=task.kind)
    with pytest.raises(UsageError, match=told):
        ProgramEvolution(
            space, [aw.Objective("fitness")], judge=Judge(task, settings_of(space), 0), **options
        )


def test_an_evolution_that_is_broken_off_ends_within_a_piece(monkeypatch):
    task = make_task("linear_regression")
    space = make_space("automl_zero", (4,), 1, kind=task.kind)
    judge = Judge(task, settings_of(space), 0)
    strategy = ProgramEvolution(space, [aw.Objective("fitness")], judge=judge, programs=10**9)
    calls = []

    def evolve(island, children, target):
        calls.append(children)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(Island, "evolve", evolve)
    with pytest.raises(KeyboardInterrupt):
        strategy.ask()
    assert len(calls) == 3
    assert max(calls) < 10**6


def evolution(task, **options):
    judge = Judge(task, settings_of(make_space("automl_zero", (4,), 1, kind=task.kind)), 0)
    space = make_space("automl_zero", (4,), 1, kind=task.kind)
    return ProgramEvolution(space, [aw.Objective("fitness")], judge=judge, population=30, **options)


def test_an_island_goes_on_with_other_tasks_and_forgets_the_earlier_ones():
    task = make_task("linear_regression")
    kept, renewed = (evolution(task, programs=60, renew=renew, examples=20) for renew in (0, 50))
    for strategy in (kept, renewed):
        strategy.ask(), strategy.ask()
    (old,), (new,) = kept._islands, renewed._islands
    assert old.lanes.shown[0] == new.lanes.shown[0] == 20
    assert not np.array_equal(old.lanes.inputs, new.lanes.inputs)
    np.testing.assert_array_equal(new.lanes.inputs, renewed._judge.search_lanes(1, 20).inputs)
    runner = Runner(4, renewed._settings.memory, new.lanes.count)
    fitness, program = new.best()[0]
    assert runner.fitness(program, new.lanes)[0] == pytest.approx(fitness, abs=1e-12)


@pytest.mark.parametrize("asked", [1, 2])
def test_an_evolution_whose_tasks_change_goes_on_from_its_state_as_without_an_end(asked):
    task, how = make_task("linear_regression"), {"programs": 60, "renew": 50, "examples": 20}
    whole, again = evolution(task, **how), evolution(task, **how)
    for _ in range(asked):
        whole.ask()
    again.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    for _ in range(2):
        assert again.ask() == whole.ask()


def test_a_state_of_an_earlier_version_keeps_its_population_and_its_tasks():
    task = make_task("linear_regression")
    earlier = evolution(task, programs=40, renew=0)
    earlier.ask()
    state = earlier.state_dict()
    del state["turns"]
    judge = earlier._judge
    space = make_space("automl_zero", (4,), 1, kind=task.kind)
    later = ProgramEvolution(space, [aw.Objective("fitness")], judge=judge, programs=40)
    later.load_state_dict(state)
    later.ask()
    (island,) = later._islands
    assert len(island.scores) == 30
    np.testing.assert_array_equal(island.lanes.inputs, judge.lanes("search")[0].inputs)


@pytest.mark.parametrize("wrong", [{"renew": -1}, {"examples": -5}])
def test_a_negative_number_is_refused(wrong):
    with pytest.raises(UsageError, match=r">= 0"):
        evolution(make_task("linear_regression"), **wrong)
