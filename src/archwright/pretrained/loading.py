"""From what a user gives as a network, a module or what builds one, to the module with its weights."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from archwright.errors import SpaceError

__all__ = ["Buildable", "loaded_network"]

Buildable: TypeAlias = "nn.Module | Callable[[], nn.Module]"
"""A network, or a class or function that builds it without arguments."""

_LISTED = 3


def loaded_network(network: Buildable, weights: str | Path | None = None) -> nn.Module:
    """The module that is meant, with the weights of a file where one is given.

    Args:
        network: A module, which is left as it is where weights are given: a copy takes them; or what builds one. Random
            numbers in that are the same at each call.
        weights: A state dict that `torch.save` or safetensors wrote. It is read without running code that it holds, and
            must have the network's keys.

    Raises:
        SpaceError: When it is no module and builds none, or the file does not hold the network's weights.
    """
    made, given = network, cast(object, network)
    if not isinstance(network, nn.Module):
        if not callable(given):
            cure = (
                "weights alone build no network: give its class, and the file of the weights beside it, as --weights"
                if isinstance(given, Mapping)
                else "name the network, its class or a function that builds it"
            )
            raise SpaceError(
                f"network: expected a torch.nn.Module, or a class or function that builds one, got "
                f"{type(given).__name__}; {cure}"
            )
        name = getattr(network, "__name__", type(network).__name__)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                made = network()
            except (Exception, SystemExit) as error:
                cure = "give a class or function that needs no arguments"
                if not isinstance(error, TypeError):
                    cure = "it is called without arguments, and must give the network"
                raise SpaceError(
                    f"{name}() does not build a network: {type(error).__name__}: {error}; {cure}"
                ) from error
        if not isinstance(made, nn.Module):
            raise SpaceError(f"expected {name}() to build a torch.nn.Module, got {type(made).__name__}")
    assert isinstance(made, nn.Module)
    lazy = [name for name, one in made.named_modules() if any(map(is_lazy, one.parameters(recurse=False)))]
    if lazy:
        raise SpaceError(
            f"{type(made).__name__} has layers without a size ({', '.join(lazy[:_LISTED])}); give them their sizes, or "
            "give a function that builds the network and calls it once with an example before it returns it"
        )
    return made if weights is None else _with_weights(made, Path(weights), is_own=made is not network)


def _with_weights(network: nn.Module, path: Path, *, is_own: bool) -> nn.Module:
    from copy import deepcopy

    state = _state(path)
    known = network.state_dict()
    wrong = [f"{name} is missing" for name in known if name not in state]
    wrong += [f"{name} is not the network's" for name in state if name not in known]
    wrong += [
        f"{name} has the shape {list(state[name].shape)}, the network's {list(one.shape)}"
        for name, one in known.items()
        if isinstance(one, Tensor) and name in state and state[name].shape != one.shape
    ]
    if wrong:
        more = f" and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
        raise SpaceError(
            f"{path} does not hold the weights of {type(network).__name__}: {'; '.join(wrong[:_LISTED])}{more}. Save "
            "them from a network of the same class: torch.save(network.state_dict(), FILE)"
        )
    filled = network if is_own else deepcopy(network)
    filled.load_state_dict(state, strict=True)
    return filled


def _state(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise SpaceError(f"there is no file of weights {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, ValueError, EOFError, KeyError) as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        if isinstance(error, pickle.UnpicklingError):  # of which torch advises to run what the file holds
            told = ["it holds something else than tensors"]
        raise SpaceError(
            f"{path} cannot be read as weights: {told[0][:200]}; expected what "
            "torch.save(network.state_dict(), FILE) writes, or a safetensors file"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(one, Tensor) for one in state.values()):
        got = (
            f"the keys {', '.join(map(str, list(state)[:5]))}"
            if isinstance(state, Mapping)
            else type(state).__name__
        )
        raise SpaceError(
            f"{path} holds no state dict but {got}; save that alone: torch.save(network.state_dict(), FILE)"
        )
    return state
