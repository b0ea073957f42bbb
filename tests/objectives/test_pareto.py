import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.objectives import (
    Objective,
    best_trial,
    best_trials,
    hypervolume,
    is_feasible,
    objective_values,
    of_most_effort,
    pareto_front,
)
from archwright.spaces import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Trial, TrialState

ACCURACY = Objective("accuracy")
PARAMS = Objective("params")
LOSS = Objective("loss")


def trial(number, state=TrialState.COMPLETED, seconds=0.0, **metrics):
    measurement = Measurement(metrics, seconds=seconds) if metrics else None
    return Trial(number, Candidate(Architecture({"a": number})), state, measurement)


def dominates(first, second, objectives):
    pairs = [(o.loss(first.metrics[o.name]), o.loss(second.metrics[o.name])) for o in objectives]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


few = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
many_trials = st.lists(st.tuples(few, few, few), max_size=25).map(
    lambda rows: [trial(i, accuracy=a, params=p, loss=q) for i, (a, p, q) in enumerate(rows)]
)


@given(
    many_trials, st.sampled_from([(ACCURACY, PARAMS), (ACCURACY, PARAMS, LOSS), (PARAMS,), (LOSS, ACCURACY)])
)
def test_front_equals_brute_force(trials, objectives):
    expected = {t.number for t in trials if not any(dominates(other, t, objectives) for other in trials)}
    front = pareto_front(trials, objectives)
    assert len(front) == len(set(front))
    assert set(front) == expected


@given(many_trials)
def test_front_is_ordered_from_the_best_on_the_first_objective(trials):
    front = pareto_front(trials, (ACCURACY, PARAMS))
    values = [objective_values(trials[number], (ACCURACY, PARAMS)) for number in front]
    assert values == sorted(values, key=lambda pair: (-pair[0], pair[1]))
    if trials:
        best = best_trial(trials, (ACCURACY, PARAMS))
        assert best is not None
        assert front[0] == best.number


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=8), st.sampled_from([1, 2, 3]))
def test_hypervolume_equals_counting_unit_cubes(rows, axes):
    """Points on an integer grid dominate whole unit cubes, which can be counted one by one."""
    objectives = (Objective("accuracy"), Objective("params"), Objective("f1"))[:axes]
    reference = (0, 6, 0)[:axes]
    points = [row[:axes] for row in rows]

    def dominated(cube):
        return any(
            cube[0] < row[0] and (axes < 2 or cube[1] >= row[1]) and (axes < 3 or cube[2] < row[2])
            for row in points
        )

    expected = sum(dominated(cube) for cube in itertools.product(range(6), repeat=axes))
    assert hypervolume(points, objectives, reference) == pytest.approx(expected)


def test_hypervolume_closed_form_of_a_staircase():
    steps = 10
    points = [(k / steps, k / steps) for k in range(1, steps + 1)]
    # Accuracy up to k / 10 costs k / 10 params: columns of width 0.1 and height 1 - k / 10.
    expected = sum((1 / steps) * (1 - k / steps) for k in range(1, steps + 1))
    assert hypervolume(points, (ACCURACY, PARAMS), (0.0, 1.0)) == pytest.approx(expected)


def test_limits_span_no_axis_of_the_hypervolume():
    limit = Objective("flops", limit=10, optimize=False)
    assert hypervolume([(0.5, 2.0)], (ACCURACY, limit, PARAMS), (0.0, 4.0)) == pytest.approx(1.0)
    assert hypervolume([], (ACCURACY, limit), (0.0,)) == 0.0


def test_hypervolume_refuses_what_does_not_fit():
    with pytest.raises(UsageError, match=r"reference point of 2 numbers.*accuracy, params"):
        hypervolume([(1, 2)], (ACCURACY, PARAMS), (0.0,))
    with pytest.raises(UsageError, match=r"shape \(n, 2\).*got \(1, 3\)"):
        hypervolume([(1, 2, 3)], (ACCURACY, PARAMS), (0.0, 1.0))
    with pytest.raises(UsageError, match="NaN"):
        hypervolume([(math.nan, 2)], (ACCURACY, PARAMS), (0.0, 1.0))


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.FAILED, TrialState.INFEASIBLE])
def test_only_completed_trials_are_feasible(state):
    assert not is_feasible(trial(0, state, accuracy=0.9), (ACCURACY,))
    assert not is_feasible(Trial(0, Candidate(Architecture({})), state, None, "boom"), (ACCURACY,))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_is_infeasible(value):
    bad, good = trial(0, accuracy=value, params=1.0), trial(1, accuracy=0.1, params=1.0)
    assert not is_feasible(bad, (ACCURACY, PARAMS))
    assert is_feasible(bad, (PARAMS,))
    assert pareto_front([bad, good], (ACCURACY, PARAMS)) == [1]
    assert best_trial([bad, good], (ACCURACY,)) == good


def test_limits_bound_from_the_side_of_their_direction():
    small = Objective("params", limit=100)
    accurate = Objective("accuracy", limit=0.8, optimize=False)
    assert is_feasible(trial(0, accuracy=0.8, params=100), (small, accurate))
    assert not is_feasible(trial(0, accuracy=0.8, params=101), (small, accurate))
    assert not is_feasible(trial(0, accuracy=0.79, params=100), (small, accurate))


def test_a_network_over_a_limit_dominates_nobody():
    limit = Objective("params", limit=100, optimize=False)
    huge, small = trial(0, accuracy=0.99, params=101), trial(1, accuracy=0.9, params=100)
    assert pareto_front([huge, small], (ACCURACY, limit)) == [1]
    assert best_trial([huge, small], (ACCURACY, limit)) == small
    assert best_trial([huge], (ACCURACY, limit)) is None
    assert pareto_front([huge], (ACCURACY, limit)) == []


def test_ties_go_to_the_further_objectives_then_to_the_lower_number():
    limit = Objective("flops", limit=1000, optimize=False)
    trials = [
        trial(7, accuracy=0.9, params=50, flops=10),
        trial(3, accuracy=0.9, params=40, flops=30),
        trial(5, accuracy=0.9, params=40, flops=20),
        trial(9, accuracy=0.9, params=40, flops=20),
        trial(1, accuracy=0.8, params=1, flops=1),
    ]
    for ordering in itertools.permutations(trials):
        best = best_trial(ordering, (ACCURACY, PARAMS, limit))
        assert best is not None
        assert best.number == 5
        # Without flops three are alike, and the lowest number wins.
        best = best_trial(ordering, (ACCURACY, PARAMS))
        assert best is not None
        assert best.number == 3


def test_equal_trials_share_the_front():
    trials = [
        trial(0, accuracy=0.9, params=5),
        trial(1, accuracy=0.9, params=5),
        trial(2, accuracy=0.9, params=6),
    ]
    assert pareto_front(trials, (ACCURACY, PARAMS)) == [0, 1]
    assert pareto_front(trials, (ACCURACY,)) == [0, 1, 2]


def test_seconds_is_the_wall_time_unless_measured_otherwise():
    seconds = Objective("seconds")
    assert objective_values(trial(0, seconds=2.5, accuracy=0.1), (seconds,)) == (2.5,)
    measured = Trial(
        0, Candidate(Architecture({})), TrialState.COMPLETED, Measurement({"seconds": 4.0}, seconds=9.0)
    )
    assert objective_values(measured, (seconds,)) == (4.0,)


def test_an_objective_that_was_not_measured_is_said_with_what_was():
    with pytest.raises(UsageError, match=r"'f1' was not measured by trial 4.*Known: accuracy, loss"):
        is_feasible(trial(4, accuracy=0.5, loss=1.0), (Objective("f1"),))


def test_limits_alone_rank_nothing():
    limit = Objective("params", limit=10, optimize=False)
    for function in (best_trial, pareto_front):
        with pytest.raises(UsageError, match=r"an objective to optimise.*params <= 10"):
            function([], (limit,))


def test_a_tie_in_the_objectives_goes_to_the_smaller_loss_before_the_smaller_network():
    limit = Objective("params", limit=100, optimize=False)
    small = trial(0, accuracy=0.99, loss=0.2, params=4)
    sure = trial(1, accuracy=0.99, loss=0.1, params=90)
    assert best_trial([small, sure], (ACCURACY, limit)) == sure
    assert best_trial([small, sure], (ACCURACY, Objective("params"))) == small


def looked(number, accuracy, fidelity=None, reached=None):
    """A trial at a fidelity; pruned after so many epochs."""
    curve = tuple({"epoch": epoch} for epoch in range(1, (reached or 0) + 1))
    state = TrialState.COMPLETED if reached is None else TrialState.PRUNED
    candidate = Candidate(Architecture({"a": number % 3}), fidelity)
    return Trial(number, candidate, state, Measurement({"accuracy": accuracy}, curve))


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        ([looked(0, 0.9, Fidelity(2)), looked(1, 0.5, Fidelity(8)), looked(2, 0.6, Fidelity(8))], [2, 1, 0]),
        ([looked(0, 0.9, Fidelity(99)), looked(1, 0.5), looked(2, 0.6, Fidelity())], [2, 1, 0]),
        ([looked(0, 0.9, Fidelity(8, 0.5)), looked(1, 0.5, Fidelity(5))], [1, 0]),
        ([looked(0, 0.9, Fidelity(8, 0.5)), looked(1, 0.5, Fidelity(4))], [0, 1]),
        ([looked(0, 0.9, Fidelity(data_fraction=0.5)), looked(1, 0.5)], [1, 0]),
        ([looked(0, 0.9, reached=3), looked(1, 0.5)], [1, 0]),
        ([looked(0, 0.9, Fidelity(8), reached=3), looked(1, 0.5, Fidelity(4))], [1, 0]),
        ([looked(0, 0.9, Fidelity(8), reached=3), looked(1, 0.5, Fidelity(3))], [0, 1]),
        ([looked(0, 0.5, reached=3), looked(1, 0.9, reached=2)], [0, 1]),
        ([looked(0, 0.9, Fidelity(3, replicate=1)), looked(1, 0.5, Fidelity(3, horizon=9))], [0, 1]),
    ],
)
def test_the_best_is_decided_among_the_largest_expected_cost(trials, best):
    for order in itertools.permutations(trials):
        assert [t.number for t in best_trials(order, [ACCURACY], 9)] == best
        assert best_trial(order, [ACCURACY]).number == best[0]
        seen = None  # as a search sees them, one after another
        for one in order:
            seen = best_trial([one] if seen is None else [seen, one], [ACCURACY])
        assert seen.number == best[0]
        most = {t.number for t in of_most_effort(trials)}
        assert set(pareto_front(order, [ACCURACY])) <= most
        assert pareto_front(order, [ACCURACY])[0] == best[0]


def test_a_pruned_trial_without_the_objective_is_not_feasible():
    pruned = Trial(0, Candidate(Architecture({})), TrialState.PRUNED, Measurement({"loss": 1.0}))
    assert not is_feasible(pruned, [ACCURACY])
    assert is_feasible(pruned, [LOSS])
    assert best_trial([pruned], [ACCURACY]) is None


def test_one_of_several_trials_of_an_architecture_is_the_best_of_it():
    trials = [looked(n, n / 10, Fidelity(1 if n < 3 else 4)) for n in range(6)]  # architectures 0 1 2 0 1 2
    by_architecture = best_trials(trials, [ACCURACY], 9, lambda t: t.architecture)
    assert [t.number for t in by_architecture] == [5, 4, 3]
    assert [t.number for t in best_trials(trials, [ACCURACY], 4)] == [5, 4, 3, 2]


@given(many_trials, st.integers(0, 9))
def test_the_first_so_many_are_what_taking_the_best_again_and_again_gives(trials, most):
    rest, expected = list(trials), []
    while len(expected) < most and (best := best_trial(rest, (ACCURACY, PARAMS))) is not None:
        expected.append(best)
        rest.remove(best)
    assert best_trials(trials, (ACCURACY, PARAMS), most) == expected
