"""The zoo by name. Needs no torch: a space's module is imported when the space is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError
from archwright.registry import Entry, Registry
from archwright.spaces.zoo.shapes import AXES

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


def _at(target: str, ranks: tuple[int, ...], summary: str, symbols: bool = False) -> ZooSpace:
    return ZooSpace(f"archwright.spaces.zoo.{target}", summary, ranks, symbols)


# fmt: off
SPACES: Registry[Space, ZooSpace] = Registry(
    "space",
    "archwright.spaces",
    {
        "chain": _at("chains:chain", (3,),
            "images: a chain of convolutions with decided operations, widths, pooling and skip connections"),
        "cell": _at("darts:cell_space", (3,),
            "images: a normal and a reduction cell on the DARTS operations, stacked"),
        "darts": _at("darts:darts_space", (3,),
            "images: the search network of DARTS, 8 cells with the operation none too"),
        "nasbench201": _at("nasbench201:nasbench201_space", (3,),
            "images: the cell of NAS-Bench-201, six edges with one of five operations each, in its exact network"),
        "enas": _at("enas:enas_space", (3,),
            "images: the macro space of ENAS, an operation and skip connections for every layer"),
        "proxyless": _at("proxyless:proxyless_space", (3,),
            "images: MobileNetV2 with decided kernels, widening and depth, as in ProxylessNAS"),
        "efficientnet": _at("efficientnet:efficientnet_space", (3,),
            "images: stages of decided kernels, widening, gates, widths and depth, EfficientNet-B0 among them"),
        "mnasnet": _at("efficientnet:mnasnet_space", (3,),
            "images: the same stages with ReLU, MnasNet-A1 among them"),
        "mobilenet_v3": _at("mobilenet_v3:mobilenet_v3_space", (3,),
            "images: MobileNetV3 with decided kernels, widening, depth and resolution, as in once-for-all"),
        "nasnet": _at("nasnet:nasnet_space", (3,),
            "images: a normal and a reduction cell of blocks with two decided inputs and operations, stacked"),
        "randomly_wired": _at("randomly_wired:randomly_wired_space", (3,),
            "images: stages wired as random graphs, whose generator, parameters and seed are decided (Xie 2019)"),
        "nago": _at("nago:nago_space", (3,),
            "images: a random graph of graphs of graphs, from the eight numbers of NAGO's generator"),
        "conv1d": _at("chains:conv1d", (2,),
            "sequences: a chain of 1-D convolutions with decided operations, widths, pooling and skip connections"),
        "recurrent": _at("recurrent:recurrent_space", (1,),
            "text: a recurrent cell of decided wiring and activations, as in DARTS and ENAS, as a language model",
            symbols=True),
        "mlp": _at("perceptrons:mlp", (1, 2, 3),
            "tables: multilayer perceptrons with decided widths, activation, normalisation, dropout and shortcuts"),
        "tabular_resnet": _at("tables:tabular_resnet", (1,),
            "tables: residual networks with decided depth, widths and dropout (Gorishniy et al. 2021)"),
        "ft_transformer": _at("tables:ft_transformer", (1,),
            "tables: a transformer on a vector for each column, FT-Transformer (Gorishniy et al. 2021)"),
        "tabm": _at("tables:tabm", (1,),
            "tables: many perceptrons in one that share most of their weights, TabM (Gorishniy et al. 2024)"),
        "einspace": _at("einspace:einspace_space", (2, 3),
            "images and sequences: networks from fundamental operations by a recursive grammar, as in einspace"),
        "hierarchical_nasbench201": _at("hierarchical:hierarchical_space", (3,),
            "images: stages, blocks, cells and convolution blocks by a grammar, hierarchical NAS-Bench-201"),
        "automl_zero": ZooSpace("archwright.programs.space:automl_zero",  # a room above, loaded when the space is made
            "learning algorithms as programs of 65 operations, for regression or two classes (AutoML-Zero)", (1, 2, 3)),
        "activation": ZooSpace("archwright.primitives.activation:activation_space",
            "activation functions of unary and binary ones, one for all hidden layers (Ramachandran et al. 2017)",
            (1, 2, 3)),
        "normalisation": ZooSpace("archwright.primitives.normalisation:normalisation_space",
            "images: normalisation and activation as one graph of primitives, EvoNorm among them (Liu et al. 2020)",
            (3,)),
        "taylor_loss": ZooSpace("archwright.primitives.losses:taylor_loss_space",
            "classes: the loss that a fixed network is trained with, as a polynomial (TaylorGLO)", (1, 2, 3)),
        "spiking": ZooSpace("archwright.primitives.spiking:spiking_space",
            "spiking perceptrons: leaky integrate-and-fire cells, trained by surrogate gradients", (1, 2, 3)),
    },
    ZooSpace,
    positional=2,
    supplied=("cardinalities", "kind"),
    error=SpaceError,
)
# fmt: on
"""The spaces known by name: called with the shape of one input and the number of outputs."""

_DEFAULTS = {1: "mlp", 2: "conv1d", 3: "chain"}


def make_space(
    name: str,
    input_shape: Sequence[int],
    outputs: int,
    *,
    cardinalities: Sequence[int] = (),
    kind: str = "",
    **options: Any,
) -> Space:
    """Make a space of the zoo.

    Args:
        name: A key of `SPACES`.
        input_shape: Shape of one input, without the batch.
        outputs: Number of numbers the network gives for one input.
        cardinalities: For each number of an input how many codes of categories it takes, 0 where it is an amount, as
            `Task.cardinalities`; empty where all are amounts.
        kind: Of the task, for spaces that ask what outputs mean.
        options: Options of the space's factory, see `SPACES.options(name)`.

    Raises:
        SpaceError: When the name or an option is unknown, or the space takes other inputs.
    """
    if any(cardinalities) and not SPACES.takes(name, "cardinalities"):
        known = [one for one, entry in SPACES.entries.items() if 1 in entry.ranks and not entry.symbols]
        raise SpaceError(
            f"the space {name!r} takes amounts alone, but some inputs are codes of categories; take one of "
            f"{', '.join(known)}"
        )
    return SPACES.make(
        name,
        input_shape,
        outputs,
        options=options,
        cardinalities=tuple(cardinalities),
        kind=kind,
    )


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
