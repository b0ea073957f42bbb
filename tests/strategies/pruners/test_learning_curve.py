"""The pruner that extrapolates: against whom it compares, until when, and what it waits for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies.pruners import LearningCurvePruner, Observed
from archwright.surrogates.curves import CURVE_MODELS, Curve, CurveModel, Forecast
from archwright.testing import PrunerContract
from archwright.trials import Candidate, Fidelity, Report, Trial, TrialState, Verdict

ACCURACY = (Objective("accuracy"),)


class TestParametric(PrunerContract):
    make = partial(
        LearningCurvePruner,
        minimum_epochs=2,
        model="parametric",
        model_options={"minimum_points": 2, "steps": 40},
    )


class TestFreezeThaw(PrunerContract):
    make = partial(LearningCurvePruner, minimum_epochs=2, model="freeze_thaw", model_options={"steps": 2})


class TestSupportVectors(PrunerContract):
    make = partial(
        LearningCurvePruner, minimum_epochs=1, model="support_vectors", model_options={"minimum_curves": 5}
    )


class Asked(CurveModel):
    """Foresees a given value with a given deviation, and remembers what it was asked."""

    def __init__(self, mean: float, deviation: float = 0.01) -> None:
        self.mean_, self.deviation_ = mean, deviation
        self.asked: list[tuple[Curve, int, Sequence[Curve]]] = []

    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        self.asked.append((curve, epoch, others))
        return Forecast(np.array([self.mean_]), np.array([self.deviation_]))


def with_model(model: CurveModel, **options: object) -> LearningCurvePruner:
    pruner = LearningCurvePruner(ACCURACY, **options)  # type: ignore[arg-type]
    pruner.model = model
    return pruner


def curve(values: Sequence[float], first: int = 1, name: str = "accuracy") -> list[Report]:
    return [Report(100 * n, {name: value, "epoch": n}) for n, value in enumerate(values, first)]


def trial(
    number: int, state: TrialState = TrialState.RUNNING, fidelity: Fidelity | None = None, **inherited: object
) -> Trial:
    return Trial(number, Candidate(Architecture({}), fidelity, **inherited), state)  # type: ignore[arg-type]


def completed(number: int, values: Sequence[float], fidelity: Fidelity | None = None) -> Observed:
    return trial(number, TrialState.COMPLETED, fidelity), curve(values)


BEST = [completed(0, [0.1, 0.5, 0.7, 0.8, 0.85, 0.9]), completed(1, [0.1, 0.9, 0.9, 0.95, 0.9, 0.7])]


@pytest.mark.parametrize(
    ("mean", "expected"), [(0.88, Verdict.STOP), (0.8837, Verdict.GO_ON), (0.99, Verdict.GO_ON)]
)
def test_it_stops_what_beats_the_best_with_a_probability_below_a_twentieth(
    mean: float, expected: Verdict
) -> None:
    # The best final value is .9, though another was .95 in between; .9 is 1.645 deviations above .88355.
    pruner = with_model(Asked(mean))
    assert pruner.judge(trial(5), curve([0.1, 0.3, 0.5, 0.6]), BEST) is expected


def test_a_probability_may_be_given() -> None:
    pruner = with_model(Asked(0.88), probability=0.01)
    assert pruner.judge(trial(5), curve([0.1, 0.3, 0.5, 0.6]), BEST) is Verdict.GO_ON


def test_a_smaller_loss_is_better() -> None:
    losses = Objective("loss", Direction.MINIMIZE)
    pruner = LearningCurvePruner([losses])
    pruner.model = model = Asked(-0.5)
    others = [(trial(0, TrialState.COMPLETED), curve([3.0, 2.0, 1.0, 0.6, 0.4], name="loss"))]
    assert pruner.judge(trial(1), curve([3.0, 2.0, 1.5, 1.2], name="loss"), others) is Verdict.STOP
    assert model.asked[0][0].values.tolist() == [-3.0, -2.0, -1.5, -1.2]
    model.mean_ = -0.4
    assert pruner.judge(trial(1), curve([3.0, 2.0, 1.5, 1.2], name="loss"), others) is Verdict.GO_ON


def test_it_waits_for_epochs_for_intervals_and_for_a_completed_trial() -> None:
    model = Asked(0.0)
    pruner = with_model(model, minimum_epochs=3, interval=2)
    verdicts = [pruner.judge(trial(5), curve([0.1] * n), BEST) for n in range(1, 7)]
    # At 3 the interval is not reached, and 6 is the last epoch.
    assert verdicts == [*[Verdict.GO_ON] * 3, Verdict.STOP, Verdict.GO_ON, Verdict.GO_ON]
    assert pruner.judge(trial(5), curve([0.1] * 4), []) is Verdict.GO_ON
    running = [(trial(0), BEST[0][1]), (trial(1, TrialState.PRUNED), BEST[1][1])]
    assert pruner.judge(trial(5), curve([0.1] * 4), running) is Verdict.GO_ON
    assert len(model.asked) == 1


def test_the_last_epoch_is_that_of_the_fidelity_or_its_horizon_or_of_the_others() -> None:
    asked = []
    rungs = [
        completed(0, [0.9] * 27, Fidelity(27, horizon=27)),
        completed(1, [0.9] * 9, Fidelity(9, horizon=27)),
    ]
    for fidelity, options in (
        (None, {}),
        (Fidelity(9), {}),
        (Fidelity(9, horizon=27), {}),
        (Fidelity(9), {"epochs": 18}),
    ):
        model = Asked(0.0)
        pruner = with_model(model, **options)
        assert pruner.judge(trial(5, fidelity=fidelity), curve([0.1] * 4), rungs) is Verdict.STOP
        asked.append(model.asked[0][1])
    assert asked == [27, 9, 27, 18]


def test_models_see_each_network_once_in_the_order_of_asking_on_as_much_data() -> None:
    model = Asked(0.0)
    half = Fidelity(data_fraction=0.5)
    child = trial(4, TrialState.COMPLETED, Fidelity(6), parent=2, inherit="continue")
    others = [
        (child, curve([0.2, 0.3, 0.4, 0.5, 0.5, 0.5])),
        (trial(3, TrialState.FAILED), curve([0.9] * 6)),
        (trial(2, TrialState.COMPLETED, Fidelity(2)), curve([0.2, 0.3])),  # what trial 4 went on from
        (trial(1, TrialState.PRUNED), curve([0.1, math.nan, 0.2])),
        completed(0, [0.9] * 6, half),
        (trial(6), curve([0.3, 0.4])),
    ]
    assert with_model(model).judge(trial(7, fidelity=Fidelity(6)), curve([0.1] * 4), others) is Verdict.STOP
    ((_, _, seen),) = model.asked
    # Not the one that runs: it would have another curve each time.
    assert [found.values.tolist() for found in seen] == [[0.1, 0.2], [0.2, 0.3, 0.4, 0.5, 0.5, 0.5]]
    assert seen[0].epochs.tolist() == [1.0, 3.0]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("model", "steps"), [("freeze_thaw", 25), ("parametric", 60)])
def test_it_saves_epochs_on_curves_and_keeps_the_best(model: str, steps: int) -> None:
    random = np.random.default_rng(0)
    pruner = LearningCurvePruner(ACCURACY, interval=4, model=model, model_options={"steps": steps})
    epochs = np.arange(1.0, 31.0)
    tops = [0.9, *random.uniform(0.5, 0.85, 5), 0.95]
    others: list[Observed] = []
    spent, best = 0, 0.0
    for number, top in enumerate(tops):
        values = top - 0.4 * np.exp(-0.3 * epochs) + 0.003 * random.standard_normal(30)
        reports = curve(values.tolist())
        state = TrialState.COMPLETED
        for n in range(1, 31):
            if pruner.judge(trial(number), reports[:n], others) is Verdict.STOP:
                state, reports = TrialState.PRUNED, reports[:n]
                break
        else:
            best = max(best, values[-1])
        spent += len(reports)
        others.append((trial(number, state), reports))
    assert others[-1][0].state is TrialState.COMPLETED
    assert best > 0.94
    assert spent < 0.7 * 30 * len(tops)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"probability": 1.0}, "probability between 0 and 1"),
        ({"minimum_epochs": 0}, "minimum_epochs >= 1"),
        ({"interval": 0}, "interval >= 1"),
        ({"model": "parametrik"}, "Did you mean 'parametric'"),
        ({"model_options": {"stepz": 3}}, "stepz"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        LearningCurvePruner(ACCURACY, **options)  # type: ignore[arg-type]


def test_every_model_is_known_by_name() -> None:
    for name in CURVE_MODELS:
        assert CURVE_MODELS.summary(name)
        LearningCurvePruner(ACCURACY, model=name)
