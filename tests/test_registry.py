from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from archwright.errors import TaskError, UsageError
from archwright.registry import Entry, Registry

if TYPE_CHECKING:
    from fractions import Fraction


class Walker:
    """Walks. Much more is said here.

    Args:
        ground: Where.
        pace: Steps in a second; it is
            a long story.
        shoes: What is worn.
        seed: Of chance.

    Raises:
        UsageError: When: it falls.
    """

    def __init__(
        self,
        ground: str,
        *,
        pace: int = 2,
        shoes: Sequence[str] = (),
        exact: Fraction | None = None,
        seed: int = 0,
    ) -> None:
        self.given = (ground, pace, shoes, exact, seed)


def runner(ground: str, *, pace: int = 9, **options: Any) -> Walker:
    """Runs.

    Args:
        ground: Where.
        options: Those of `Walker`.
    """
    return Walker(ground, pace=pace, **options)


def barefoot(ground: str, *, depth: int = 1, **options: Any) -> Walker:
    """Wades.

    Args:
        ground: Where.
        depth: Of the water.
        options: Of `runner` without `shoes` and `exact`.
    """
    return runner(ground, shoes=(), **options)


def anything(ground: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """Takes whatever comes."""
    return ground, options


def with_places(place: str, further: int, needed: str, loose: int = 3) -> tuple[str, int, str, int]:
    return place, further, needed, loose


def registry(**more: Any) -> Registry[Any, Entry]:
    entries = {
        "walker": Entry(f"{__name__}:Walker", renamed={"speed": "pace"}),
        "runner": Entry(f"{__name__}:runner", "faster"),
        "barefoot": Entry(f"{__name__}:barefoot"),
        "anything": Entry(f"{__name__}:anything"),
    }
    return Registry(
        "mover", None, entries, positional=1, supplied=("seed",), renamed={"stroller": "walker"}, **more
    )


def test_options_come_from_signature_and_docstring() -> None:
    options = registry().options("walker")
    assert list(options) == ["pace", "shoes", "exact"]
    assert options["pace"].type is int
    assert options["pace"].default == 2
    assert options["pace"].summary == "Steps in a second; it is a long story."
    assert options["shoes"].summary == "What is worn."
    assert options["exact"].type is Any  # for type checkers only
    assert registry().defaults("walker") == {"pace": 2, "shoes": (), "exact": None}


def test_further_options_are_those_of_the_class_that_the_docstring_names() -> None:
    assert registry().defaults("runner") == {"pace": 9, "shoes": (), "exact": None}
    made = registry().make("runner", "road", options={"shoes": ["left"]}, seed=4)
    assert made.given == ("road", 9, ("left",), None, 4)
    with pytest.raises(UsageError, match=r"the mover 'runner' has no option 'pase'\. Did you mean 'pace'"):
        registry().make("runner", "road", options={"pase": 3})


def test_what_the_docstring_leaves_out_is_no_option() -> None:
    assert registry().defaults("barefoot") == {"depth": 1, "pace": 9}
    with pytest.raises(UsageError, match="the mover 'barefoot' has no option 'shoes'"):
        registry().make("barefoot", "road", options={"shoes": ["left"]})


def test_where_it_names_none_they_may_be_any() -> None:
    assert registry().make("anything", "road", options={"x": 1}, seed=2) == ("road", {"x": 1, "seed": 2})


def test_parameters_after_those_by_position_are_options() -> None:
    places = Registry[Any, Entry]("place", None, {"here": Entry(f"{__name__}:with_places")}, positional=2)
    assert list(places.options("here")) == ["needed", "loose"]
    assert places.defaults("here") == {"loose": 3}
    assert places.make("here", "a", 1, options={"needed": "b"}) == ("a", 1, "b", 3)


def test_what_the_caller_supplies_is_no_option() -> None:
    with pytest.raises(UsageError, match="has no option 'seed'"):
        registry().make("walker", "road", options={"seed": 3}, seed=1)


def test_former_names_still_work() -> None:
    assert registry().make("stroller", "road", options={"speed": 5}).given[1] == 5
    assert "stroller" in registry()
    assert "stroller" not in list(registry())


def test_unknown_names_and_wrong_types_are_told() -> None:
    with pytest.raises(
        TaskError,
        match=r"unknown mover 'wolker'\. Did you mean 'walker'\?.*anything, barefoot, runner, walker",
    ):
        registry(error=TaskError).make("wolker", "road")
    with pytest.raises(
        UsageError, match="the option 'pace' of the mover 'walker': expected a whole number, got 'fast'"
    ):
        registry().make("walker", "road", options={"pace": "fast"})
    with pytest.raises(UsageError, match=r"""got 'boots'; write shoes=\["boots"\]"""):
        registry().make("walker", "road", options={"shoes": "boots"})


def test_the_summary_is_the_entry_s_or_the_first_line_of_the_docstring() -> None:
    assert registry().summary("runner") == "faster"
    assert registry().summary("walker") == "Walks. Much more is said here."


@pytest.mark.parametrize("target", ["no_such_module:x", f"{__name__}:missing"])
def test_what_cannot_be_loaded_says_so(target: str) -> None:
    broken = Registry[Any, Entry]("mover", None, {"broken": Entry(target)})
    with pytest.raises(UsageError, match=r"the module 'no_such_module' cannot be imported|has no 'missing'"):
        broken.make("broken")


def test_a_default_that_is_missing_is_marked() -> None:
    def needs(*, size: int) -> int:
        return size

    globals()["needs"] = needs
    one = Registry[Any, Entry]("mover", None, {"needs": Entry(f"{__name__}:needs")})
    assert one.options("needs")["size"].default is inspect.Parameter.empty
    assert one.defaults("needs") == {}
    assert one.make("needs", options={"size": 2}) == 2
    with pytest.raises(UsageError, match="the mover 'needs' needs the option 'size'"):
        one.make("needs")
