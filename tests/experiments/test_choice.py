"""Choosing among finalists: the rule, and the probabilities beside simulation and scipy's own tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from archwright.experiments.choice import Data, _fair_means, choose, compared
from archwright.experiments.finalists import HAND_MADE, REPEAT, Finalist, finalists_of
from archwright.experiments.store import Stage
from archwright.objectives import Objective
from archwright.spaces import Architecture
from archwright.trials import FULL, Candidate, Measurement, Trial, TrialState

ACCURACY = Objective("accuracy")
DATA = Data(train=8_000, validation=2_000)


def finalist(name, scores, params=1_000.0, *, stage=Stage.RETRAIN, number=0, metric="accuracy"):
    trials = {}
    for repeat, score in enumerate(scores):
        known = None if score is None else Measurement({metric: score, "loss": 1 - score, "params": params})
        state = TrialState.FAILED if score is None else TrialState.COMPLETED
        trials[repeat] = Trial(number + REPEAT * repeat, Candidate(Architecture({}), FULL), state, known)
    return Finalist(name, stage, number, trials)


def hand_made(*scores, params=1_000.0):
    return finalist(HAND_MADE, scores, params, stage=Stage.BASELINE)


class TestBalanced:
    """Metrics whose error is told beside them."""

    @staticmethod
    def told(name, score, error, metric, **more):
        one = finalist(name, [score], metric=metric, **more)
        one.trials[0].measurement.metrics[metric + "_standard_error"] = error
        return one

    @pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "micro_f1", "macro_f1"])
    def test_one_training_tells_how_sure_it_is_by_the_error_of_its_score(self, metric):
        better = self.told("trial 4", 0.78, 0.03, metric, number=4)
        other = self.told(HAND_MADE, 0.70, 0.04, metric, stage=Stage.BASELINE)
        (found,) = choose([better, other], [Objective(metric)], DATA).comparisons
        # Half of the variance is shared, and three times as much is the training's own.
        assert found.error == pytest.approx(math.sqrt(3 * 0.5 * (0.03**2 + 0.04**2)))
        assert found.probability == pytest.approx(stats.norm.cdf(0.08 / found.error))

    @pytest.mark.parametrize(("metric", "scores"), [("r2", (0.78, 0.70)), ("rmse", (4.0, 4.5))])
    def test_amounts_are_missed_alike_by_two_networks(self, metric, scores):
        better = self.told("trial 4", scores[0], 0.03, metric, number=4)
        other = self.told(HAND_MADE, scores[1], 0.04, metric, stage=Stage.BASELINE)
        (found,) = choose([better, other], [Objective(metric)], DATA).comparisons
        assert found.error == pytest.approx(math.sqrt(3 * 0.3 * (0.03**2 + 0.04**2)))
        assert found.probability == pytest.approx(stats.norm.cdf(found.difference / found.error))

    def test_a_rare_class_makes_it_less_sure_than_the_number_of_examples_would(self):
        sure, unsure = (
            compared(
                self.told("trial 1", 0.9, error, "f1", number=1),
                self.told("trial 2", 0.88, error, "f1", number=2),
                Objective("f1"),
                DATA,
            ).probability
            for error in (0.005, 0.05)
        )
        assert 0.5 < unsure < 0.7 < sure

    def test_without_an_error_nothing_is_claimed(self):
        better = finalist("trial 1", [0.8], metric="f1", number=1)
        assert compared(better, hand_made_of("f1"), Objective("f1"), DATA).probability is None


def hand_made_of(metric):
    return finalist(HAND_MADE, [0.7], metric=metric, stage=Stage.BASELINE)


class TestRule:
    def test_the_best_mean_wins_not_the_best_single_training(self):
        lucky = finalist("trial 1", [0.99, 0.80, 0.81], number=1)
        steady = finalist("trial 2", [0.95, 0.95, 0.95], number=2)
        assert choose([lucky, steady], [ACCURACY], DATA).name == "trial 2"

    def test_the_hand_made_network_wins_where_nothing_is_better(self):
        choice = choose([finalist("trial 3", [0.90], number=3), hand_made(0.95)], [ACCURACY], DATA)
        assert (choice.name, choice.stage, choice.number) == (HAND_MADE, "baseline", 0)

    def test_a_smaller_network_is_preferred_within_the_error(self):
        large = finalist("trial 1", [0.951], 90_000, number=1)
        small = finalist("trial 2", [0.949], 10_000, number=2)
        choice = choose([large, small, hand_made(0.94)], [ACCURACY], DATA)
        assert (choice.name, choice.smaller_than) == ("trial 2", "trial 1")

    def test_but_not_outside_of_it(self):
        large = finalist("trial 1", [0.97], 90_000, number=1)
        small = finalist("trial 2", [0.93], 10_000, number=2)
        assert choose([large, small], [ACCURACY], DATA).name == "trial 1"

    def test_nor_where_it_is_behind_the_hand_made_network(self):
        large = finalist("trial 1", [0.951], 90_000, number=1)
        small = finalist("trial 2", [0.949], 10_000, number=2)
        assert choose([large, small, hand_made(0.950, params=80_000)], [ACCURACY], DATA).name != "trial 2"

    def test_a_finalist_over_a_limit_is_compared_with_and_not_chosen(self):
        limit = Objective("params", limit=5_000, optimize=False)
        large, small = hand_made(0.99, params=9_000), finalist("trial 2", [0.9], 4_000, number=2)
        choice = choose([large, small], [ACCURACY, limit], DATA)
        assert choice.name == "trial 2"
        assert [c.name for c in choice.comparisons] == [HAND_MADE]
        assert choice.comparisons[0].difference == pytest.approx(-0.09)
        assert choose([large], [ACCURACY, limit], DATA) is None

    def test_those_that_fell_behind_after_one_training_do_not_win(self):
        once = finalist("trial 1", [0.96], number=1)
        thrice = finalist("trial 2", [0.95, 0.95, 0.95], number=2)
        assert choose([once, thrice], [ACCURACY], DATA).name == "trial 2"

    def test_one_of_which_a_training_failed_is_compared_by_the_others(self):
        whole = finalist("trial 1", [0.90, 0.80, 0.91], number=1)
        holed = finalist("trial 2", [0.92, None, 0.93], number=2)
        choice = choose([whole, holed], [ACCURACY], DATA)
        assert (choice.name, choice.repeats) == ("trial 2", 2)
        assert choice.mean == pytest.approx(0.925)
        assert choice.comparisons[0].repeats == 2
        assert choice.comparisons[0].difference == pytest.approx(0.02)

    def test_and_gains_nothing_by_having_failed_where_all_were_bad(self):
        """Its plain mean, .905, is the larger one; in what both were trained in it is behind."""
        whole = finalist("trial 1", [0.92, 0.70, 0.93], number=1)
        holed = finalist("trial 2", [0.90, None, 0.91], number=2)
        assert choose([whole, holed], [ACCURACY], DATA).name == "trial 1"

    def test_one_that_fails_more_often_than_not_is_chosen_only_where_all_do(self):
        steady, rare = (
            finalist("trial 1", [0.90, 0.90, 0.90], number=1),
            finalist("trial 2", [0.99, None, None], number=2),
        )
        assert choose([steady, rare], [ACCURACY], DATA).name == "trial 1"
        rarer = finalist("trial 3", [0.98, None, None], number=3)
        assert choose([rare, rarer], [ACCURACY], DATA).name == "trial 2"

    def test_a_score_that_is_no_number_is_that_of_a_failed_training(self):
        odd = finalist("trial 2", [0.95, math.nan, 0.95], number=2)
        choice = choose([finalist("trial 1", [0.9, 0.9, 0.9], number=1), odd], [ACCURACY], DATA)
        assert (choice.name, choice.mean, choice.number) == ("trial 2", pytest.approx(0.95), 2)

    @settings(max_examples=20)
    @given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 5))
    def test_means_with_gaps_are_those_of_the_two_way_layout(self, seed, rows, columns):
        """Beside Yates' way of 1933: fill the gaps with what the layout says of them until nothing moves."""
        random = np.random.default_rng(seed)
        table = random.normal(size=(rows, columns))
        gaps = random.random((rows, columns)) < 0.3
        gaps[:, 0] = False
        found = _fair_means([{j: table[i, j] for j in range(columns) if not gaps[i, j]} for i in range(rows)])
        filled = np.where(gaps, 0.0, table)
        for _ in range(300):
            told = filled.mean(1, keepdims=True) + filled.mean(0, keepdims=True) - filled.mean()
            filled = np.where(gaps, told, table)
        expected = filled.mean(1)
        assert np.subtract(found, found[0]) == pytest.approx(expected - expected[0], abs=1e-6)

    def test_the_weights_are_those_of_the_best_training(self):
        choice = choose([finalist("trial 7", [0.91, 0.93, 0.92], number=7)], [ACCURACY], DATA)
        assert choice.number == REPEAT + 7

    def test_a_loss_is_better_when_it_is_lower(self):
        loss = Objective("loss")
        low, high = finalist("trial 1", [0.9], number=1), finalist("trial 2", [0.8], number=2)
        choice = choose([high, low], [loss], DATA)
        assert choice.name == "trial 1"
        assert choice.comparisons[0].difference == pytest.approx(0.1)
        assert choice.comparisons[0].probability is None  # one training tells no error of a loss

    @given(st.lists(st.lists(st.floats(0.1, 0.99), min_size=3, max_size=3), min_size=1, max_size=6))
    def test_the_chosen_one_is_never_behind_the_hand_made_network(self, scores):
        rivals = [
            finalist(f"trial {i}", row, 1_000 + 500 * i, number=i) for i, row in enumerate(scores[1:], 1)
        ]
        base = hand_made(*scores[0], params=2_000)
        choice = choose([*rivals, base], [ACCURACY], DATA)
        assert choice.mean >= np.mean(scores[0]) - 1e-12


class TestProbability:
    def test_of_repetitions_it_is_that_of_the_corrected_t_test(self):
        ours, theirs = np.array([0.95, 0.93, 0.96, 0.94]), np.array([0.92, 0.93, 0.94, 0.93])
        data = Data(train=800, validation=200)
        pair = finalist("a", ours, metric="r2"), finalist("b", theirs, metric="r2")
        found = compared(*pair, Objective("r2"), data)
        # The statistic of Nadeau & Bengio is that of the paired t-test, its variance times 1 + R v/t.
        t = stats.ttest_rel(ours, theirs).statistic / math.sqrt(1 + 4 * 200 / 800)
        assert found.probability == pytest.approx(stats.t.cdf(t, 3))
        assert found.error == pytest.approx(np.std(ours - theirs, ddof=1) * math.sqrt(1 / 4 + 1 / 4))

    def test_of_one_training_it_errs_on_the_side_of_doubt(self):
        """Simulated: networks of equal worth, their errors correlated, seeds that differ by a point."""
        random, n = np.random.default_rng(0), 2_000
        claims = []
        for _ in range(2_000):
            seeds = 0.9 + random.normal(0, 0.005, 2)
            shared = random.random(n) < 0.5
            common = random.random(n)
            scores = [float(np.mean(np.where(shared, common, random.random(n)) < s)) for s in seeds]
            found = compared(finalist("a", scores[:1]), finalist("b", scores[1:]), ACCURACY, DATA)
            claims.append(found.probability > 0.9)
        assert np.mean(claims) <= 0.1

    def test_it_is_one_half_for_equals_and_turns_with_the_sides(self):
        a, b = finalist("a", [0.9, 0.92]), finalist("b", [0.91, 0.88])
        forth, back = compared(a, b, ACCURACY, DATA), compared(b, a, ACCURACY, DATA)
        assert forth.probability + back.probability == pytest.approx(1)
        assert compared(a, a, ACCURACY, DATA).probability == pytest.approx(0.5)

    def test_two_equal_trainings_are_not_sure(self):
        a, b = finalist("a", [0.91, 0.91]), finalist("b", [0.90, 0.90])
        assert compared(a, b, ACCURACY, DATA).probability < 0.95


def test_finalists_are_joined_by_repetition_and_named():
    def trial(number):
        return Trial(
            number, Candidate(Architecture({})), TrialState.COMPLETED, Measurement({"accuracy": 1.0})
        )

    found = [trial(12), trial(12 + REPEAT)]
    others = [trial(0), trial(1), trial(1 + 2 * REPEAT)]
    finalists = finalists_of(found, others, {0: HAND_MADE, 1: "nets.py:Net"})
    assert [(f.name, sorted(f.trials)) for f in finalists] == [
        ("trial 12", [0, 1]),
        (HAND_MADE, [0]),
        ("nets.py:Net", [0, 2]),
    ]
