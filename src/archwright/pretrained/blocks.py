"""The blocks of a network: submodules from one tensor to one tensor, found by running it, its forward untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from archwright.errors import SpaceError, did_you_mean
from archwright.evaluating import evaluating
from archwright.objectives import measure_cheap
from archwright.pretrained.examples import Inputs, sized

__all__ = ["Block", "find_blocks", "passed_through", "recorded", "without_fast_path"]

_BATCHES = (3, 2)
_CONSTANT = (bool, int, float, str, type(None))
_SEQUENCE, _LARGEST = 3, 16
"""Layers with weights that a plain sequence, and any other block, may hold."""
_SHARE = 0.01
"""Of the network's parameters or operations, below which a single layer is no block."""


@dataclass(frozen=True)
class Block:
    """A submodule that may be exchanged.

    Args:
        name: Its name in the network.
        inputs: What it got for the example, shape (3, ...).
        outputs: What it gave, shape (3, ...).
        args: What it is called with after its input.
        kwargs: The same by keyword.
        batched: Places of those among them, in the order of their leaves, that are tensors with the batch first, such
            as a mask; all others are the same in every call.
    """

    name: str
    inputs: Tensor = field(repr=False)
    outputs: Tensor = field(repr=False)
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    batched: tuple[int, ...] = ()

    @property
    def call(self) -> Inputs:
        """How it was called on the example."""
        return (self.inputs, *self.args), dict(self.kwargs)

    @property
    def first_call(self) -> Inputs:
        """The same for the first example alone."""
        leaves, form = tree_flatten((self.args, self.kwargs))
        args, kwargs = tree_unflatten(
            [one[:1] if place in self.batched else one for place, one in enumerate(leaves)], form
        )
        return (self.inputs[:1], *args), kwargs


class _Left(BaseException):
    """A forward is left early; no error, so that no `except Exception` of the user's catches it."""


def find_blocks(network: nn.Module, example: Inputs, patterns: Sequence[str] = ()) -> tuple[Block, ...]:
    """The blocks of a network, in the order in which it registers them.

    A block is called once, with a tensor of real numbers whose first dimension is the batch, gives one such, and shares
    no weight with the rest. What else it is called with is the same in every call, or a tensor with the batch first.
    Among nested ones the outermost that is no mere container is taken: an entry of an `nn.Sequential` or
    `nn.ModuleList` (a residual block, an encoder layer), a short sequence of layers, a single layer.

    Args:
        network: Any module. Its mode and weights do not change.
        example: What it is called with; the first dimension of each tensor is the batch.
        patterns: Of names, such as `"layer1.*"`: the outermost modules that match are the blocks. Empty picks them.

    Raises:
        SpaceError: When there is none, or a pattern matches none.
    """
    first, second = (recorded(network, sized(example, batch)) for batch in _BATCHES)
    able = {
        name: joined
        for name, block in first.items()
        if name in second and (joined := _joined(block, second[name])) is not None
        if _has_weights(network.get_submodule(name)) and not _shares(network, name)
    }
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in able):
            raise SpaceError(
                f"blocks: the pattern {pattern!r} matches no module of {type(network).__name__} that maps one tensor "
                f"to one and is called once.{did_you_mean(pattern, able)}"
            )
    chosen = _matching(able, patterns) if patterns else _sizable(network, example, able)
    found = tuple(able[name] for name in chosen)
    if not found:
        raise SpaceError(
            f"blocks: {type(network).__name__} has no module with weights that maps one tensor to one tensor and is "
            "called once, so there is nothing to exchange"
        )
    return found


def passed_through(network: nn.Module, name: str, run: Callable[[nn.Module], Any]) -> Block:
    """What a block is called with and gives in one call of the network, which is left there.

    Args:
        network: The network.
        name: Of the block.
        run: Calls the network.
    """
    found: list[Block] = []
    kept: list[Tensor] = []

    def before(module: nn.Module, args: tuple[Any, ...]) -> None:
        kept.append(args[0].detach().clone())  # what follows may change it in place

    def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        found.append(Block(name, kept[0], out.detach().clone(), args[1:], kwargs))
        raise _Left

    module = network.get_submodule(name)
    handles = [
        module.register_forward_pre_hook(before),
        module.register_forward_hook(after, with_kwargs=True),
    ]
    try:
        with without_fast_path():
            run(network)
    except _Left:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return found[0]


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Keeps encoders of PyTorch from handing nested tensors to their layers."""
    before = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def recorded(network: nn.Module, inputs: Inputs) -> dict[str, Block]:
    """All modules that are called once, with one tensor, and give one."""
    found: dict[str, Block | None] = {}
    begun: dict[str, Tensor] = {}

    def before(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            if args and isinstance(args[0], Tensor):
                begun[name] = args[0].detach().clone()

        return hook

    def after(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
            if name in found or name not in begun or not isinstance(out, Tensor):
                found[name] = None
                return
            found[name] = Block(name, begun[name], out.detach().clone(), args[1:], dict(kwargs))

        return hook

    handles = []
    for name, module in network.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(before(name)))
            handles.append(module.register_forward_hook(after(name), with_kwargs=True))
    try:
        with evaluating(network), without_fast_path():
            network(*inputs[0], **inputs[1])
    finally:
        for handle in handles:
            handle.remove()
    return {name: block for name, block in found.items() if block is not None}


def _joined(first: Block, second: Block) -> Block | None:
    """The block of two calls with batches of their own; None where they do not fit together."""
    if not all(map(_is_batched, (first, second), _BATCHES)):
        return None
    leaves, form = tree_flatten((first.args, first.kwargs))
    others, other_form = tree_flatten((second.args, second.kwargs))
    if form != other_form:
        return None
    batched = []
    for place, (one, other) in enumerate(zip(leaves, others, strict=True)):
        if isinstance(one, Tensor) and isinstance(other, Tensor):
            if one.ndim and other.ndim and (len(one), len(other)) == _BATCHES:
                batched.append(place)
            elif one.shape != other.shape or not torch.equal(one, other):
                return None
        elif type(one) is not type(other) or not isinstance(one, _CONSTANT) or one != other:
            return None
    return replace(first, batched=tuple(batched))


def _is_batched(block: Block, batch: int) -> bool:
    tensors = (block.inputs, block.outputs)
    return all(one.is_floating_point() and one.ndim >= 2 and len(one) == batch for one in tensors)


def _has_weights(module: nn.Module) -> bool:
    return _weights(module) > 0


def _weights(module: nn.Module) -> int:
    return sum(one.ndim >= 2 for one in module.parameters())


def _shares(network: nn.Module, name: str) -> bool:
    """Whether a parameter of the block stands outside of it too."""
    inside = {id(one) for one in network.get_submodule(name).parameters()}
    everywhere = network.named_parameters(remove_duplicate=False)
    return any(id(one) in inside and not key.startswith(f"{name}.") for key, one in everywhere)


def _matching(able: Mapping[str, Block], patterns: Sequence[str]) -> list[str]:
    hits = [name for name in able if any(fnmatchcase(name, pattern) for pattern in patterns)]
    chosen = set(hits)
    return [name for name in hits if not any(_is_inside(name, other) for other in chosen)]


def _is_inside(name: str, other: str) -> bool:
    return name.startswith(f"{other}.")


def _sizable(network: nn.Module, example: Inputs, able: Mapping[str, Block]) -> list[str]:
    """The blocks that are picked, without single layers that cost next to nothing."""
    whole = measure_cheap(network, example)
    found = []
    for name in _picked(network, "", able):
        module, block = network.get_submodule(name), able[name]
        own = measure_cheap(module, block.call)
        if dict(module.named_children()) or any(own[one] >= _SHARE * whole[one] for one in own):
            found.append(name)
    return found


def _picked(module: nn.Module, prefix: str, able: Mapping[str, Block]) -> Iterator[str]:
    for key, child in module.named_children():
        name = f"{prefix}{key}"
        if name in able and _is_whole(child, name, able, isinstance(module, nn.Sequential | nn.ModuleList)):
            yield name
        else:
            yield from _picked(child, f"{name}.", able)


def _is_whole(module: nn.Module, name: str, able: Mapping[str, Block], listed: bool) -> bool:
    """Whether a module is a block rather than a container of blocks."""
    children = dict(module.named_children())
    if not children:
        return True
    if isinstance(module, nn.Sequential):
        composite = [key for key, one in children.items() if _has_weights(one) and dict(one.named_children())]
        return not composite and _weights(module) <= _SEQUENCE
    if _weights(module) > _LARGEST:
        return False
    return listed or not any(
        _lists_blocks(one, f"{name}.{key}", able) for key, one in module.named_modules() if key
    )


def _lists_blocks(module: nn.Module, name: str, able: Mapping[str, Block]) -> bool:
    if not isinstance(module, nn.Sequential | nn.ModuleList):
        return False
    blocks = [
        key for key, one in module.named_children() if dict(one.named_children()) and f"{name}.{key}" in able
    ]
    return len(blocks) > 1
