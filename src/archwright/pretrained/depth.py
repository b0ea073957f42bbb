"""The depth of residual stages: blocks in a row that may be left out, since with no weights they change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archwright.pretrained.blocks import Block, recorded
from archwright.pretrained.comparison import difference
from archwright.pretrained.examples import Inputs, sized

__all__ = ["Skip", "Stage", "residual_stages", "shortened"]


@dataclass(frozen=True)
class Stage:
    """Residual blocks that follow each other in an `nn.Sequential` or `nn.ModuleList`.

    Args:
        container: The name of that.
        blocks: The names of the blocks, in order; the last are left out first.
        fewest: How many must stay.
        plain: Whether the blocks are called with their input alone.
    """

    container: str
    blocks: tuple[str, ...]
    fewest: int
    plain: bool = True


class Skip(nn.Module):
    """Gives its first input, whatever else it is called with."""

    def forward(self, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        """Any shape to the same."""
        return x


def residual_stages(network: nn.Module, inputs: Inputs) -> tuple[Stage, ...]:
    """The stages of a network whose depth may change.

    A block is residual where with all its parameters at zero it gives its input. All that may be left out are left out
    at once: the network must run on two batch sizes, and give what it gives with their parameters at zero, to 1e-4 of
    the largest output. Where that fails, each stage is tried alone. Blocks with a norm behind the sum, as in the first
    transformers, are not residual in this sense.

    Args:
        network: The network, in evaluation mode. It does not change.
        inputs: What it is called with.
    """
    calls = recorded(network, sized(inputs, 2))
    found: list[Stage] = []
    containers = {
        name: one for name, one in network.named_modules() if isinstance(one, nn.Sequential | nn.ModuleList)
    }
    for name in sorted(containers, key=lambda name: -name.count(".")):  # of nested stages the innermost
        outer = {
            key: one
            for key, one in calls.items()
            if not any(s.container.startswith(f"{key}.") for s in found)
        }
        found += _runs(name, containers[name], outer)
    found.sort(key=lambda stage: list(containers).index(stage.container))
    if not found or _are_proven(network, inputs, found):
        return tuple(found)
    kept = [stage for stage in found if _are_proven(network, inputs, [stage])]
    return tuple(kept) if kept and _are_proven(network, inputs, kept) else ()


def shortened(network: nn.Module, depths: Iterable[tuple[Stage, int]]) -> nn.Module:
    """The network itself, with `nn.Identity` or `Skip` in the place of what its stages have beyond these depths."""
    for stage, depth in depths:
        for name in stage.blocks[depth:]:
            parent, _, key = name.rpartition(".")
            setattr(network.get_submodule(parent), key, nn.Identity() if stage.plain else Skip())
    return network


def _runs(name: str, container: nn.Module, calls: Mapping[str, Block]) -> list[Stage]:
    found: list[list[str]] = [[]]
    for key, child in container.named_children():
        path = f"{name}.{key}" if name else key
        is_list = isinstance(child, nn.Sequential | nn.ModuleList)  # whose own blocks are found in it
        if path in calls and not is_list and _is_residual(child, calls[path]):
            found[-1].append(path)
        elif found[-1]:
            found.append([])
    count = len(list(container.children()))
    return [
        Stage(name, tuple(run), int(len(run) == count), all(_is_plain(calls[one]) for one in run))
        for run in found
        if len(run) > (len(run) == count)
    ]


def _is_plain(block: Block) -> bool:
    return not block.args and not block.kwargs


def _is_residual(module: nn.Module, block: Block) -> bool:
    if (
        block.inputs.shape != block.outputs.shape
        or not list(module.parameters())
        or not list(module.children())
    ):
        return False
    args, kwargs = block.call
    with torch.no_grad():
        silent = _at_zero(deepcopy(module).eval(), "")
        try:
            given = silent(*args, **kwargs)
        except BaseException:  # whatever the user's forward raises without its weights
            return False
    return isinstance(given, Tensor) and torch.allclose(given, block.inputs)


def _at_zero(network: nn.Module, *names: str) -> nn.Module:
    """The network itself, with the parameters of these modules at zero."""
    with torch.no_grad():
        for name in names:
            for one in network.get_submodule(name).parameters():
                one.zero_()
    return network


def _are_proven(network: nn.Module, inputs: Inputs, stages: Sequence[Stage]) -> bool:
    dropped = [name for stage in stages for name in stage.blocks[stage.fewest :]]
    return (
        difference(
            lambda: _at_zero(deepcopy(network).eval(), *dropped),
            lambda: shortened(deepcopy(network).eval(), [(stage, stage.fewest) for stage in stages]),
            inputs,
            "without its blocks",
        )
        is None
    )
