"""How the minutes of a run are divided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.experiments.time_plan import Costs, TimePlan, Trainings


def plan(training: float, baseline: float = 0.0, closing: float = 5.0, spent: float = 1.0) -> TimePlan:
    return TimePlan(
        costs=Costs(training=training, baseline=baseline, closing=closing),
        contestants=int(baseline > 0),
        spent=spent,
    )


def test_by_hand() -> None:
    # 300 s, of which 5 close and 1 is spent: 294 left. Once: 10 + 3 * 20 = 70 s; .4 * 294 = 117.6 s for the finalists.
    shares = plan(20, 10).shares(5, Trainings(retrain=3), 1)
    assert shares.finals == 295
    assert shares.search == pytest.approx(295 - 117.6)
    assert (shares.retrain, shares.fits) == (3, True)


def test_fewer_finalists_where_three_do_not_fit() -> None:
    # 54 s left; 10 + 20 = 30 s fit into 60 % of them, 10 + 40 do not.
    shares = plan(20, 10).shares(1, Trainings(retrain=3), 1)
    assert (shares.retrain, shares.fits) == (1, True)
    assert shares.search == pytest.approx(55 - 30)


def test_what_cannot_be_trained_once_is_told() -> None:
    shares = plan(100, 10).shares(1, Trainings(retrain=3), 1)
    assert (shares.retrain, shares.fits) == (1, False)
    assert shares.search == 0.0
    # 54 * .6 = 32.4 s for 110 s of 12 epochs.
    assert plan(100, 10).fitting_epochs(1, 12, Trainings(), 1) == 3
    assert plan(1, 1).fitting_epochs(1, 12, Trainings(), 1) == 12


def test_cheap_finals_leave_the_rest_to_the_search() -> None:
    # Five rounds of 16 s are all that the finalists can use; of 4 s they have a tenth of 594 s.
    assert plan(5, 1).shares(10, Trainings(retrain=3), 1).search == pytest.approx(595 - 80)
    assert plan(1, 1).shares(10, Trainings(retrain=3), 1).search == pytest.approx(595 - 59.4)


def test_what_takes_nearly_all_of_a_short_time_leaves_a_little_for_training() -> None:
    # Closing takes 28 s, of which 12 of 30 s are kept; 25 s are spent: a tenth of the time is left, 3 s.
    made = plan(0.1, 0.1, closing=28.0, spent=25.0)
    assert made.fitting_epochs(0.5, 12, Trainings(), 1) == 12
    assert made.shares(0.5, Trainings(), 1).fits


def test_without_finals_all_is_the_searchs() -> None:
    shares = plan(20, 10).shares(5, Trainings(retrain=0), 1)
    assert (shares.search, shares.retrain) == (300, 0)


def test_what_is_trained_after_the_choice_has_its_time() -> None:
    # 295 s, of which one more training of 20 s on 1.2 times the data; 270 left, of which 40 % are the finalists'.
    made = TimePlan(costs=Costs(training=20, baseline=10, closing=5, growth=1.2), spent=1)
    shares = made.shares(5, Trainings(retrain=3, refit=True), 1)
    assert shares.finals == shares.members == pytest.approx(295 - 24)
    assert shares.search == pytest.approx(271 - 0.4 * 270)
    # Five members of which three are trained anyway: 40 s more; each is refit: 120 s.
    shares = made.shares(5, Trainings(retrain=3, ensemble=5, refit=True), 1)
    assert shares.members == pytest.approx(295 - 120)
    assert (shares.retrain, shares.fits) == (1, True)
    assert shares.finals == pytest.approx(175 - 80)
    shares = made.shares(10, Trainings(retrain=3, ensemble=5, refit=True), 1)
    assert (shares.retrain, shares.members - shares.finals) == (3, pytest.approx(40))


@given(
    training=st.floats(0.1, 1e4),
    baseline=st.floats(0, 1e4),
    minutes=st.floats(0.1, 600),
    retrain=st.integers(1, 10),
    workers=st.integers(1, 16),
    ensemble=st.integers(1, 5),
    refit=st.booleans(),
    longest=st.floats(0, 1e4),
)
def test_shares_are_in_order_and_fewer_epochs_fit(
    training: float,
    baseline: float,
    minutes: float,
    retrain: int,
    workers: int,
    ensemble: int,
    refit: bool,
    longest: float,
) -> None:
    made = replace(plan(training, baseline), longest=longest)
    after = Trainings(retrain=retrain, ensemble=ensemble, refit=refit)
    shares = made.shares(minutes, after, workers)
    assert 0 <= shares.search <= shares.finals <= shares.members <= shares.longer <= minutes * 60
    assert 1 <= shares.retrain <= retrain
    epochs = made.fitting_epochs(minutes, 50, after, workers)
    assert 1 <= epochs <= 50
    if 1 < epochs < 50:
        assert made.scaled(epochs / 50).shares(minutes, after, workers).fits


def test_the_longer_training_of_the_chosen_network_has_its_time() -> None:
    made = replace(plan(20, 10), longest=200.0)
    # 294 s left, of which 65 % for it: 191.1 s; of the other 102.9 s, 60 % train the hand-made network and two found.
    shares = made.shares(5, Trainings(retrain=3), 1)
    assert shares.longer == 295
    assert shares.members == shares.finals == pytest.approx(295 - 191.1)
    assert shares.search == pytest.approx(103.9 - 50)
    assert (shares.retrain, shares.fits) == (2, True)
    # More than it can use it is not given: 200 of 3,595 s.
    assert made.shares(60, Trainings(retrain=3), 1).finals == pytest.approx(3595 - 200)
    # Without it nothing is kept.
    assert plan(20, 10).shares(5, Trainings(retrain=3), 1).longer == 295


def test_time_for_a_longer_training_is_kept_where_epochs_are_few() -> None:
    # 12 epochs take 20 s, so 100 take 166.7 s; of 10 steps each, 300 epochs are 3,000 steps.
    assert plan(20, 10).prolonged(12, 12, 1000).longest == pytest.approx(20 * 100 / 12)
    assert plan(20, 10).prolonged(12, 12, 10).longest == pytest.approx(20 * 300 / 12)
    assert plan(20, 10).prolonged(12, 12, 1000, 2).longest == pytest.approx(2 * 20 * 100 / 12)
    assert plan(20, 10).prolonged(12, 50, 1000).longest == 0
    assert plan(20, 10).prolonged(12, 50, 10).longest == pytest.approx(20 * 300 / 12)


def test_many_trainings_that_would_fit_are_longer_ones_instead() -> None:
    after = Trainings(retrain=3)
    # Five rounds of 32 s are the finalists', 435 s the search's, of which 1 is spent: 54 trainings instead of 15.
    assert plan(8, 8).planned_epochs(10, 12, after, 1) == int(12 * 54.25 / 15)
    # 534.6 s for trainings of 1 s would be 427 epochs.
    assert plan(1, 1).planned_epochs(10, 12, after, 1) == 100
    assert plan(1, 1).planned_epochs(10, 200, after, 1) == 200
    # 356.4 s for trainings of 30 s: fewer than 15.
    assert plan(30, 30).planned_epochs(10, 12, after, 1) == 12
