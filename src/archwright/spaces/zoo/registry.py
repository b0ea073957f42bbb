"""The zoo by name. Needs no torch: a space's module is imported when the space is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError
from archwright.registry import Entry, Registry
from archwright.spaces.zoo.shapes import AXES, check_shape

if TYPE_CHECKING:
    from archwright.spaces.space import Space

__all__ = ["SPACES", "ZooSpace", "default_space", "make_space"]


@dataclass(frozen=True)
class ZooSpace(Entry):
    """A space known by name.

    Args:
        target: Its factory as `module:function`; takes the input shape, the outputs and options by keyword.
        summary: What it holds, in one line.
        ranks: Numbers of axes of the inputs it takes: 1 for (features,), 2 for (channels, length), 3 for
            (channels, height, width). Empty leaves it to the factory.
        symbols: Whether inputs are sequences of symbols, whole numbers of shape (steps,), not amounts; None where
            it takes both.
    """

    ranks: tuple[int, ...] = ()
    symbols: bool | None = None


_ZOO = "archwright.spaces.zoo"

SPACES: Registry[Space, ZooSpace] = Registry(
    "space",
    "archwright.spaces",
    {
        "chain": ZooSpace(
            f"{_ZOO}.chains:chain",
            "images: a chain of convolutions with decided operations, widths, pooling and skip connections",
            (3,),
        ),
        "cell": ZooSpace(
            f"{_ZOO}.darts:cell_space",
            "images: a normal and a reduction cell on the DARTS operations, stacked",
            (3,),
        ),
        "darts": ZooSpace(
            f"{_ZOO}.darts:darts_space",
            "images: the search network of DARTS, 8 cells with the operation none too",
            (3,),
        ),
        "nasbench201": ZooSpace(
            f"{_ZOO}.nasbench201:nasbench201_space",
            "images: the cell of NAS-Bench-201, six edges with one of five operations each, in its exact network",
            (3,),
        ),
        "enas": ZooSpace(
            f"{_ZOO}.enas:enas_space",
            "images: the macro space of ENAS, an operation and skip connections for every layer",
            (3,),
        ),
        "proxyless": ZooSpace(
            f"{_ZOO}.proxyless:proxyless_space",
            "images: MobileNetV2 with decided kernels, widening and depth, as in ProxylessNAS",
            (3,),
        ),
        "nasnet": ZooSpace(
            f"{_ZOO}.nasnet:nasnet_space",
            "images: a normal and a reduction cell of blocks with two decided inputs and operations, stacked",
            (3,),
        ),
        "conv1d": ZooSpace(
            f"{_ZOO}.chains:conv1d",
            "sequences: a chain of 1-D convolutions with decided operations, widths, pooling and skip connections",
            (2,),
        ),
        "recurrent": ZooSpace(
            f"{_ZOO}.recurrent:recurrent_space",
            "text: a recurrent cell of decided wiring and activations, as in DARTS and ENAS, as a language model",
            (1,),
            symbols=True,
        ),
        "mlp": ZooSpace(
            f"{_ZOO}.perceptrons:mlp",
            "tables: multilayer perceptrons with decided widths, activation, normalisation, dropout and shortcuts",
            (1, 2, 3),
        ),
    },
    ZooSpace,
    positional=2,
    error=SpaceError,
)
"""The spaces known by name: called with the shape of one input and the number of outputs."""

_DEFAULTS = {1: "mlp", 2: "conv1d", 3: "chain"}


def make_space(name: str, input_shape: Sequence[int], outputs: int, **options: Any) -> Space:
    """Make a space of the zoo.

    Args:
        name: A key of `SPACES`.
        input_shape: Shape of one input, without the batch.
        outputs: Number of numbers the network gives for one input.
        options: Options of the space's factory, see `SPACES.options(name)`.

    Raises:
        SpaceError: When the name or an option is unknown, or the space takes other inputs.
    """
    entry = SPACES.known(name)
    if entry.ranks:
        check_shape(name, input_shape, outputs, entry.ranks)
    return SPACES.make(name, input_shape, outputs, options=options)


def default_space(input_shape: Sequence[int], *, symbols: bool = False) -> str:
    """The name of the space that fits an input.

    "mlp" for a vector, "conv1d" for a sequence, "chain" for an image, "recurrent" for a sequence of symbols.

    Args:
        input_shape: Shape of one input, without the batch.
        symbols: Whether inputs are symbols, whole numbers of shape (steps,), not amounts.

    Raises:
        SpaceError: When the shape has no axis or more than three.
    """
    if symbols and len(input_shape) == 1:
        return "recurrent"
    if len(input_shape) not in _DEFAULTS:
        raise SpaceError(
            f"no space of the zoo takes inputs of shape {tuple(input_shape)}; expected {', '.join(AXES.values())}; "
            "reshape the data, or write a space for it with aw.Space"
        )
    return _DEFAULTS[len(input_shape)]
