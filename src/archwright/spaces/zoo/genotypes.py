"""Cells in the field's notation, and the published ones with the networks that were made of them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.space import Space
from archwright.spaces.zoo.registry import make_space

__all__ = ["GENOTYPES", "Genotype", "PublishedGenotype", "from_genotype", "published", "to_genotype"]

_INPUTS = 2
_KINDS = ("normal", "reduction")
_LARGEST_CIFAR = 56

Edges = tuple[tuple[str, int], ...]
"""Pairs of an operation and the number of the state it reads: two for each node or block, in order."""


@dataclass(frozen=True, slots=True, repr=False)
class Genotype:
    """A normal and a reduction cell as Liu et al. 2019, arXiv:1806.09055, write them. `str` gives Python's text of it.

    Args:
        normal: (operation, state) for each edge of the normal cell, two per node. States 0 and 1 are the outputs of the
            cell before the last and of the last; state k + 2 is node k.
        normal_concat: The states that the cell's output is made of.
        reduce: As `normal`, for the reduction cell.
        reduce_concat: As `normal_concat`, for the reduction cell.
    """

    normal: Edges
    normal_concat: tuple[int, ...]
    reduce: Edges
    reduce_concat: tuple[int, ...]

    def __repr__(self) -> str:
        parts = ("normal", "normal_concat", "reduce", "reduce_concat")
        return f"Genotype({', '.join(f'{part}={list(getattr(self, part))!r}' for part in parts)})"

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Read the text that `str` of a genotype gives, here and in the field's programs.

        Args:
            text: `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=[2, 3, 4, 5], reduce=..., ...)`. For the
                states `range(2, 6)` will do; a name and `=` may stand before.

        Raises:
            SpaceError: When it is anything else.
        """
        try:
            (statement,) = ast.parse(text.strip()).body
            call = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
            if not isinstance(call, ast.Call):
                raise ValueError("it is no call")
            names = list(cls.__dataclass_fields__)
            given = dict(zip(names, call.args, strict=False)) | {str(k.arg): k.value for k in call.keywords}
            if set(given) != set(names) or len(call.args) + len(call.keywords) != len(names):
                raise ValueError(f"it needs {', '.join(names)}")
            return cls(**{name: _frozen(_literal(node)) for name, node in given.items()})
        except (ValueError, SyntaxError, TypeError) as error:
            raise SpaceError(
                "expected a genotype such as Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], "
                f"reduce=[...], reduce_concat=[...]), got {text!r}: {error}"
            ) from None


def _literal(node: ast.expr) -> Any:
    """The value of a literal, or of a call of `range` on literals."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return tuple(range(*[ast.literal_eval(argument) for argument in node.args]))
    return ast.literal_eval(node)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple | range) else value


def from_genotype(genotype: Genotype | str, space: str = "darts") -> Architecture:
    """The architecture that a genotype writes.

    Args:
        genotype: A `Genotype`, its text, or any object with its four attributes, such as the field's named tuple.
        space: "darts", whose nodes read two different states each, or "nasnet", whose blocks may read one twice.

    Returns:
        An architecture of `darts_space` and `cell_space`, or of `nasnet_space`. Which states are concatenated is no
        decision in these spaces: in "darts" all nodes, in "nasnet" the option `concatenate`.

    Raises:
        SpaceError: When it is no genotype, a node has not two edges, reads no earlier state, or, in "darts", reads one
            state twice or is left out of what is concatenated.
    """
    genotype = _genotype(genotype)
    if space not in ("darts", "nasnet"):
        raise SpaceError(
            f"no space with genotypes is called {space!r}.{did_you_mean(space, ['darts', 'nasnet'])}"
        )
    values: dict[str, Any] = {}
    normal, reduction = (genotype.normal, genotype.normal_concat), (genotype.reduce, genotype.reduce_concat)
    for kind, (edges, concatenated) in zip(_KINDS, (normal, reduction), strict=True):
        nodes = [edges[i : i + 2] for i in range(0, len(edges), 2)]
        for node, pair in enumerate(nodes):
            states = [state for _, state in pair]
            if len(pair) != 2 or not all(0 <= state < _INPUTS + node for state in states):
                raise SpaceError(
                    f"the genotype's {kind} cell: expected node {node} to have two edges from states 0 to "
                    f"{_INPUTS + node - 1}, got {list(pair)!r}"
                )
            values |= _block(kind, node, pair) if space == "nasnet" else _node(kind, node, pair)
        everything = set(range(_INPUTS, _INPUTS + len(nodes)))
        if space == "darts" and set(concatenated) != everything:
            raise SpaceError(
                f"the genotype's {kind} cell: a cell of DARTS concatenates all its nodes, {sorted(everything)}, got "
                f"{list(concatenated)!r}; with nasnet_space(..., concatenate=...) other cells can be written"
            )
    return Architecture(values)


def _node(kind: str, node: int, pair: Edges) -> dict[str, Any]:
    (_, first), (_, second) = pair
    if first == second:
        raise SpaceError(
            f"the genotype's {kind} cell: node {node} reads state {first} twice, but a node of DARTS reads two "
            "different states; use the space 'nasnet'"
        )
    operations = {f"{kind}.{node}.from_{state}": label for label, state in pair}
    return {f"{kind}.{node}.inputs": tuple(sorted((first, second))), **operations}


def _block(kind: str, block: int, pair: Edges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for side, (label, state) in zip(("left", "right"), pair, strict=True):
        values |= {f"{kind}.{block}.{side}_input": state, f"{kind}.{block}.{side}_operation": label}
    return values


def _genotype(given: Any) -> Genotype:
    if isinstance(given, Genotype):
        return given
    if isinstance(given, str):
        return Genotype.parse(given)
    names = list(Genotype.__dataclass_fields__)
    if not all(hasattr(given, name) for name in names):
        raise SpaceError(f"expected a Genotype, its text or an object with {', '.join(names)}, got {given!r}")
    return Genotype(**{name: _frozen(list(getattr(given, name))) for name in names})


def to_genotype(architecture: Mapping[str, Any]) -> Genotype:
    """The genotype of an architecture, the inverse of `from_genotype`.

    Args:
        architecture: Of `darts_space` or `cell_space`, or of `nasnet_space`. Other decisions, such as channels, are
            left out.

    Returns:
        The genotype; a node's edges in the order of the states, a block's from left to right. Concatenated are all
        nodes, and in "nasnet" the states that no block reads.

    Raises:
        SpaceError: When it is of another space, or a node reads other than two states.
    """
    cells: list[Any] = []
    for kind in _KINDS:
        edges: list[tuple[str, int]] = []
        while f"{kind}.{len(edges) // 2}.inputs" in architecture:
            node = len(edges) // 2
            states = architecture[f"{kind}.{node}.inputs"]
            if len(states) != 2:
                raise SpaceError(
                    f"a genotype has two edges a node, but node {node} of the {kind} cell reads the states {states}"
                )
            edges += [(architecture[f"{kind}.{node}.from_{state}"], state) for state in states]
        unread: set[int] = set()
        while f"{kind}.{len(edges) // 2}.left_input" in architecture:
            begin = f"{kind}.{len(edges) // 2}"
            if architecture.get(f"{begin}.combine", "add") != "add":
                raise SpaceError(f"a genotype adds what a block reads, but {begin!r} concatenates it")
            sides = [f"{begin}.{side}" for side in ("left", "right")]
            edges += [(architecture[f"{side}_operation"], architecture[f"{side}_input"]) for side in sides]
            unread = set(range(_INPUTS + len(edges) // 2)) - {state for _, state in edges}
        if not edges:
            raise SpaceError(
                f"expected an architecture of a space of cells with 'normal.0.inputs' or 'normal.0.left_input', and "
                f"the same for 'reduction', got {architecture!r}"
            )
        concatenated = sorted(unread) if unread else range(_INPUTS, _INPUTS + len(edges) // 2)
        cells += [tuple(edges), tuple(concatenated)]
    return Genotype(*cells)


@dataclass(frozen=True, slots=True)
class PublishedGenotype:
    """A published pair of cells.

    Args:
        genotype: The cells.
        paper: Where it was published.
        space: The zoo's name of the space that it is of.
        cifar: Options of the space that make the paper's network for CIFAR-10.
        parameters: Millions of parameters that the paper states for that network; None where it states none.
        imagenet: Options that make the paper's network for ImageNet in the mobile setting; None where it has another
            outer shape than the space's.
        imagenet_parameters: Millions of parameters that the paper states for that one.
    """

    genotype: Genotype
    paper: str
    space: str
    cifar: Mapping[str, Any]
    parameters: float | None = None
    imagenet: Mapping[str, Any] | None = None
    imagenet_parameters: float | None = None

    @property
    def architecture(self) -> Architecture:
        """The architecture of the space."""
        return from_genotype(self.genotype, self.space)


def published(name: str, input_shape: Sequence[int], outputs: int) -> tuple[Space, Architecture]:
    """The published network of a genotype, as a space at the paper's scale and its architecture.

    Args:
        name: A key of `GENOTYPES`.
        input_shape: Shape of one image: (channels, height, width). Above 56 pixels it is the network for ImageNet.
        outputs: Number of numbers the network gives for one image.

    Returns:
        The space and the architecture: `space.build(architecture)` is the network. It has neither the auxiliary head
        nor the dropped paths of the paper's training; `space.scale(drop_path=0.2)` has the latter.

    Raises:
        SpaceError: When the name is unknown, the shape is not that of an image, or the paper's network for ImageNet
            has another outer shape than the space's.
    """
    if name not in GENOTYPES:
        raise SpaceError(f"no published genotype is called {name!r}.{did_you_mean(name, GENOTYPES)}")
    entry = GENOTYPES[name]
    large = len(input_shape) == 3 and min(input_shape[1:]) > _LARGEST_CIFAR
    options = entry.imagenet if large else entry.cifar
    if options is None:
        raise SpaceError(
            f"{name!r}: expected images of at most {_LARGEST_CIFAR} pixels, got {tuple(input_shape)}; the paper's "
            f"network for ImageNet begins with reduction cells, which {entry.space}_space has not. Make the space with "
            f"make_space({entry.space!r}, ...) and take GENOTYPES[{name!r}].architecture"
        )
    return make_space(entry.space, input_shape, outputs, **options), entry.architecture


def _darts(
    paper: str,
    parameters: float | None,
    imagenet: float | None,
    normal: str,
    reduce: str,
    channels: int = 48,
) -> PublishedGenotype:
    nodes = tuple(range(_INPUTS, _INPUTS + 4))
    genotype = Genotype(_edges(normal), nodes, _edges(reduce), nodes)
    cifar = {"cells": 20, "channels": 36, "pool_norm": False}
    large = {"cells": 14, "channels": channels, "pool_norm": False, "stem": "imagenet"}
    return PublishedGenotype(genotype, paper, "darts", cifar, parameters, large, imagenet)


def _nasnet(
    paper: str,
    parameters: float,
    channels: int,
    normal: str,
    normal_concat: tuple[int, ...],
    reduce: str,
    reduce_concat: tuple[int, ...],
) -> PublishedGenotype:
    concatenate = {"normal": normal_concat, "reduction": reduce_concat}
    options = {"repeats": 6, "channels": channels, "concatenate": concatenate}
    genotype = Genotype(_edges(normal), normal_concat, _edges(reduce), reduce_concat)
    return PublishedGenotype(genotype, paper, "nasnet", options, parameters)


def _edges(text: str) -> Edges:
    """From "sep3 0, skip 1" to pairs, with the short names written out."""
    pairs = [edge.split() for edge in text.split(",")]
    return tuple((_NAMES.get(label, label), int(state)) for label, state in pairs)


_LONG = (
    "skip=skip_connect max3=max_pool_3x3 avg3=avg_pool_3x3 sep3=sep_conv_3x3 sep5=sep_conv_5x5 sep7=sep_conv_7x7 "
    "dil3=dil_conv_3x3 dil5=dil_conv_5x5 1x7=conv_1x7_7x1"
)
_NAMES = dict(pair.split("=") for pair in _LONG.split())

_LIU = "Liu et al. 2019, arXiv:1806.09055"
_XU = "Xu et al. 2020, arXiv:1907.05737"

# fmt: off
GENOTYPES: dict[str, PublishedGenotype] = {
    "DARTS_V1": _darts(f"{_LIU} (first order)", 3.3, None,
        "sep3 1, sep3 0, skip 0, sep3 1, skip 0, sep3 1, sep3 0, skip 2",
        "max3 0, max3 1, skip 2, max3 0, max3 0, skip 2, skip 2, avg3 0"),
    "DARTS_V2": _darts(f"{_LIU} (second order)", 3.3, 4.7,
        "sep3 0, sep3 1, sep3 0, sep3 1, sep3 1, skip 0, skip 0, dil3 2",
        "max3 0, max3 1, skip 2, max3 1, max3 0, skip 2, skip 2, max3 1"),
    "GDAS": _darts("Dong & Yang 2019, arXiv:1910.04465", 3.4, 5.3,
        "skip 0, skip 1, skip 0, sep5 2, sep3 3, skip 0, sep5 4, sep3 3",
        "sep5 0, sep3 1, sep5 2, sep5 1, dil5 2, sep3 1, sep5 0, sep5 1", channels=50),
    "PDARTS": _darts("Chen et al. 2019, arXiv:1904.12760", 3.4, 4.9,
        "skip 0, dil3 1, skip 0, sep3 1, sep3 1, sep3 3, sep3 0, dil5 4",
        "avg3 0, sep5 1, sep3 0, dil5 2, max3 0, dil3 1, dil3 1, dil5 3"),
    "PCDARTS": _darts(f"{_XU} (searched on CIFAR-10)", 3.6, 5.3,
        "sep3 1, skip 0, sep3 0, dil3 1, sep5 0, sep3 1, avg3 0, dil3 1",
        "sep5 1, max3 0, sep5 1, sep5 2, sep3 0, sep3 3, sep3 1, sep3 2"),
    "PCDARTS_IMAGENET": _darts(f"{_XU} (searched on ImageNet)", None, 5.3,
        "skip 1, sep3 0, sep3 0, skip 1, sep3 1, sep3 3, sep3 1, dil5 4",
        "sep3 0, skip 1, dil5 2, max3 1, sep3 2, sep3 1, sep5 0, sep3 3"),
    "NASNET_A": _nasnet("Zoph et al. 2018, arXiv:1707.07012 (6 @ 768)", 3.3, 32,
        "sep5 1, sep3 0, sep5 0, sep3 0, avg3 1, skip 0, avg3 0, avg3 0, sep3 1, skip 1", (0, 2, 3, 4, 5, 6),
        "sep5 1, sep7 0, max3 1, sep7 0, avg3 1, sep5 0, skip 3, avg3 2, sep3 2, max3 1", (3, 4, 5, 6)),
    "AMOEBANET_A": _nasnet("Real et al. 2019, arXiv:1802.01548 (N=6, F=36)", 3.2, 36,
        "avg3 1, max3 1, sep3 0, skip 0, skip 1, avg3 0, sep3 1, sep5 2, avg3 5, sep3 1", (0, 3, 4, 6),
        "sep3 0, avg3 1, max3 1, sep7 2, max3 0, max3 1, sep3 4, 1x7 1, avg3 0, sep7 1", (2, 3, 4, 5, 6)),
}
# fmt: on
"""Name to published genotype."""
