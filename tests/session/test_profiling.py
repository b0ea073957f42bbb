"""What is told of a search before it, held against what is so."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.stats import binom
from torch import nn

import archwright as aw
from archwright.errors import SpaceError, UsageError
from archwright.estimators.cost import TrainingCost, interpolated_seconds, time_training
from archwright.experiments.time_plan import Costs, TimePlan, Trainings
from archwright.objectives import METERS
from archwright.registry import Entry
from archwright.session import planning
from archwright.session.planning import fitting_workers
from archwright.session.profiling import Spread
from archwright.testing.known_best import known_best_task
from archwright.trials import Candidate, Fidelity

TASK = known_best_task(0, examples=320)
INPUTS, OUTPUTS = math.prod(TASK.input_shape or ()), TASK.outputs
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=2), "accelerator": "cpu", "timed": 2}


def sized(width: int) -> nn.Module:
    if width == 64:
        raise RuntimeError("too wide for this machine")
    return nn.Sequential(nn.Flatten(), nn.Linear(INPUTS, width), nn.Linear(width, OUTPUTS or 1))


def params(width: int) -> int:
    return (INPUTS + 1) * width + (width + 1) * (OUTPUTS or 1)


SPACE = aw.Space(aw.layer(sized, aw.categorical(WIDTHS, name="width")), name="widths")


def test_a_small_space_is_measured_whole() -> None:
    limits = [f"params<={params(8)}", "flops<=1", "accuracy>=0.9"]
    found = aw.profile(SPACE, TASK, objectives=limits, budget=aw.Budget(trials=10, minutes=600.0), **QUICK)
    assert (found.networks, found.is_whole, found.space, found.size) == (7, True, "widths", 7)
    assert sum(found.failures.values()) == 1
    assert "too wide" in next(iter(found.failures))
    assert found.meters["params"] == Spread(params(1), (params(4) + params(8)) / 2, params(32), 6)
    told = {share.limit: (share.kept, share.networks, share.low, share.high) for share in found.limits}
    assert told[f"params<={params(8)}"] == (4, 6, 4 / 6, 4 / 6)
    assert told["flops<=1"] == (0, 6, 0.0, 0.0)
    assert told["accuracy>=0.9"] == (0, 0, 0.0, 1.0)  # only training tells
    assert told["all limits"][0] == 0
    assert [cost.params for cost in found.timed] == [
        params(1),
        params(32),
    ]  # none keeps all, so all are looked at
    assert found.trial is not None
    assert 0 < found.trial.low < found.trial.middle < found.trial.high
    [bought] = found.purchases
    assert bought.forecast.trials.middle == 10
    assert bought.forecast.seconds.middle == pytest.approx(10 * found.trial.middle, rel=0.5)


@pytest.mark.slow
def test_minutes_are_divided_as_a_search_divides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # else what pays is measured

    def bought(minutes: float, **more: Any) -> Any:
        options = {**QUICK, "recipe": aw.Recipe(epochs=20), **more}
        (found,) = aw.profile(SPACE, TASK, budget=aw.Budget(minutes=minutes), **options).purchases
        return found

    found = bought(3.0)
    assert found.workers == fitting_workers(aw.Training(SPACE, TASK, aw.Recipe(), accelerator="cpu"), 3.0)
    assert 0 < found.search < 0.95 * 180
    assert any("search until" in note and "1 to compare with" in note for note in found.notes)
    alone = bought(3.0, retrain=0, workers=1)
    assert (alone.search, alone.workers, alone.notes) == (180, 1, ())
    assert alone.forecast.seconds.middle == pytest.approx(180, rel=0.2)


def test_without_a_recipe_trials_have_the_epochs_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = Costs(training=12.0, baseline=12.0, closing=1.0)
    monkeypatch.setattr(planning, "measured_plan", lambda *_, **__: TimePlan(costs=costs))
    budget, plan = aw.Budget(minutes=0.5), TimePlan(costs=costs, longest=100.0)
    (found,) = aw.profile(SPACE, TASK, budget=budget, accelerator="cpu", timed=1, workers=1).purchases
    epochs = plan.fitting_epochs(0.5, aw.Recipe().epochs, Trainings(), 1)
    assert epochs < aw.Recipe().epochs
    assert found.epochs == epochs
    shares = plan.scaled(epochs / aw.Recipe().epochs).shares(0.5, Trainings(), 1)
    assert found.search == pytest.approx(shares.search)


@pytest.mark.slow
def test_a_large_space_is_sampled_and_only_what_keeps_the_limits_is_timed() -> None:
    found = aw.profile("chain", "digits", objectives=["params<=20000"], sample=12, **QUICK)
    assert (found.networks, found.is_whole) == (12, False)
    [share] = found.limits
    assert 0 < share.kept < share.networks
    assert share.low < share.kept / share.networks < share.high
    # Clopper and Pearson: at the ends, so many or so few are seen once in twenty.
    assert binom.sf(share.kept - 1, share.networks, share.low) == pytest.approx(0.05)
    assert binom.cdf(share.kept, share.networks, share.high) == pytest.approx(0.05)
    assert all(cost.params <= 20000 for cost in found.timed)
    assert [(p.trials, p.minutes) for p in found.purchases] == [(50, None), (None, 60)]
    again = aw.profile("chain", "digits", objectives=["params<=20000"], sample=12, **QUICK)
    assert again.meters == found.meters


def test_every_meter_is_asked_and_one_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(network: nn.Module) -> float:
        count = sum(parameter.numel() for parameter in network.parameters())
        if count > params(4):
            raise RuntimeError("a meter's own trouble")
        return count / 2

    monkeypatch.setitem(METERS.entries, "broken", Entry("archwright.nowhere:Meter"))
    objective = aw.Objective("half", meter=aw.FunctionMeter(half))
    found = aw.profile(SPACE, TASK, objectives=["accuracy", objective], **QUICK)
    assert found.meters["half"] == Spread(params(1) / 2, params(2) / 2, params(4) / 2, 3)
    assert "a meter's own trouble" in found.unmeasured["half"]
    assert "archwright.nowhere" in found.unmeasured["broken"]


def test_a_slow_meter_measures_fewer_networks() -> None:
    slow = aw.FunctionMeter(lambda network: 1.0, seconds=15.0)
    found = aw.profile(SPACE, TASK, objectives=["accuracy", aw.Objective("slow", meter=slow)], **QUICK)
    assert found.meters["slow"].networks == 3
    assert found.meters["params"].networks == 6


def test_a_space_that_builds_nothing_is_refused_with_the_reason() -> None:
    space = SPACE.fix({"width": 64})
    with pytest.raises(SpaceError, match=r"none of 1 networks could be built: .*too wide"):
        aw.profile(space, TASK, **QUICK)
    with pytest.raises(UsageError, match=r"nothing measures the objective 'parms'.*Did you mean 'params'"):
        aw.profile(SPACE, TASK, objectives=["parms<=9"], **QUICK)
    with pytest.raises(UsageError, match="expected sample"):
        aw.profile(SPACE, TASK, sample=0, **QUICK)


def test_a_training_is_timed_step_by_step() -> None:
    training = aw.Training(SPACE, TASK, aw.Recipe(epochs=50), accelerator="cpu")
    before = torch.get_rng_state()
    cost = time_training(training, Candidate(aw.Architecture({"width": 8}), Fidelity(epochs=20)), seconds=0.0)
    assert torch.equal(before, torch.get_rng_state())
    per_epoch = -(-len(TASK.train) // 32)  # type: ignore[arg-type]
    assert (cost.epochs, cost.steps, cost.timed_steps) == (20, 20 * per_epoch, 8)
    assert cost.params == params(8)
    assert cost.seconds == pytest.approx(cost.setup + cost.steps * cost.step + 20 * cost.evaluation)
    short = time_training(training, Candidate(aw.Architecture({"width": 8}), Fidelity(epochs=1)), seconds=9.0)
    assert short.timed_steps == per_epoch - 2  # there are no more


def test_the_memory_of_a_step_is_that_of_its_tensors() -> None:
    def memory(width: int, batch: int) -> int:
        space = aw.Space(
            aw.layer(
                nn.Sequential,
                aw.layer(nn.Flatten),
                aw.layer(nn.Linear, INPUTS, width),
                aw.layer(nn.Linear, width, OUTPUTS),
            )
        )
        recipe = aw.Recipe(epochs=2, batch_size=batch, optimizer="adamw")
        return time_training(
            aw.Training(space, TASK, recipe), Candidate(aw.Architecture({})), seconds=0.0
        ).memory

    wide, narrow = memory(40_000, 4), memory(20_000, 4)
    # Weights, gradients and two moments of each, and at most as much again while the optimizer computes.
    more = 4 * (params(40_000) - params(20_000))
    assert 4 * more <= wide - narrow <= 8 * more
    assert memory(20_000, 64) - narrow >= 4 * 60 * 20_000  # activations of 60 more examples


def cost(flops: float, seconds: float, error: float = 0.0) -> TrainingCost:
    return TrainingCost(
        params=1, flops=flops, setup=0.0, step=seconds, step_error=error, timed_steps=8, steps=1, epochs=1,
        evaluation=0.0, memory=1,
    )  # fmt: skip


def test_other_networks_lie_on_the_line_between_those_that_were_timed() -> None:
    line = [cost(10.0**power - 1, 3.0 * 10 ** (power / 2)) for power in (2, 4, 6)]
    seconds, error = interpolated_seconds(line, [10**3 - 1, 10**5 - 1, 10**9])
    assert seconds == pytest.approx([3 * 10**1.5, 3 * 10**2.5, 3 * 10**3])  # beyond the last: as the last
    assert error == pytest.approx(0, abs=1e-12)
    crooked = [*line[:1], cost(10**4 - 1, 3.0 * 10**2 * math.e), *line[2:]]
    assert interpolated_seconds(crooked, [5.0])[1] == pytest.approx(0.5 / math.sqrt(3))
    noisy = [cost(10.0, 2.0, 0.3), cost(10.0, 2.0, 0.3)]
    assert interpolated_seconds(noisy, [5.0]) == ([pytest.approx(2.0)], pytest.approx(0.3 / math.sqrt(2)))
