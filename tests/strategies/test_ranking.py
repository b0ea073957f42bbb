from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies import Score, dominates, rank_keys, score
from archwright.trials import Candidate, Measurement, Trial, TrialState

ACCURACY = Objective("accuracy")
LOSS = Objective("loss")
SMALL = Objective("params", limit=100.0, optimize=False)


def trial(state: TrialState = TrialState.COMPLETED, **metrics: float) -> Trial:
    return Trial(0, Candidate(Architecture({"d": 1})), state, Measurement(metrics) if metrics else None)


def test_losses_are_minimised() -> None:
    assert score(trial(accuracy=0.75, loss=0.5), [ACCURACY, LOSS]) == Score(0.0, (-0.75, 0.5))


def test_a_limit_alone_is_no_loss() -> None:
    assert score(trial(accuracy=0.75, params=100.0), [ACCURACY, SMALL]) == Score(0.0, (-0.75,))


def test_over_a_limit_only_the_share_counts() -> None:
    over = score(trial(accuracy=0.75, params=150.0), [ACCURACY, SMALL])
    assert over == score(trial(TrialState.INFEASIBLE, params=150.0), [ACCURACY, SMALL]) == Score(0.5)


def test_shares_of_several_limits_add_up() -> None:
    limits = [
        SMALL,
        Objective("accuracy", limit=0.8),
        Objective("gap", Direction.MINIMIZE, limit=0.0, optimize=False),
    ]
    measured = trial(params=150.0, accuracy=0.6, gap=0.25)
    assert score(measured, limits).violation == pytest.approx(0.5 + 0.25 + 0.25)


@pytest.mark.parametrize(
    "ended",
    [
        trial(TrialState.FAILED),
        trial(TrialState.FAILED, accuracy=0.9),
        trial(TrialState.INFEASIBLE),
        trial(accuracy=math.nan),
        trial(accuracy=-math.inf),
    ],
)
def test_what_is_not_known_has_failed(ended: Trial) -> None:
    assert score(ended, [ACCURACY]).failed
    assert score(ended, [ACCURACY]).violation == math.inf


def test_a_running_trial_has_no_score() -> None:
    with pytest.raises(UsageError, match="expected a finished trial"):
        score(trial(TrialState.RUNNING), [ACCURACY])


def test_a_missing_metric_is_named() -> None:
    with pytest.raises(UsageError, match=r"'accuracy' was not measured.*Did you mean 'acuracy'"):
        score(trial(acuracy=0.5), [ACCURACY])


@pytest.mark.parametrize("known", [Score(0.0, (1.5, -2.0)), Score(0.25), Score(math.inf)])
def test_a_score_survives_strict_json(known: Score) -> None:
    assert Score.from_json(json.loads(json.dumps(known.to_json(), allow_nan=False))) == known


def test_order_of_feasible_infeasible_and_failed() -> None:
    scores = [Score(math.inf), Score(0.5), Score(0.0, (9.0,)), Score(0.1), Score(0.0, (-9.0,)), Score(0.5)]
    keys = rank_keys(scores)
    assert sorted(range(6), key=keys.__getitem__) == [4, 2, 3, 1, 5, 0]
    assert keys[1] == keys[5]


def test_nothing_feasible_and_nothing_at_all() -> None:
    assert rank_keys([]) == []
    worse, better = rank_keys([Score(math.inf), Score(0.5)])
    assert better < worse


small = st.integers(0, 3).map(float)
feasible = st.tuples(small, small, small).map(lambda losses: Score(0.0, losses))
infeasible = st.sampled_from([Score(0.5), Score(1.5), Score(math.inf)])


def beats(a: Score, b: Score) -> bool:
    """Constraint domination, written down once more."""
    if a.violation or b.violation:
        return a.violation < b.violation
    return a != b and all(x <= y for x, y in zip(a.losses, b.losses, strict=True))


@given(scores=st.lists(feasible | infeasible, max_size=12))
def test_standings_agree_with_domination(scores: list[Score]) -> None:
    keys = rank_keys(scores)
    assert len(keys) == len(scores)
    for a, key_of_a in zip(scores, keys, strict=True):
        for b, key_of_b in zip(scores, keys, strict=True):
            assert dominates(a, b) == beats(a, b)
            if beats(a, b):
                assert key_of_a < key_of_b
        on_front = a.violation == 0.0 and not any(beats(b, a) for b in scores)
        assert (key_of_a[:2] == (0.0, 0.0)) == on_front


def test_of_one_rank_the_lonelier_comes_first() -> None:
    front = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (8.0, 1.0), (10.0, 0.0)]
    keys = rank_keys([Score(0.0, losses) for losses in front])
    assert [key[:2] for key in keys] == [(0.0, 0.0)] * 5
    distances = [-key[2] for key in keys]
    assert distances == pytest.approx([math.inf, 0.4, 1.5, 1.6, math.inf])


def test_where_all_are_equal_none_is_lonely() -> None:
    keys = rank_keys([Score(0.0, (1.0, 2.0))] * 4)
    assert sorted(key[2] for key in keys) == [-math.inf, -math.inf, 0.0, 0.0]


def peeled(scores: list[Score]) -> list[int]:
    """The Pareto ranks by their definition: the front is taken off again and again."""
    ranks, left, rank = [0] * len(scores), set(range(len(scores))), 0
    while left:
        front = {i for i in left if not any(beats(scores[j], scores[i]) for j in left)}
        for i in front:
            ranks[i] = rank
        left -= front
        rank += 1
    return ranks


@given(scores=st.lists(feasible, max_size=15))
def test_ranks_are_those_of_fronts_peeled_off(scores: list[Score]) -> None:
    assert [key[1] for key in rank_keys(scores)] == peeled(scores)


@given(
    losses=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=12, unique_by=lambda p: p[0]
    )
)
def test_crowding_is_the_gap_between_the_neighbours(losses: list[tuple[float, float]]) -> None:
    """On a front of two objectives, made by sorting one up and the other down."""
    ups, downs = sorted(x for x, _ in losses), sorted({y for _, y in losses}, reverse=True)
    if len(downs) < len(ups):
        return
    keys = rank_keys([Score(0.0, pair) for pair in zip(ups, downs, strict=True)])
    assert {key[1] for key in keys} == {0}
    assert -keys[0][2] == -keys[-1][2] == math.inf
    for i in range(1, len(ups) - 1):
        gap = (ups[i + 1] - ups[i - 1]) / (ups[-1] - ups[0])
        gap += (downs[i - 1] - downs[i + 1]) / (downs[0] - downs[-1])
        assert -keys[i][2] == pytest.approx(gap)
