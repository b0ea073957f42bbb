"""Attributes of modules that hold a width: `num_heads`, `embed_dim`, a number that the forward reshapes by."""

from __future__ import annotations

from torch import nn

from archwright.pretrained.tracing import Group

__all__ = ["counting"]


def counting(network: nn.Module, group: Group) -> tuple[tuple[str, str], ...]:
    """The attributes beside a group's layers that equal its number of channels, or of their indices in a layer.

    Of heads, what is named after a size does not count them. Layers of torch.nn are told apart by their class, see
    `shrunk`, and are left out.

    Returns:
        Pairs of a module's path and the attribute's name, in the order of the places.
    """
    found: dict[tuple[str, str], None] = {}
    for (name, _), channels in group.places.items():
        owner = name.rpartition(".")[0]
        for path in dict.fromkeys((owner, owner.rpartition(".")[0])):
            module = network.get_submodule(path)
            if type(module).__module__.startswith("torch.nn.modules"):
                continue
            for attribute, value in vars(module).items():
                if type(value) is not int:
                    continue
                is_size = any(word in attribute for word in ("dim", "size"))
                is_count = value == group.width and not (group.heads and is_size)
                if is_count or value == sum(map(len, channels)):
                    found[path, attribute] = None
    return tuple(found)
