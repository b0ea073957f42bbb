"""The concrete interpreter: an expression and an architecture become one plain network."""

from __future__ import annotations

import copy
import traceback
from typing import Any

from archwright.errors import BuildError
from archwright.evaluating import evaluating
from archwright.spaces.architecture import Architecture
from archwright.spaces.calls import Resolvable, ResolvedCall, resolve
from archwright.spaces.expression import rebuilt

__all__ = ["arguments_of", "build", "construct", "dry_run", "first_of", "own_memory", "shapes_of"]


def arguments_of(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """How a network is called on an example.

    Args:
        example: A pair (args, kwargs) of a tuple and a dict; anything else, such as a tensor, is the one argument.
    """
    if isinstance(example, tuple) and len(example) == 2:
        args, kwargs = example
        if isinstance(args, tuple) and isinstance(kwargs, dict):
            return args, kwargs
    return (example,), {}


def first_of(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments for the first of several examples; all of them where they are not tensors of one length."""
    args, kwargs = arguments_of(example)
    values = [*args, *kwargs.values()]
    if not all(getattr(value, "ndim", 0) for value in values) or len({len(value) for value in values}) != 1:
        return args, kwargs
    return tuple(value[:1] for value in args), {name: value[:1] for name, value in kwargs.items()}


def build(space: Resolvable, architecture: Architecture, example: Any = None) -> Any:
    """Build the network of an architecture: the user's and torch's own objects, nothing of Archwright.

    Args:
        space: The space.
        architecture: One of its architectures.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with, for
            one dry run that sizes lazy modules and finds mismatched shapes early; None skips it.

    Raises:
        BuildError: When a call fails. Names its place, its arguments and the decisions that led there.
    """
    network, made = construct(resolve(space, architecture))
    if example is not None:
        dry_run(network, example, made)
    own_memory(network)
    return network


def own_memory(network: Any) -> None:
    """Give state whose places share memory, as an expanded mask does, memory that a saved state can be read into."""
    import torch
    from torch import nn

    for tensor in (*network.parameters(), *network.buffers()) if isinstance(network, nn.Module) else ():
        sized = not isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer)
        if sized and not tensor.requires_grad and tensor.layout is torch.strided and 0 in tensor.stride():
            tensor.data = tensor.data.clone()


def construct(root: Any) -> tuple[Any, dict[ResolvedCall, Any]]:
    """Make all calls of a tree, inner ones first.

    Returns:
        What the root call returned, and what each call returned.

    Raises:
        BuildError: When a call fails.
    """
    made: dict[ResolvedCall, Any] = {}

    def make(value: Any) -> Any:
        if isinstance(value, ResolvedCall):
            if value not in made:
                args, kwargs = make(value.args), make(value.kwargs)
                try:
                    made[value] = value.fn(*args, **kwargs)
                except (Exception, SystemExit) as error:
                    raise BuildError(f"could not build {_told(value)}: {_reason(error)}") from error
            return made[value]
        if isinstance(value, dict):
            items = copy.copy(value)  # of its own type, such as an OrderedDict
            items.update({key: make(item) for key, item in value.items()})
            return items
        if isinstance(value, list | tuple):
            return rebuilt(value, [make(item) for item in value])
        return value

    return make(root), made


def dry_run(network: Any, example: Any, made: dict[ResolvedCall, Any]) -> None:
    """Run a network once on an example, in evaluation mode: lazy modules take their size from it.

    Args:
        network: A module; changed where it has lazy parts.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        made: What each call returned, to name the one that failed.

    Raises:
        BuildError: When the forward pass fails, or a lazy module was never reached.
    """
    from torch import nn

    if not isinstance(network, nn.Module):
        raise BuildError(f"expected the space to build a torch.nn.Module, got {type(network).__name__}")
    args, kwargs = arguments_of(example)
    try:
        with evaluating(network):
            network(*args, **kwargs)
    except (Exception, SystemExit) as error:
        told = _told(call) if (call := _culprit(error, made)) else type(network).__name__
        raise BuildError(
            f"the network does not run on {shapes_of(example)}: in {told}: {_reason(error)}"
        ) from error
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            raise BuildError(
                f"the lazy module {name.rpartition('.')[0]!r} was not reached by the forward pass, so it has "
                "no size; use its sized form"
            )


def shapes_of(example: Any) -> str:
    """The shapes of the arguments of an example, for a message."""
    args, kwargs = arguments_of(example)
    values = [("", value) for value in args] + [(f"{name} ", value) for name, value in kwargs.items()]
    told = [
        f"{name}of shape {tuple(value.shape)}" if hasattr(value, "shape") else f"{name}{type(value).__name__}"
        for name, value in values
    ]
    return f"an input {told[0]}" if len(told) == 1 and not kwargs else f"the inputs {', '.join(told)}"


def _culprit(error: BaseException, made: dict[ResolvedCall, Any]) -> ResolvedCall | None:
    """The call whose module was innermost when the error was raised."""
    by_module = {id(module): call for call, module in made.items()}
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        found = by_module.get(id(frame.f_locals.get("self")), found)
    return found


def _told(call: ResolvedCall) -> str:
    decided = ", ".join(f"{address}={value!r}" for address, value in call.decisions.items())
    return f"{call} at {call.place}{f' (decided: {decided})' if decided else ''}"


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"its code called sys.exit({'' if error.code is None else repr(error.code)})"
    return f"{type(error).__name__}: {error}".strip().rstrip(":")
