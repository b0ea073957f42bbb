"""The state of a method: that of each of its parts, under the part's name."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Stateful", "restore", "saved"]


class Stateful(Protocol):
    """What has a state: a module, an optimiser, a stream of batches, a policy."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Continue from a state."""


def saved(parts: Mapping[str, Stateful]) -> dict[str, Any]:
    """A picture of the parts' states, which stays as it is when they go on.

    Args:
        parts: Name to part.
    """
    return {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}


def restore(parts: Mapping[str, Stateful], state: Mapping[str, Any]) -> None:
    """Let each part continue from its state; the picture stays as it is.

    Args:
        parts: Name to part.
        state: Name to state, for at least these parts.
    """
    for name, part in parts.items():
        part.load_state_dict(copy.deepcopy(state[name]))
