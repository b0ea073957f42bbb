"""The blocks that a network consists of, each known by what it computes on inputs of which shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from torch import Size, Tensor, nn
from torch.utils._pytree import tree_map

from archwright.evaluating import evaluating
from archwright.spaces import Architecture, Space
from archwright.spaces.build import construct, dry_run, first_of
from archwright.spaces.calls import calls_in, resolve

__all__ = ["Block", "blocks_of", "heard", "key_of"]

_PLAIN = (bool, int, float, str, type(None), Enum)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A module and what it was called with.

    Args:
        key: Equal for two that do the same work, in any process: see `key_of`.
        name: For people.
        module: The module.
        args: What it was called with, on one example.
        kwargs: The arguments by keyword.
    """

    key: str
    name: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def blocks_of(space: Space, architecture: Architecture, example: Any) -> tuple[nn.Module, list[Block]]:
    """The network of an architecture, and the calls of its blocks in their order.

    A block is what a deferred call makes that has no other call in it. A module that is made of other calls' modules,
    the network itself and a sequence of larger modules are looked into; what stands in them besides blocks is a block
    if it has no parts.

    Args:
        space: The space.
        architecture: One of its architectures.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs); the first is run.
    """
    network, made = construct(resolve(space, architecture))
    dry_run(network, example, made)
    outer = {
        id(module)
        for call, module in made.items()
        if next(calls_in([call.args, call.kwargs]), None) is not None
    }

    def is_block(module: nn.Module) -> bool:
        parts = list(module.children())
        if not parts:
            return True
        is_sequence = isinstance(module, nn.Sequential) and (
            type(module) is nn.Sequential or any(next(part.children(), None) is not None for part in parts)
        )
        return module is not network and id(module) not in outer and not is_sequence

    found: list[Block] = []

    def keep(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if not is_block(module):
            return False
        shown = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, (args, kwargs))
        name = f"{type(module).__name__} on {_shapes((args, kwargs))}"
        found.append(Block(key_of(module, args, kwargs), name, module, *shown))
        return True

    args, kwargs = first_of(example)
    with evaluating(network), heard(network, keep):
        network(*args, **kwargs)
    return network, found


@contextmanager
def heard(
    network: nn.Module, take: Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], bool]
) -> Iterator[None]:
    """Hear the calls of a network's modules inside a block.

    Args:
        network: Whose modules are called.
        take: Told of a call before it, with its arguments; where it returns True, calls inside that call are not told.
    """
    inside: list[nn.Module] = []

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not inside and take(module, args, kwargs):
            inside.append(module)

    def after(module: nn.Module, *_: Any) -> None:
        if inside and inside[-1] is module:
            inside.pop()

    handles = []
    for module in network.modules():
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True, prepend=True))
        handles.append(module.register_forward_hook(after, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def key_of(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """A name for the work of a call, from its module's classes, plain attributes and shapes of weights, and its inputs.

    It is the same in every process, and does not change with the weights' values.
    """
    text = f"{_told(module)} <- {_shapes((args, dict(kwargs)))}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _told(module: nn.Module) -> str:
    kind = type(module)
    plain = [
        f"{name}={_value(value)}"
        for name, value in sorted(vars(module).items())
        if not name.startswith("_") and name != "training"
    ]
    tensors = [
        f"{name}:{tuple(tensor.shape)}:{tensor.dtype}"
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    ]
    parts = [f"{name}:{_told(part)}" for name, part in module.named_children()]
    return f"{kind.__module__}.{kind.__qualname__}({','.join(plain)};{','.join(tensors)};{','.join(parts)})"


def _value(value: Any) -> str:
    """A value without addresses of memory, which differ from process to process."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_value(k)}:{_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple | Size):
        return f"({','.join(map(_value, value))})"
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)}:{value.dtype}"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(_value, value)))}}}"
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def _shapes(value: Any) -> str:
    """Shapes of tensors, and other arguments as they are; the dimension of examples too."""
    args, kwargs = value

    def told(leaf: Any) -> str:
        if isinstance(leaf, Tensor):
            kind = "" if leaf.is_floating_point() else f" {str(leaf.dtype).removeprefix('torch.')}"
            return "x".join(map(str, leaf.shape)) + kind
        if isinstance(leaf, list | tuple):
            return f"[{', '.join(map(told, leaf))}]"
        return _value(leaf)

    return ", ".join([*map(told, args), *(f"{name} {told(leaf)}" for name, leaf in kwargs.items())])
