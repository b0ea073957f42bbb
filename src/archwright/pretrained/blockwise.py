"""A user's network as a space of its blocks: each stays, or is exchanged for an alternative."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from archwright.atomic_writing import load_state, save_state
from archwright.errors import SpaceError
from archwright.pretrained.alternatives import OWN, alternatives
from archwright.pretrained.blocks import Block, find_blocks
from archwright.pretrained.examples import Inputs, check_runs, inputs_of
from archwright.pretrained.loading import Buildable, loaded_network
from archwright.spaces import Space, categorical, layer

__all__ = ["Combinations", "blockwise", "combinations_of"]


class Combinations:
    """Makes the networks of `blockwise`: called with an alternative for each block.

    Args:
        network: The user's network; a copy of it is kept, in evaluation mode.
        blocks: Name of the decision to block.
        made: Name of the decision to name of the alternative to its module, with its first weights.
        origin: What the user gave: the network itself, or the class or function that builds it.
        library: The folder of the alternatives' trained weights; None where none are kept yet.

    Attributes:
        network: The user's, from which the others are distilled.
    """

    def __init__(
        self,
        network: nn.Module,
        blocks: Mapping[str, Block],
        made: Mapping[str, Mapping[str, nn.Module]],
        origin: Buildable,
        library: Path | None = None,
    ) -> None:
        self.network = deepcopy(network).eval()
        self.blocks, self.made, self.origin, self.library = dict(blocks), made, origin, library
        self._digest = _digest(network)

    def __call__(self, **choices: str) -> nn.Module:
        """A copy of the user's network with these blocks exchanged, each with its weights in the library if there."""
        copy = deepcopy(self.network)
        for name, choice in choices.items():
            if choice != OWN:
                copy.set_submodule(self.blocks[name].name, self.alternative(name, choice))
        return copy

    def alternative(self, name: str, choice: str) -> nn.Module:
        """An alternative for a block, with its trained weights where the library has them."""
        module = deepcopy(self.made[name][choice])
        if (known := self.kept(name, choice)) is not None:
            module.load_state_dict(known["weights"])
        return module

    def kept(self, name: str, choice: str) -> dict[str, Any] | None:
        """What the library has of an alternative: "weights", "metrics" of the network with it, how it was "made"."""
        path = self._path(name, choice)
        if path is None or not path.exists():
            return None
        return load_state(path, "alternative of a block", "; delete it, and it is trained again")

    def keep(self, name: str, choice: str, module: nn.Module, **more: Any) -> None:
        """Write a trained alternative into the library, all at once."""
        if (path := self._path(name, choice)) is not None:
            weights = {key: one.detach().cpu() for key, one in module.state_dict().items()}
            save_state({"weights": weights, **more}, path)

    def _path(self, name: str, choice: str) -> Path | None:
        return None if self.library is None else self.library / f"{self._digest}-{name}-{choice}.pt"

    def __repr__(self) -> str:
        told = ", ".join(f"{name}: {len(one)}" for name, one in self.made.items())
        return f"combinations of {type(self.network).__name__} {self._digest} ({told})"


def combinations_of(space: Any) -> Combinations | None:
    """What makes the networks of a space of `blockwise`; None of another space."""
    found = getattr(getattr(space, "network", None), "fn", None)
    return found if isinstance(found, Combinations) else None


def blockwise(
    network: Buildable,
    example: Any,
    *,
    weights: str | Path | None = None,
    blocks: Sequence[str] = (),
    only: Sequence[str] = (),
    library: str | Path | None = None,
) -> Space:
    """The space of a trained network's blocks: each stays or is exchanged; the network itself is the default.

    The strategy `puzzle` trains each alternative against its block and finds the combinations that keep given limits;
    any other strategy can search the space, too.

    Args:
        network: Any module, which is not changed, or a class or function that builds one.
        example: Its input, a tuple of its inputs, or a pair (args, kwargs) of these; the first dimension of each tensor
            is the batch.
        weights: A file with the network's state dict, of `torch.save` or safetensors; None keeps those it has.
        blocks: Patterns of module names that are the blocks, such as `"layer1.*"`; empty finds them.
        only: Patterns of the alternatives' names, such as `"width_*"`; empty takes all. See
            `archwright.pretrained.alternatives`.
        library: Folder for the trained weights of the alternatives, for several searches; None keeps them in the folder
            of the run.

    Raises:
        SpaceError: When it is no network, does not take the example or the weights, nothing may be exchanged, or a
            pattern matches nothing.

    Example:
        >>> import archwright as aw, torch
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
        >>> space = aw.blockwise(network, torch.randn(2, 8), blocks=["2"])
        >>> space.decisions["2"].labels
        ('own', 'rank_quarter', 'rank_eighth')
    """
    inputs = inputs_of(example)
    found: dict[str, Block] = {}
    made: dict[str, dict[str, nn.Module]] = {}
    whole = deepcopy(loaded_network(network, weights)).eval()
    check_runs(whole, inputs)
    for block in find_blocks(whole, inputs, blocks):
        fitting = _fitting(whole, inputs, block, only)
        if fitting:
            name = _named(block.name, made)
            found[name], made[name] = block, fitting
    if not made:
        raise SpaceError(f"blockwise: no alternative fits a block of {type(whole).__name__} and costs less")
    members = Combinations(whole, found, made, network, None if library is None else Path(library).absolute())
    choices: dict[str, Any] = {
        name: categorical([OWN, *one], name=name, default=OWN) for name, one in made.items()
    }
    return Space(layer(members, **choices), name=type(whole).__name__)


def _fitting(network: nn.Module, inputs: Inputs, block: Block, only: Sequence[str]) -> dict[str, nn.Module]:
    """The alternatives with which the whole network runs, and still tells its examples apart."""
    own = network.get_submodule(block.name)
    found = {}
    with torch.no_grad():
        tells_apart = _varies(network(*inputs[0], **inputs[1]))
    for name, one in alternatives(block, own).items():
        if only and not any(fnmatchcase(name, pattern) for pattern in only):
            continue
        network.set_submodule(block.name, one)
        try:
            with torch.no_grad():
                varies = _varies(network(*inputs[0], **inputs[1]))
        except Exception:  # a forward that reads the block's attributes
            continue
        finally:
            network.set_submodule(block.name, own)
        if varies or not tells_apart:
            found[name] = one
    return found


def _varies(outputs: Any) -> bool:
    """Whether outputs differ between examples: not where a constant stands in their only way."""
    tensors = [one for one in tree_leaves(outputs) if isinstance(one, Tensor) and one.ndim and len(one) > 1]
    return any(not torch.equal(one, one[:1].expand_as(one)) for one in tensors)


def _named(module: str, taken: Mapping[str, Any]) -> str:
    base = re.sub(r"\W", "_", module)
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name


def _digest(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, one in network.state_dict().items():
        digest.update(f"{name} {tuple(one.shape)} {one.dtype}".encode())
        digest.update(one.detach().cpu().contiguous().view(-1).double().numpy().tobytes())
    return digest.hexdigest()[:12]
