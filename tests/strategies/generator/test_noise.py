"""The noise and its way back, against chains of matrices and Bayes' rule by enumeration."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archwright.strategies.generator.noise import NoiseSchedule


def one_step(schedule: NoiseSchedule, t: int, levels: int) -> np.ndarray:
    """The chances of a step from t - 1 to t, row by column."""
    kept = schedule.left[t] / schedule.left[t - 1]
    return kept * np.eye(levels) + (1 - kept) / levels


def several(schedule: NoiseSchedule, t: int, levels: int) -> np.ndarray:
    made = np.eye(levels)
    for step in range(1, t + 1):
        made = made @ one_step(schedule, step, levels)
    return made


@given(steps=st.integers(1, 8), levels=st.integers(2, 5), data=st.data())
def test_many_steps_are_one_draw(steps: int, levels: int, data: st.DataObject) -> None:
    schedule, t = NoiseSchedule(steps), data.draw(st.integers(0, steps))
    left = schedule.left[t]
    np.testing.assert_allclose(
        several(schedule, t, levels), left * np.eye(levels) + (1 - left) / levels, atol=1e-12
    )


@given(steps=st.integers(1, 8), levels=st.integers(2, 5), data=st.data())
def test_the_way_back_is_bayes_rule(steps: int, levels: int, data: st.DataObject) -> None:
    schedule, t = NoiseSchedule(steps), data.draw(st.integers(1, steps))
    level = data.draw(st.integers(0, levels - 1))
    clean = np.random.default_rng(data.draw(st.integers(0, 99))).dirichlet(np.ones(levels))
    before, step = several(schedule, t - 1, levels), one_step(schedule, t, levels)
    expected = np.zeros(levels)
    for guessed in range(levels):
        joint = [before[guessed, between] * step[between, level] for between in range(levels)]
        expected += clean[guessed] * np.array(joint) / sum(joint)
    np.testing.assert_allclose(schedule.posterior(level, clean, t), expected, atol=1e-12)


def test_noise_is_drawn_as_it_says() -> None:
    schedule, random, many = NoiseSchedule(4), Random(0), 20_000
    for t in (1, 3, 4):
        counts = Counter(schedule.noised(2, 3, t, random) for _ in range(many))
        chance = schedule.left[t] + (1 - schedule.left[t]) / 3
        assert abs(counts[2] / many - chance) < 5 * (chance * (1 - chance) / many) ** 0.5 + 1e-9


def test_nothing_is_left_at_the_end_and_all_at_the_beginning() -> None:
    schedule = NoiseSchedule(5)
    assert schedule.left[0] == 1.0
    assert schedule.left[5] == 0.0
    np.testing.assert_allclose(schedule.posterior(1, np.array([0.2, 0.8]), 1), [0.2, 0.8])
