import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.objectives import DIRECTIONS, Direction, Objective, parse_limit, parse_objective


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_known_metric_needs_no_direction(name):
    assert parse_objective(name) == Objective(name, DIRECTIONS[name])


def test_an_unknown_metric_needs_a_direction():
    with pytest.raises(UsageError, match=r"Did you mean 'accuracy'.*'max:acuracy'"):
        Objective("acuracy")
    assert parse_objective("min:energy") == Objective("energy", Direction.MINIMIZE)
    assert parse_objective("max:accuracy").direction is Direction.MAXIMIZE
    with pytest.raises(UsageError, match="prefix 'best'"):
        parse_objective("best:energy")


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_smaller_loss_is_better_in_the_direction(first, second):
    for name in ("accuracy", "params"):
        objective = Objective(name)
        better = first > second if objective.direction is Direction.MAXIMIZE else first < second
        assert (objective.loss(first) < objective.loss(second)) == better


def test_violation_is_the_distance_beyond_the_limit():
    assert Objective("params", limit=10).violation(12) == 2
    assert Objective("params", limit=10).violation(8) == 0
    assert Objective("accuracy", limit=0.5).violation(0.25) == 0.25
    assert Objective("accuracy", limit=0.5).violation(0.75) == 0
    assert Objective("accuracy").violation(-1e9) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params<=50000", Objective("params", limit=50_000, optimize=False)),
        (" flops <= 2e6 ", Objective("flops", limit=2e6, optimize=False)),
        ("params<=50_000", Objective("params", limit=50_000, optimize=False)),
        ("accuracy>=0.9", Objective("accuracy", limit=0.9, optimize=False)),
        ("energy<=3", Objective("energy", Direction.MINIMIZE, 3.0, optimize=False)),
    ],
)
def test_limits_are_read(text, expected):
    assert parse_limit(text) == expected


@pytest.mark.parametrize("text", ["params", "params<50", "params<=", "<=5", "params<=many", "params<=1e", ""])
def test_limits_of_another_form_are_refused(text):
    with pytest.raises(UsageError, match="expected NAME<=NUMBER"):
        parse_limit(text)


def test_a_limit_on_the_better_side_is_refused():
    with pytest.raises(UsageError, match="smaller params is better"):
        parse_limit("params>=100")
    with pytest.raises(UsageError, match="larger accuracy is better"):
        parse_limit("accuracy<=0.5")


@pytest.mark.parametrize(
    "objective",
    [Objective("accuracy"), Objective("params", limit=5.0), Objective("x", Direction.MINIMIZE, 1.0, False)],
)
def test_json_both_ways(objective):
    assert Objective.from_json(objective.to_json()) == objective


def test_how_it_reads():
    assert str(Objective("accuracy")) == "maximize accuracy"
    assert str(Objective("params", limit=5e4)) == "minimize params <= 50000"
    assert str(Objective("flops", limit=1_234_567)) == "minimize flops <= 1234567"
    assert str(Objective("accuracy", limit=0.9, optimize=False)) == "accuracy >= 0.9"


def test_a_limit_that_nothing_can_keep_is_refused() -> None:
    with pytest.raises(UsageError, match="params is never below 0, so no network keeps params<=-5"):
        parse_limit("params<=-5")
    assert Objective("score", "maximize", limit=-5.0).limit == -5.0
