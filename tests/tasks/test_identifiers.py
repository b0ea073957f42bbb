"""What numbers or names rows is told from measurements."""

import numpy as np
import pytest

from archwright.tasks.identifiers import IDENTIFYING, groups_of, identifies, step_of

NAMED, NUMBERED = IDENTIFYING
SHUFFLED = np.random.default_rng(0).permutation(40) * 7 + 3


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("x", np.arange(40), NUMBERED),
        ("Obs", np.arange(40)[::-1] + 1001, NUMBERED),
        ("x", np.array([str(row) for row in range(40)], object), NUMBERED),
        ("x", np.arange(40, dtype=np.uint64)[::-1], NUMBERED),
        *((name, SHUFFLED, NAMED) for name in ("id", "ID", "PassengerId", "customer_id", "order no", "Unnamed: 0")),
        ("id", 10**18 + np.arange(40)[::-1] ** 2, NAMED),  # apart by less than floats tell
        ("id", np.arange(3), NAMED),
        ("x", np.arange(40.0), ""),
        ("x", np.sort(np.random.default_rng(0).random(40)), ""),
        ("x", np.arange(9), ""),
        ("x", np.arange(0, 400, 10), ""),
        ("x", np.sort(SHUFFLED) ** 2, ""),
        ("x", np.arange(1960, 2000), ""),
        ("index", np.arange(1960, 2000), ""),
        ("x", 1_700_000_000 + np.arange(40), ""),
        *((name, np.arange(40), "") for name in ("t", "Hour", "elapsed_seconds", "weekNumber")),
        *((name, SHUFFLED, "") for name in ("paid", "humid", "price_index", "steps_number", "idle", "x")),
        ("id", np.array([1, 1, 2]), ""),
        ("id", np.arange(40) / 7, ""),
        ("id", np.array(["1", "2", None], object), ""),
    ],
)  # fmt: skip
def test_only_what_must_be_an_identifier_is_taken_for_one(name, values, why):
    assert identifies(name, values) == why


def test_steps_other_than_one_are_told_unless_they_are_times():
    assert step_of("x", np.arange(0, 400, 10)) == 10
    assert step_of("x", np.arange(1960, 2000)) == 1
    assert step_of("hour", np.arange(0, 400, 10)) == 0
    assert step_of("x", SHUFFLED) == 0
    assert step_of("x", np.arange(40.0)) == 0


def test_a_name_of_things_that_rows_belong_to_is_told_where_some_have_several_rows():
    several = np.array([7, 7, 12, 31, 31])
    assert groups_of("customer_id", several) == 3
    assert groups_of("customer_id", np.array(["7", "7", "12"], object)) == 2
    assert groups_of("customer_id", np.array([7, 12, 31])) == 0
    assert groups_of("customers", several) == 0
    assert groups_of("customer_id", several.astype(float)) == 0
