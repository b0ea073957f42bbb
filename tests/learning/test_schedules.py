import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archwright.learning import SCHEDULES
from archwright.learning.schedules import learning_rate_factor


def factors(schedule, steps, warmup=0):
    return [learning_rate_factor(schedule, step, steps, warmup) for step in range(steps)]


def by_torch(steps, make):
    """The learning rates of one of torch's own schedulers for a highest rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_closed_forms(steps):
    assert factors("constant", steps) == [1.0] * steps
    assert factors("linear", steps) == pytest.approx([1 - k / steps for k in range(steps)])
    assert factors("cosine", steps) == pytest.approx(
        [(1 + math.cos(math.pi * k / steps)) / 2 for k in range(steps)]
    )


def test_step_falls_at_half_and_at_three_quarters():
    assert factors("step", 8) == [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]


def test_against_the_schedulers_of_torch():
    lr = torch.optim.lr_scheduler
    cosine = by_torch(50, lambda o: lr.CosineAnnealingLR(o, T_max=50))
    assert factors("cosine", 50) == pytest.approx(cosine, abs=1e-9)
    multi = by_torch(40, lambda o: lr.MultiStepLR(o, milestones=[20, 30]))
    assert factors("step", 40) == pytest.approx(multi)
    # torch counts its one cycle in steps - 1 intervals and shifts the top by a step.
    cycle = by_torch(1000, lambda o: lr.OneCycleLR(o, max_lr=1.0, total_steps=1000))
    assert factors("one_cycle", 1000) == pytest.approx(cycle, abs=5e-3)


def test_one_cycle_goes_up_and_down():
    rates = factors("one_cycle", 100)
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[30] == 1.0
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert learning_rate_factor("one_cycle", 10**9 - 1, 10**9) == pytest.approx(1 / 250_000, rel=1e-6)


def test_warm_up_rises_linearly_and_the_schedule_follows():
    rates = factors("cosine", 14, warmup=4)
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == factors("cosine", 10)


@given(st.sampled_from(SCHEDULES), st.integers(1, 200), st.data())
def test_factors_are_positive_and_at_most_one(schedule, steps, data):
    warmup = data.draw(st.integers(0, steps))
    assert all(0 < factor <= 1 for factor in factors(schedule, steps, warmup))
