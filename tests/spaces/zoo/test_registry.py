"""The zoo by name: lookups, errors, and that listing it needs no torch."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from archwright.errors import SpaceError
from archwright.spaces import Space, zoo
from archwright.spaces.zoo import SPACES, default_space, make_space

_SHAPES = {1: (13,), 2: (2, 20), 3: (1, 8, 8)}


@pytest.mark.parametrize("name", SPACES)
def test_every_entry_makes_its_space(name: str) -> None:
    entry = SPACES[name]
    assert entry.summary
    assert entry.summary[0].islower()
    for rank in entry.ranks:
        space = make_space(name, _SHAPES[rank], 1 if name == "automl_zero" else 3)
        assert isinstance(space, Space)
        assert space.name == name
    first, second, *options = inspect.signature(entry.load()).parameters.values()
    assert (first.name, second.name) == ("input_shape", "outputs")
    assert all(option.kind in (option.KEYWORD_ONLY, option.VAR_KEYWORD) for option in options)


def test_options_reach_the_factory() -> None:
    assert make_space("mlp", (5,), 1, depth=(2, 2)).size < make_space("mlp", (5,), 1).size
    assert (
        make_space("chain", (1, 8, 8), 10, depth=(3, 3)).digest
        == zoo.chain((1, 8, 8), 10, depth=(3, 3)).digest
    )


@pytest.mark.parametrize("rank", _SHAPES)
def test_the_default_takes_the_input(rank: int) -> None:
    name = default_space(_SHAPES[rank])
    assert rank in SPACES[name].ranks
    assert make_space(name, _SHAPES[rank], 3).size > 1


def test_unknown_names_are_told() -> None:
    with pytest.raises(SpaceError, match=r"unknown space 'chian'\. Did you mean 'chain'"):
        make_space("chian", (1, 8, 8), 10)
    with pytest.raises(SpaceError, match=r"no option 'widht'\. Did you mean 'width'.* depth"):
        make_space("chain", (1, 8, 8), 10, widht=3)


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("chain", (13,), "(channels, height, width), got (13,), which has 1 axis"),
        ("cell", (2, 20), "(channels, height, width), got (2, 20), which has 2 axes"),
        ("conv1d", (1, 8, 8), "(channels, length), got (1, 8, 8), which has 3 axes"),
        (
            "mlp",
            (1, 2, 3, 4),
            "(features,) or (channels, length) or (channels, height, width), got (1, 2, 3, 4)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_told(name: str, shape: tuple[int, ...], wanted: str) -> None:
    with pytest.raises(SpaceError) as told:
        make_space(name, shape, 10)
    assert wanted in str(told.value)


@pytest.mark.parametrize("shape", [(), (1, 2, 3, 4)])
def test_no_default_for_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match="no space of the zoo takes inputs of shape"):
        default_space(shape)


def test_every_public_name_is_there() -> None:
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'chian'"):
        zoo.chian  # noqa: B018


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys; from archwright.spaces.zoo import SPACES, default_space; "
        "print(*SPACES, default_space((3,)), 'torch' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told == [*SPACES, "mlp", "False"]


def test_a_factory_is_a_function_whatever_was_imported_before() -> None:
    code = (
        "import archwright.spaces.zoo.chains, archwright.spaces.zoo.cells; from archwright.spaces import zoo; "
        "assert all(callable(getattr(zoo, name)) for name in ('chain', 'conv1d', 'cell', 'mlp', 'baseline'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
