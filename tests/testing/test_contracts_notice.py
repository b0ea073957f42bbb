"""A contract that passes whatever it is given is worth nothing: each promise is broken once, and noticed."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archwright.spaces as aw
from archwright.errors import RunError, SpaceError, SpaceExhaustedError
from archwright.estimators.estimator import Estimator
from archwright.experiments.executors import Channel, Ended, Executor, Failure, InlineExecutor
from archwright.experiments.executors.executor import Handle, Work
from archwright.experiments.store import SQLStore, Stage, Store
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies import RandomSearch
from archwright.strategies.pruners import Pruner
from archwright.testing import (
    EstimatorContract,
    ExecutorContract,
    PrunerContract,
    SpaceContract,
    StoreContract,
    StrategyContract,
    ToyEstimator,
    toy_spaces,
)
from archwright.trials import (
    Candidate,
    LocalTrial,
    Measurement,
    Report,
    Trial,
    TrialContext,
    TrialState,
    Verdict,
)

# Strategies


class Repeats(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        return Candidate(self.space.sample(random.Random(self._advance())))

    def _advance(self) -> int:
        self._asked += 1
        return self._asked


class EndsEarly(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        if self._asked >= 2:
            raise SpaceExhaustedError("enough")
        return super().ask(running)


class Unseeded(RandomSearch):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seed = random.randrange(10**9)


class Forgets(RandomSearch):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "asked": 0}


class NotJson(RandomSearch):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "more": {1, 2}}


class LiveState(RandomSearch):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._live: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        self._live.update(super().state_dict())
        return self._live

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        candidate = super().ask(running)
        self.state_dict()
        return candidate


class Fragile(RandomSearch):
    def tell(self, trial: Trial) -> None:
        assert trial.measurement is not None
        super().tell(trial)


class LeavesTheSpace(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        candidate = super().ask(running)
        return replace(candidate, architecture=Architecture({**candidate.architecture, "more": 1}))


class Foresees(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        return replace(super().ask(running), parent=self._asked + 3)


class WaitsForNothing(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        return super().ask(running) if self._asked < 3 else None  # type: ignore[return-value]


class WaitsAndCounts(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        if len(running) < 2:
            return super().ask(running)
        self._asked += 1
        return None  # type: ignore[return-value]


class Inherits(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        parent = self._asked - 1 if self._asked else None
        return replace(super().ask(running), parent=parent, inherit="morph" if self._asked > 1 else "nothing")


class ContinuesOthers(Inherits):
    inherits = True

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        candidate = super().ask(running)
        return replace(candidate, inherit="continue") if candidate.inherit == "morph" else candidate


class NeedsNothing(Inherits):
    inherits = True

    def needed(self) -> set[int] | None:
        return set()


@pytest.mark.parametrize(
    ("broken", "test", "arguments"),
    [
        (WaitsForNothing, "test_proposes_every_architecture_once_and_then_says_so", ("flat",)),
        (WaitsAndCounts, "test_several_may_be_asked_before_any_is_told", ("flat",)),
        (Inherits, "test_a_parent_is_an_earlier_trial", ("flat",)),
        (ContinuesOthers, "test_a_parent_is_an_earlier_trial", ("flat",)),
        (NeedsNothing, "test_what_is_inherited_was_needed", ("flat",)),
        (Repeats, "test_proposes_every_architecture_once_and_then_says_so", ("flat",)),
        (EndsEarly, "test_proposes_every_architecture_once_and_then_says_so", ("flat",)),
        (EndsEarly, "test_proposes_every_architecture_once_and_then_says_so", ("reals",)),
        (LeavesTheSpace, "test_proposes_every_architecture_once_and_then_says_so", ("flat",)),
        (Repeats, "test_several_may_be_asked_before_any_is_told", ("flat",)),
        (Repeats, "test_may_never_be_told_anything", ("flat",)),
        (Fragile, "test_survives_that_nothing_succeeds", ("flat", TrialState.FAILED)),
        (Unseeded, "test_same_seed_same_candidates", ("flat",)),
        (Foresees, "test_a_parent_is_an_earlier_trial", ("flat",)),
        (Unseeded, "test_a_state_that_went_through_json_continues_exactly", ()),
        (Forgets, "test_a_state_that_went_through_json_continues_exactly", ()),
        (NotJson, "test_a_state_that_went_through_json_continues_exactly", ()),
        (LiveState, "test_a_state_is_a_picture", ("flat",)),
        (Forgets, "test_a_state_is_a_picture", ("flat",)),
    ],
)
def test_a_broken_strategy_is_noticed(
    broken: type[RandomSearch], test: str, arguments: tuple[Any, ...]
) -> None:
    contract = type("Joined", (StrategyContract,), {"make": broken})()
    with pytest.raises((AssertionError, TypeError)):
        getattr(contract, test)(*arguments)


# Spaces


class LossyCode(Space):
    def decode(self, vector: Any) -> Architecture:
        return super().decode([0.0] * len(vector))


class CountsRaw(Space):
    @property
    def size(self) -> float:  # type: ignore[override]
        return self.size_bound


class OwnNeighbor(Space):
    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        return [*super().neighbors(architecture), architecture]


class Lazy(Space):
    def mutate(self, architecture: Architecture, random: Any = None) -> Architecture:
        return architecture


class Immutable(Space):
    def mutate(self, architecture: Architecture, random: Any = None) -> Architecture:
        raise SpaceError("no")


class Stranger(Space):
    def crossover(self, first: Architecture, second: Architecture, random: Any = None) -> Architecture:
        return self.sample(random)


class Restless(Space):
    def sample(self, random: Any = None) -> Architecture:
        return super().sample(None)


class Anything(Space):
    def contains(self, architecture: Any) -> bool:
        return True


def in_order(architecture: Architecture) -> tuple[Any, ...]:
    return tuple(architecture.items())


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (LossyCode, "test_decode_is_the_inverse_of_encode"),
        (CountsRaw, "test_size_is_the_count_of_the_iteration"),
        (OwnNeighbor, "test_neighbors_are_contained_and_differ"),
        (Lazy, "test_a_mutant_is_contained_and_differs"),
        (Immutable, "test_a_mutant_is_contained_and_differs"),
        (Stranger, "test_a_cross_is_contained_and_made_of_its_parents"),
        (Restless, "test_samples_are_contained_and_repeatable"),
        (Anything, "test_what_does_not_belong_is_refused"),
    ],
)
def test_a_broken_space_is_noticed(broken: type[Space], test: str) -> None:
    def make() -> Space:
        sound = toy_spaces.spellings() if broken is CountsRaw else toy_spaces.flat(6, 4)
        return broken(sound.network, canonicalize=sound.canonicalize)

    # A group where hypothesis finds the promise broken in several ways.
    with pytest.raises((AssertionError, ExceptionGroup)):
        getattr(type("Joined", (SpaceContract,), {"make": staticmethod(make)})(), test)()


def test_a_canonical_form_that_depends_on_the_order_is_noticed() -> None:
    def make() -> Space:
        return Space(toy_spaces.flat().network, canonicalize=in_order)

    contract = type("Joined", (SpaceContract,), {"make": staticmethod(make)})()
    with pytest.raises(AssertionError):
        contract.test_equal_architectures_have_equal_canonical_forms()


def test_a_space_that_depends_on_the_moment_is_noticed() -> None:
    made = iter(range(10))

    def make() -> Space:
        return Space(aw.layer(dict, a=aw.categorical([0, 1], name=f"a{next(made)}")))

    contract = type("Joined", (SpaceContract,), {"make": staticmethod(make)})()
    with pytest.raises(AssertionError):
        contract.test_two_makings_are_the_same_space()


# Estimators


class Noisy(ToyEstimator):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        made = super().estimate(candidate, trial)
        return replace(made, metrics={**made.metrics, "score": random.random()})


class Remembers(ToyEstimator):
    calls = 0

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        self.calls += 1
        made = super().estimate(candidate, trial)
        return replace(made, metrics={**made.metrics, "score": float(self.calls)})


class Locked(ToyEstimator):
    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.lock = threading.Lock()


class Thorough(ToyEstimator):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        return super().estimate(Candidate(candidate.architecture), trial)


class Infinite(ToyEstimator):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        return Measurement({"score": float("nan"), "cost": 1.0})


class Nepotist(ToyEstimator):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        made = super().estimate(candidate, trial)
        return replace(made, metrics={**made.metrics, "score": float(candidate.parent or 0)})


class Converses(ToyEstimator):
    def __init__(self, space: Space) -> None:
        super().__init__(space, converses=True)


class Obstinate(Converses):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        report = trial.report
        trial.report = lambda *args: (report(*args), Verdict.GO_ON)[1]  # type: ignore[method-assign]
        return super().estimate(candidate, trial)


class Late(Converses):
    """Saves what it had an epoch ago."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        report = trial.report

        def late(step: int, metrics: Any, state: Any) -> Verdict:
            return report(step, metrics, {"curve": state["curve"][:-1] * 2})

        trial.report = late  # type: ignore[method-assign]
        return super().estimate(candidate, trial)


class BeginsAnew(Converses):
    """Goes on from nothing, so a continuation reports its parent's steps again."""

    def _begun(self, candidate: Candidate, trial: TrialContext) -> list[dict[str, float]]:
        return []


class KeepsSilent(Converses):
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        return super().estimate(candidate, LocalTrial())


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (KeepsSilent, "test_reports_as_it_goes"),
        (Obstinate, "test_stops_when_told_to"),
        (Late, "test_the_next_attempt_goes_on_as_if_nothing_had_happened"),
        (Late, "test_a_continuation_ends_as_if_it_had_been_one_trial"),
        (BeginsAnew, "test_a_continuation_ends_as_if_it_had_been_one_trial"),
        (Noisy, "test_same_candidate_same_metrics"),
        (Remembers, "test_same_candidate_same_metrics"),
        (Locked, "test_survives_pickling"),
        (Thorough, "test_honours_the_fidelity"),
        (Infinite, "test_measures_numbers"),
        (Nepotist, "test_the_parent_does_not_matter"),
    ],
)
def test_a_broken_estimator_is_noticed(broken: type[Estimator], test: str) -> None:
    members = {
        "make": broken,
        "make_space": staticmethod(toy_spaces.flat),
        "metrics": ("score", "cost"),
        "converses": True,
    }
    with pytest.raises((AssertionError, TypeError)):
        getattr(type("Joined", (EstimatorContract,), members)(), test)()


# Pruners


class Tires(Pruner):
    """Stops every third report that it sees."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.seen = 0

    def judge(self, trial: Trial, curve: Sequence[Report], others: Any) -> Verdict:
        self.seen += 1
        return Verdict.STOP if self.seen % 3 == 0 else Verdict.GO_ON


class Demanding(Tires):
    def judge(self, trial: Trial, curve: Sequence[Report], others: Any) -> Verdict:
        return Verdict.GO_ON if curve[-1].metrics["score"] > 0 else Verdict.STOP


class Pessimist(Tires):
    def judge(self, trial: Trial, curve: Sequence[Report], others: Any) -> Verdict:
        return Verdict.STOP


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Tires, "test_the_verdict_depends_on_what_is_given_alone"),
        (Demanding, "test_the_verdict_depends_on_what_is_given_alone"),
        (Pessimist, "test_a_first_trial_goes_on"),
    ],
)
def test_a_broken_pruner_is_noticed(broken: type[Pruner], test: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        getattr(type("Joined", (PrunerContract,), {"make": broken})(), test)()


# Stores


class Rounds(SQLStore):
    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        measured = trial.measurement
        if measured is not None:
            metrics = {name: round(value, 3) for name, value in measured.metrics.items()}
            trial = replace(trial, measurement=replace(measured, metrics=metrics))
        super().finish(trial, stage)


class OneStage(SQLStore):
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        super().start(trial)

    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        super().finish(trial)


class Loose(SQLStore):
    def lock(self) -> None:
        pass

    def is_locked(self) -> bool:
        return False


class Buffers(SQLStore):
    """Writes every fifth time only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.waiting: list[tuple[Callable[..., None], Trial]] = []
        super().__init__(*args, **kwargs)

    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        self.waiting.append((super().start, trial))
        if len(self.waiting) >= 5:
            self.flush()

    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        self.waiting.append((super().finish, trial))
        if len(self.waiting) >= 5:
            self.flush()

    def flush(self) -> None:
        for write, trial in self.waiting:
            write(trial)
        self.waiting.clear()


class ByNumber(SQLStore):
    def events(self) -> list[Any]:
        return sorted(super().events(), key=lambda event: event[1].number)


class KeepsFirst(SQLStore):
    def set_fact(self, key: str, value: Any) -> None:
        if self.get(key) is None:
            super().set_fact(key, value)


class TakesBack(SQLStore):
    """Reports anew what was reported."""

    def report(self, number: int, report: Report, stage: Stage = Stage.SEARCH) -> Verdict | None:
        with contextlib.suppress(RunError):
            self._live.exec_driver_sql(
                f"DELETE FROM reports WHERE number = {number} AND step = {report.step}"
            )
        return super().report(number, report, stage)


class KeepsAll(SQLStore):
    """Every checkpoint of a trial."""

    def _drop_checkpoints(self, which: Any, stage: Stage, *more: Any) -> None:
        pass


class Unordered(SQLStore):
    def reports(self, stage: Stage = Stage.SEARCH) -> dict[int, list[Report]]:
        return {number: rows[::-1] for number, rows in super().reports(stage).items()}


class Orphans(SQLStore):
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        super().start(replace(trial, candidate=replace(trial.candidate, inherit="nothing")), stage)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (TakesBack, "test_what_was_reported_is_not_changed_by_reporting_it_again"),
        (KeepsAll, "test_a_trial_has_one_checkpoint_the_last"),
        (Unordered, "test_reports_are_kept_by_step"),
        (Orphans, "test_a_candidate_comes_back_whole"),
        (Rounds, "test_what_goes_in_comes_out"),
        (OneStage, "test_stages_are_apart"),
        (Loose, "test_a_second_process_cannot_lock"),
        (Buffers, "test_a_kill_loses_nothing_that_was_written"),
        (Buffers, "test_can_be_read_while_another_process_writes"),
        (ByNumber, "test_events_keep_the_order_in_which_they_happened"),
        (KeepsFirst, "test_facts_are_replaced"),
    ],
)
def test_a_broken_store_is_noticed(broken: type[SQLStore], test: str, tmp_path: Path) -> None:
    def make(folder: Path, *, create: bool) -> Store:
        return broken(f"sqlite:///{folder}/trials.sqlite", "run", create=create)

    with pytest.raises(AssertionError):
        getattr(type("Joined", (StoreContract,), {"make": staticmethod(make)})(), test)(tmp_path)


# Executors


class Forgetful(InlineExecutor[Any, Any]):
    def wait(self, seconds: float) -> list[Ended[Any, Any]]:
        return [replace(ended, failure=None) for ended in super().wait(seconds)]


class Mixed(InlineExecutor[Any, Any]):
    def submit(self, job: Any) -> None:
        super().submit(0)


class Patient(InlineExecutor[Any, Any]):
    def __init__(self, *, time_limit: float | None = None) -> None:
        super().__init__()


class Deaf(InlineExecutor[Any, Any]):
    def open(self, work: Work[Any, Any], handle: Handle[Any] | None = None) -> None:
        super().open(work, lambda job, message: None)


class Careless(Executor[Any, Any]):
    """Runs jobs as they are."""

    slots = 1

    def __init__(self, *, time_limit: float | None = None) -> None:
        self.jobs: list[Any] = []

    def open(self, work: Work[Any, Any], handle: Handle[Any] | None = None) -> None:
        self.work, self.handle = work, handle

    def submit(self, job: Any) -> None:
        self.jobs.append(job)

    def wait(self, seconds: float) -> list[Ended[Any, Any]]:
        if not self.jobs:
            return []
        job, outer = self.jobs.pop(), self

        class Direct(Channel):
            def call(self, message: Any) -> Any:
                assert outer.handle is not None
                return outer.handle(job, message)

        try:
            return [Ended(job, self.work(job, Direct()))]
        except Exception as error:
            return [Ended(job, failure=Failure(str(error)))]

    def close(self, *, now: bool = False) -> None:
        pass


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Forgetful, "test_every_job_comes_back_once_as_it_ended"),
        (Mixed, "test_every_job_comes_back_once_as_it_ended"),
        (Patient, "test_a_job_over_its_time_fails_alone"),
        (Deaf, "test_messages_are_answered_where_the_jobs_were_submitted"),
        (Careless, "test_an_error_of_the_handle_comes_out_of_wait"),
        (Careless, "test_code_that_wants_to_end_the_process_fails_its_job_alone"),
        (Careless, "test_jobs_begin_with_the_same_state_of_torch"),
    ],
)
def test_a_broken_executor_is_noticed(
    broken: type[Executor[Any, Any]], test: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archwright.testing.executor_contract._PATIENCE", 2.0)
    with pytest.raises((AssertionError, SystemExit, pytest.fail.Exception)):
        getattr(type("Joined", (ExecutorContract,), {"make": broken})(), test)()
