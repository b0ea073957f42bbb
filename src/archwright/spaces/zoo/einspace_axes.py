"""einspace along all axes: how shapes flow through operations on an image's height and width, and on tokens.

See `archwright.spaces.zoo.einspace_shapes` for what a shape is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from archwright.spaces.grammars import Leaf
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.zoo.blocks.einspace import ConcatBranches, Group, Permute
from archwright.spaces.zoo.einspace_shapes import Branching, Shape

__all__ = ["AxisBranching", "axis_leaves"]

_ORDERS = {"213": (2, 1, 3), "231": (2, 3, 1), "312": (3, 1, 2), "321": (3, 2, 1)}
"""Name to the axes that become channels, height and width; 132 is the exchange of height and width."""

_AXES = {"height": ("image", 2), "width": ("image", 3), "tokens": ("tokens", 1)}


def axis_leaves(widths: Sequence[int], sizes: frozenset[int]) -> dict[str, dict[str, Leaf]]:
    """Symbol to name to operation, of those that act on other axes than channels and features.

    Args:
        widths: What linear layers give.
        sizes: The lengths that an axis may have.
    """
    leaves: dict[str, dict[str, Leaf]] = {
        "computation": {
            **{f"row_linear{width}": Leaf(RowLinear(width).make, RowLinear(width)) for width in widths},
            "row_softmax": Leaf(layer(nn.Softmax, dim=-1), row_softmax),
        }
    }
    permuted = {
        f"permute{name}": Leaf(layer(Permute, *order), ImagePermutation(order, sizes))
        for name, order in _ORDERS.items()
    }
    leaves["prerouting"] = leaves["postrouting"] = permuted
    for n in (2, 4, 8):
        split = {name: AxisGrouping(n, *axis) for name, axis in _AXES.items()}
        leaves[f"split{n}"] = {f"group{n}_{name}": Leaf(one.make, one) for name, one in split.items()}
        join = {name: AxisConcatenation(*axis, sizes) for name, axis in _AXES.items()}
        leaves[f"join{n}"] = {f"concat_{name}": Leaf(one.make, one) for name, one in join.items()}
    return leaves


class AxisBranching(Branching):
    """A branching module whose branches may be joined though they differ in any one axis."""

    def index(self, types: Sequence[Any]) -> Any:
        """The numbers of the types by what they have in common with those that can be joined to them."""
        groups: dict[Any, list[int]] = {}
        for number, shape in enumerate(types):
            for key in _keys(shape) if isinstance(shape[0], str) else ():
                groups.setdefault(key, []).append(number)
        return types, groups

    def fitting(self, state: Any, position: int, index: Any) -> Iterable[Any]:
        """For the second of two branches those with something in common with the first."""
        types, groups = index
        if state[0] != "second":
            every: Sequence[Any] = types
            return every
        first = state[2]
        keys = _keys(first) if first[0] != "image" else (*_keys(first)[:3], ("product", first[1], first[3]))
        return (types[i] for i in sorted({number for key in keys for number in groups.get(key, ())}))


def _keys(shape: Shape) -> tuple[Any, ...]:
    """What two shapes share that can be joined: two axes of images, or what a product needs of the second one."""
    mode, first, second, third = shape
    if mode == "image":
        along = [("channels, height", first, second), ("channels, width", first, third)]
        return (*along, ("sides", second, third), ("product", first, second))
    return ("grid", first, third), *([("features", second)] if mode == "tokens" else [])


@dataclass(frozen=True)
class ImagePermutation:
    """The axes of an image in another order.

    Args:
        order: Which axes of the input (1, 2, 3) become channels, height and width.
        sizes: The numbers of channels that there may be then.
    """

    order: tuple[int, int, int]
    sizes: frozenset[int]

    def __call__(self, shape: Shape) -> Shape | None:
        """The shape that it gives."""
        if shape[0] != "image":
            return None
        made = tuple(shape[axis] for axis in self.order)
        return ("image", *made) if made[0] in self.sizes else None


@dataclass(frozen=True)
class RowLinear:
    """A linear layer on an image's last axis.

    Args:
        width: What it gives.
    """

    width: int

    def __call__(self, shape: Shape) -> Shape | None:
        """The shape that it gives."""
        return (*shape[:3], self.width) if shape[0] == "image" else None

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        return layer(nn.Linear, shape[3], self.width)


def row_softmax(shape: Shape) -> Shape | None:
    """That of a softmax over an image's last axis."""
    return shape if shape[0] == "image" else None


@dataclass(frozen=True)
class AxisGrouping:
    """Height, width or tokens in parts.

    Args:
        branches: How many.
        mode: "image" or "tokens"; of other shapes it can take none.
        axis: 2 for an image's height, 3 for its width, 1 for tokens.
    """

    branches: int
    mode: str
    axis: int

    def __call__(self, shape: Shape) -> Shape | None:
        """The shape of a part; tokens then come from no image."""
        if shape[0] != self.mode or shape[self.axis] % self.branches:
            return None
        made = list(shape)
        made[self.axis] //= self.branches
        return (*made[:3], None) if self.mode == "tokens" else tuple(made)

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        return layer(Group, self.branches, self.axis)


@dataclass(frozen=True)
class AxisConcatenation:
    """Heights, widths or tokens behind each other.

    Args:
        mode: "image" or "tokens"; of other shapes it can take none.
        axis: 2 for an image's height, 3 for its width, 1 for tokens.
        sizes: The lengths of the axis that there may be then.
    """

    mode: str
    axis: int
    sizes: frozenset[int]

    def __call__(self, shapes: tuple[Shape, ...]) -> Shape | None:
        """The shape, where all else is the same; tokens then come from no image."""
        if any(one[0] != self.mode for one in shapes):
            return None
        axes = [axis for axis in range(1, 4 if self.mode == "image" else 3) if axis != self.axis]
        total = sum(one[self.axis] for one in shapes)
        if len({tuple(one[axis] for axis in axes) for one in shapes}) > 1 or total not in self.sizes:
            return None
        made = list(shapes[0])
        made[self.axis] = total
        return (*made[:3], None) if self.mode == "tokens" else tuple(made)

    def make(self, shapes: tuple[Shape, ...]) -> DeferredCall:
        """The layer."""
        return layer(ConcatBranches, self.axis)
