from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.trials import FULL, Fidelity, FidelityRange

_numbers = st.integers(1, 60)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("epochs=4", Fidelity(4), Fidelity(4)),
        ("epochs=2..16", Fidelity(2, horizon=16), Fidelity(16, horizon=16)),
        (
            "epochs=2..16,resolution=16",
            Fidelity(2, horizon=16, resolution=16),
            Fidelity(16, horizon=16, resolution=16),
        ),
        (" data=0.1..1 , seed=3", Fidelity(data_fraction=0.1, replicate=3), Fidelity(replicate=3)),
        (
            "cells=2..8,channels=4",
            Fidelity(scale={"cells": 2, "channels": 4}),
            Fidelity(scale={"channels": 4, "cells": 8}),
        ),
        ("folds=5,replicate=2,width=0.5", Fidelity(folds=5, replicate=2, scale={"width": 0.5}), None),
        ("folds=5", Fidelity(folds=5, replicates=5), None),
        ("replicates=1..3", FULL, Fidelity(replicates=3)),
        ("folds=4,replicates=1..8", Fidelity(folds=4), Fidelity(folds=4, replicates=8)),
    ],
)
def test_the_commands_text_is_read(text: str, low: Fidelity, high: Fidelity | None) -> None:
    assert FidelityRange.parse(text) == FidelityRange(low, high or low)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected NAME=NUMBER or NAME=LOW..HIGH, such as epochs=2..16"),
        ("epochs", "expected NAME=NUMBER"),
        ("epochs=", "expected a whole number, got ''"),
        ("epochs=2.5", "expected a whole number, got '2.5'"),
        ("epochs=2..x", "expected a whole number, got 'x'"),
        ("data=half", "expected a number, got 'half'"),
        ("epochs=2,epochs=3", "epochs is given twice"),
        ("epochs=9..3", "expected epochs from low to high, got 9..3; swap them"),
        ("replicate=1..3", r"says which, not how much.*give one value, or how many: replicates=1..3"),
        ("replicates=0", "expected replicates >= 1, got 0"),
        ("replicates=1.5", "expected a whole number, got '1.5'"),
        ("folds=2..5", "says which, not how much"),
        ("epochs=0..3", "expected epochs >= 1"),
        ("data=0..1", "expected 0 < data_fraction"),
        ("resolution=0", "expected resolution >= 1"),
        ("folds=1", "expected folds >= 2"),
        ("cells=-3", "expected a positive number for 'cells'"),
    ],
)
def test_other_text_is_refused_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        FidelityRange.parse(text)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Fidelity(1), FULL),
        (Fidelity(replicate=1), FULL),
        (Fidelity(folds=3), Fidelity(folds=4)),
        (Fidelity(scale={"cells": 1}), FULL),
        (Fidelity(2), Fidelity(1)),
    ],
)
def test_two_ends_differ_in_amounts_alone(low: Fidelity, high: Fidelity) -> None:
    with pytest.raises(UsageError, match="fidelity: "):
        FidelityRange(low, high)


@pytest.mark.parametrize(
    "text",
    ["epochs=3", "epochs=1..9", "data=0.1..1,cells=2..8,folds=3", "resolution=8..32", "replicates=1..9"],
)
def test_a_range_comes_back_from_json(text: str) -> None:
    made = FidelityRange.parse(text)
    assert FidelityRange.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_the_fidelity_of_an_older_run_is_a_point() -> None:
    assert FidelityRange.from_json({"epochs": 3, "data_fraction": 0.5}) == FidelityRange.of(Fidelity(3, 0.5))
    old = {"epochs": 3, "data_fraction": 0.5, "replicate": 0, "horizon": None}
    assert Fidelity(3, 0.5).to_json() == FidelityRange.of(Fidelity(3, 0.5)).to_json() == old
    one_fold = {"epochs": 3, "data_fraction": 1.0, "replicate": 0, "horizon": None, "folds": 5}
    assert FidelityRange.from_json(one_fold) == FidelityRange.of(Fidelity(3, folds=5, replicates=1))


@given(low=_numbers, high=_numbers, points=st.tuples(_numbers, _numbers), share=st.fractions(0, 1))
def test_every_level_is_between_the_ends(
    low: int, high: int, points: tuple[int, int], share: Fraction
) -> None:
    low, high = min(low, high), max(low, high) + 1
    first, last = min(points), max(points)
    made = FidelityRange(Fidelity(low, 0.05, resolution=first), Fidelity(high, 1.0, resolution=last))
    found = made.at(low + share * (high - low))
    assert found.epochs is not None
    assert found.resolution is not None
    assert low <= found.epochs <= high
    assert first <= found.resolution <= last
    assert 0.05 <= found.data_fraction <= 1.0
    assert found.horizon == high
    assert (made.at(low), made.at(high)) == (made.low, made.high)


@pytest.mark.parametrize(
    ("text", "continues"),
    [
        ("epochs=1..9", True),
        ("epochs=1..9,folds=3", True),
        ("replicates=1..9,epochs=2", True),
        ("epochs=1..9,replicates=1..3", False),
        ("epochs=1..9,data=0.5..1", False),
        ("cells=1..4", False),
    ],
)
def test_rungs_go_on_where_only_epochs_or_only_replicates_differ(text: str, continues: bool) -> None:
    assert FidelityRange.parse(text).continues is continues


@pytest.mark.parametrize(
    ("fidelity", "text"),
    [
        (FULL, "full"),
        (Fidelity(1), "1 epoch"),
        (
            Fidelity(4, 0.25, 3, resolution=8, folds=2, scale={"cells": 3}),
            "4 epochs, 25 % of data, resolution 8, cells 3, fold 2 of 2, seed 1",
        ),
        (Fidelity(4, folds=5, replicates=5), "4 epochs, mean of 5 replicates on 5 folds"),
        (Fidelity(replicate=2, replicates=3), "mean of 3 replicates, from 2 on"),
    ],
)
def test_a_fidelity_in_words(fidelity: Fidelity, text: str) -> None:
    assert str(fidelity) == text


def test_more_of_anything_costs_more() -> None:
    order = [
        Fidelity(1, 0.5, resolution=8, scale={"cells": 2}),
        Fidelity(1, resolution=8, scale={"cells": 2}),
        Fidelity(1, resolution=8, scale={"cells": 3}),
        Fidelity(1, resolution=16, scale={"cells": 3}),
        Fidelity(9, resolution=16, scale={"cells": 3}),
        Fidelity(9, resolution=16),
        Fidelity(9),
        FULL,
    ]
    costs = [fidelity.cost() for fidelity in order]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)
