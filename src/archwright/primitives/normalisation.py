"""The space of normalisation-activation layers (EvoNorm: Liu et al. 2020, arXiv:2004.02967)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.primitives.catalog import negated
from archwright.primitives.formulas import sympy_module
from archwright.primitives.graphs import (
    BatchMoment,
    ChannelAffine,
    GraphLayer,
    GroupMoment,
    InstanceMoment,
)
from archwright.primitives.networks import network_around
from archwright.primitives.searched import Profile, SearchedModule
from archwright.primitives.units import Pairwise, Pointwise
from archwright.spaces import Architecture, Space, resolve, walk_calls
from archwright.spaces.build import construct
from archwright.spaces.decisions import Categorical, categorical
from archwright.spaces.nodes import DeferredCall, layer, switch, when
from archwright.spaces.scale import scalable
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape

__all__ = [
    "EVONORMS",
    "GRAPH_PRIMITIVES",
    "NormActivation",
    "graph_formula",
    "graph_formulas",
    "normalisation_space",
]

_GIVEN = ("x", "zero", "v0", "v1")
_DIGITS = 4


def signed_log(x: Tensor) -> Tensor:
    """sign(x) ln|x|, with |x| at least 1e-5."""
    return torch.sign(x) * torch.log(x.abs().clamp(min=1e-5))


def signed_sqrt(x: Tensor) -> Tensor:
    """sign(x) sqrt(|x| + 1e-5)."""
    return torch.sign(x) * torch.sqrt(x.abs() + 1e-5)


GRAPH_PRIMITIVES: Mapping[str, tuple[int, Callable[..., nn.Module], tuple[Any, ...]]] = {
    "add": (2, Pairwise, (torch.add,)),
    "multiply": (2, Pairwise, (torch.mul,)),
    "divide": (2, Pairwise, (torch.div,)),
    "maximum": (2, Pairwise, (torch.maximum,)),
    "negative": (1, Pointwise, (negated,)),
    "sigmoid": (1, nn.Sigmoid, ()),
    "tanh": (1, nn.Tanh, ()),
    "exp": (1, Pointwise, (torch.exp,)),
    "log": (1, Pointwise, (signed_log,)),
    "abs": (1, Pointwise, (torch.abs,)),
    "square": (1, Pointwise, (torch.square,)),
    "sqrt": (1, Pointwise, (signed_sqrt,)),
    **{
        f"{moment}_{over}": (1, kind, (moment,))
        for over, kind in (("batch", BatchMoment), ("instance", InstanceMoment), ("group", GroupMoment))
        for moment in ("mean", "var", "std")
    },
}
"""Label to the number of operands, the class, and its arguments. Moments are taken over batch, height and width
("batch", running averages in evaluation mode), height and width ("instance"), or these and a group of channels
("group")."""

EVONORMS: Mapping[str, Sequence[tuple[str, *tuple[int, ...]]]] = {
    "s0": (("multiply", 3, 0), ("sigmoid", 4), ("multiply", 0, 5), ("std_group", 0), ("divide", 6, 7)),
    "b0": (
        ("std_batch", 0),
        ("multiply", 3, 0),
        ("std_instance", 0),
        ("add", 5, 6),
        ("maximum", 4, 7),
        ("divide", 0, 8),
    ),
    "batch_norm_relu": (
        ("mean_batch", 0),
        ("negative", 4),
        ("add", 0, 5),
        ("std_batch", 0),
        ("divide", 6, 7),
        ("maximum", 8, 1),
    ),
}
"""Published layers as graphs: for each node the primitive and the nodes that it reads; the first is node 4."""


class NormActivation(SearchedModule):
    """A normalisation-activation layer that is searched: one decision for all the places where a network uses it.

    Nodes 0 to 3 are x, zero and two learned vectors; each further node applies a primitive to earlier ones. Give
    `constraints` and `canonicalize` to the space.

    Args:
        nodes: How many nodes there are beside the four; the paper has 10.
        primitives: Some of `GRAPH_PRIMITIVES`.
        name: Begins the addresses: `NAME.NODE.primitive`, `NAME.NODE.input_1`, `NAME.NODE.input_2`.

    Raises:
        SpaceError: When an option is unknown or out of range.
    """

    root = "4.primitive"
    channels = 64  # two in a group, so that groups are told apart from channels

    def __init__(
        self,
        nodes: int = 6,
        primitives: Sequence[str] = tuple(GRAPH_PRIMITIVES),
        *,
        name: str = "normalisation",
    ) -> None:
        self.name = name
        self.primitives = check_labels(name, "primitive", primitives, GRAPH_PRIMITIVES)
        (self.nodes,) = check_numbers(name, "nodes", (nodes,), ["nodes"])
        self._decided = [self._decide(number) for number in range(4, 4 + self.nodes)]

    def _decide(self, number: int) -> tuple[Categorical, Categorical, Categorical]:
        earlier = list(range(number))
        return (
            categorical(self.primitives, name=f"{self.name}.{number}.primitive"),
            categorical(earlier, name=f"{self.name}.{number}.input_1"),
            categorical(earlier, name=f"{self.name}.{number}.input_2"),
        )

    def layer(self, channels: Any) -> DeferredCall:
        """The layer at one place of a network.

        Args:
            channels: C, an expression or a number.
        """
        primitives: list[Any] = []
        inputs: list[Any] = []
        for primitive, first, second in self._decided:
            options = {}
            for label in primitive.labels:
                _, kind, arguments = GRAPH_PRIMITIVES[label]
                options[label] = layer(kind, *arguments, *([channels] if kind is BatchMoment else []))
            two = [label for label in primitive.labels if GRAPH_PRIMITIVES[label][0] == 2]
            primitives.append(switch(primitive, options))
            inputs.append([first, *([when(primitive.is_in(two), second)] if two else [])])
        return layer(GraphLayer, channels, primitives, inputs)

    def architecture(self, graph: Sequence[tuple[str, *tuple[int, ...]]]) -> Architecture:
        """The decisions of a graph, as in `EVONORMS`; nodes that it lacks add zero.

        Raises:
            SpaceError: When the graph has more nodes than there are.
        """
        if len(graph) > self.nodes:
            raise SpaceError(f"expected a graph of at most {self.nodes} nodes, got {len(graph)}")
        rest = [("add", 3 + i, 1) for i in range(len(graph), self.nodes)]
        values: dict[str, Any] = {}
        for number, (primitive, *inputs) in enumerate([*graph, *rest], 4):
            values[f"{self.name}.{number}.primitive"] = primitive
            values |= {f"{self.name}.{number}.input_{i}": one for i, one in enumerate(inputs, 1)}
        return self.space.validate(values)

    def look(self, module: nn.Module) -> Profile:
        """What a layer does on normal inputs, of deviation 1 and 100; the key are its outputs, to 10^-4."""
        random = torch.Generator().manual_seed(0)
        x = torch.randn(4, self.channels, 5, 5, generator=random)
        finite = True
        for scale in (1.0, 100.0):
            inputs = (x * scale).requires_grad_()
            y = module(inputs)
            finite = finite and bool(torch.isfinite(y).all())
            if finite and y.requires_grad:
                learned = [p for p in module.parameters() if p.requires_grad]
                slopes = torch.autograd.grad(y.square().mean(), [inputs, *learned], allow_unused=True)
                finite = all(one is None or bool(torch.isfinite(one).all()) for one in slopes)
        with torch.no_grad():
            module = module.double()
            for (
                parameter
            ) in module.parameters():  # layers that differ in what is learned differ at other values of it
                parameter.add_(torch.linspace(0.1, 0.5, self.channels, dtype=torch.float64))
            y = module(x.double())
            varies = not y.std((0, 2, 3)).max() <= 10.0**-_DIGITS
            scaled = (y[:2] / y.abs().mean().clamp(min=1e-12)).flatten()[:: self.channels]
            key = torch.round(scaled, decimals=_DIGITS).nan_to_num(nan=torch.inf) + 0.0
        return Profile(finite, varies, tuple(key.tolist()))


@scalable
def normalisation_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    nodes: int = 6,
    primitives: Sequence[str] = tuple(GRAPH_PRIMITIVES),
    family: str | None = None,
    channels: int = 16,
    blocks: int = 1,
) -> Space:
    """The space of normalisation-activation layers as graphs of primitives, in a network that is otherwise fixed.

    Liu et al. 2020, arXiv:2004.02967. One layer is decided for all places that have a norm and an activation; where no
    activation follows, only scale and shift are left. Graphs are rejected before training where outputs or slopes for
    normal inputs, also of deviation 100, are not finite, or the output does not depend on the input; graphs that
    compute the same are one. EvoNorm-S0, EvoNorm-B0 and batch normalisation with ReLU are members, see `EVONORMS`.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        nodes: Of the graph beside the input, zero and two learned vectors; the paper has 10.
        primitives: Some of `archwright.primitives.GRAPH_PRIMITIVES`.
        family: "residual", "plain" or "inverted" (bottlenecks of MobileNetV2) convolutional networks; None takes the
            first. The estimator `anchors` judges in all three at once, as the paper does.
        channels: Of the first stage, doubled at each further one.
        blocks: Of each stage.

    Returns:
        The space, with the addresses `normalisation.NODE.primitive`, `normalisation.NODE.input_1` and
        `normalisation.NODE.input_2`; nodes count from 4.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    check_shape("normalisation", input_shape, outputs, [3])
    check_labels("normalisation", "family", [family or "residual"], ("residual", "plain", "inverted"))
    searched = NormActivation(nodes, primitives)
    network = network_around(
        "normalisation",
        input_shape,
        outputs,
        family=family,
        channels=channels,
        blocks=blocks,
        normalized=searched.layer,
        norm=lambda width: layer(ChannelAffine, width),
        activation=searched.layer,
    )
    return Space(
        network, constraints=searched.constraints, canonicalize=searched.canonicalize, name="normalisation"
    )


def graph_formula(graph: GraphLayer) -> str:
    """The formula of a layer, simplified: of x, the learned v0, v1, gamma and beta, and moments by their labels.

    Raises:
        MissingExtraError: When sympy is not installed.
    """
    sympy = sympy_module()
    x, v0, v1, gamma, beta = sympy.symbols("x v0 v1 gamma beta", real=True)
    values = {0: x, 1: sympy.Integer(0), 2: v0, 3: v1}
    written: dict[str, Callable[..., Any]] = {
        "add": lambda a, b: a + b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "maximum": sympy.Max,
        "negative": lambda a: -a,
        "abs": sympy.Abs,
        "square": lambda a: a**2,
        "tanh": sympy.tanh,
        "exp": sympy.exp,
    }
    for number, read in graph.inputs.items():
        label = _label_of(graph.primitives[str(number)])
        function = written.get(label) or sympy.Function(label)
        values[number] = function(*(values[i] for i in read))
    return str(gamma * values[max(values)] + beta)


def graph_formulas(space: Space, architecture: Architecture) -> list[str]:
    """The formulas of the searched layers of an architecture, each once."""
    calls = [call for call in walk_calls(resolve(space, architecture)) if call.fn is GraphLayer]
    return list(dict.fromkeys(graph_formula(construct(call)[0]) for call in calls))


def _label_of(primitive: nn.Module) -> str:
    key = getattr(primitive, "moment", getattr(primitive, "function", None))
    return next(
        label
        for label, (_, kind, arguments) in GRAPH_PRIMITIVES.items()
        if type(primitive) is kind and (not arguments or arguments[0] == key)
    )
