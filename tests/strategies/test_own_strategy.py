"""A user's own strategy by `file.py:object`, as built-in ones by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.strategies import STRATEGIES, make_strategy
from archwright.testing import TOY_SPACES

MINE = '''
from archwright.strategies import RandomSearch

class Mine(RandomSearch):
    """Random search with an option.

    Args:
        luck: How much.
    """

    def __init__(self, space, objectives=(), *, seed=0, luck: int = 3):
        super().__init__(space, objectives, seed=seed)
        self.luck = luck

def made(space, objectives, *, seed=0):
    return Mine(space, objectives, seed=seed, luck=7)

class Other:
    pass

def wrong(space, objectives):
    return 3

number = 3
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine_of_mine.py"
    path.write_text(MINE)
    return path


def test_a_class_of_a_file_is_made_with_its_options(file: Path) -> None:
    space, objectives = TOY_SPACES["flat"](), [Objective("accuracy")]
    strategy = make_strategy(f"{file}:Mine", space, objectives, seed=4, luck=5)
    assert (type(strategy).__name__, strategy.luck, strategy.seed) == ("Mine", 5, 4)  # type: ignore[attr-defined]
    assert STRATEGIES.options(f"{file}:Mine")["luck"].default == 3
    assert make_strategy(f"{file}:made", space, objectives).luck == 7  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"has no option 'luk'.*Did you mean 'luck'"):
        make_strategy(f"{file}:Mine", space, objectives, luk=5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Min", r"has no 'Min'.*Did you mean 'Mine'"),
        ("number", "expected a class or a function, got 3"),
        (
            "Other",
            r"expected a strategy, an instance of a subclass of archwright.strategies.Strategy, got <class",
        ),
        ("wrong", r"expected a strategy, an instance of a subclass of archwright.strategies.Strategy, got 3"),
    ],
)
def test_what_is_none_is_refused(file: Path, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make_strategy(f"{file}:{name}", TOY_SPACES["flat"](), [Objective("accuracy")])
    with pytest.raises(UsageError, match="there is no file"):
        make_strategy("absent.py:Mine", TOY_SPACES["flat"](), [Objective("accuracy")])
