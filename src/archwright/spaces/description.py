"""A space told in numbers and words."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.spaces.space import Space

__all__ = ["described", "described_decisions", "short_hash", "shown_size"]

_PRINTABLE = 10**4_000
"""Python refuses to write larger numbers as text."""


def described(space: Space) -> dict[str, Any]:
    """Name, size and decisions of a space as a dict of JSON's own types; a size too long to print is None."""
    bound = space.size_bound
    printable = isinstance(bound, int) and bound < _PRINTABLE
    return {
        "name": space.name,
        "size_bound": bound if printable else None,
        "decisions": described_decisions(space),
    }


def described_decisions(space: Space) -> dict[str, Any]:
    """Address to what the decision there may be, as JSON's own types, in the order of the encoding."""
    return {address: decision.describe() for address, decision in space.decisions.items()}


def shown_size(size: float) -> str:
    """A number of architectures as text: `1,024`, `about 1e18`, `infinitely many`."""
    if size == math.inf:
        return "infinitely many"
    return f"{size:,}" if size < 1e15 else f"about 1e{math.floor(math.log10(size))}"


def short_hash(told: Any) -> str:
    """16 hexadecimal digits that differ for another value of JSON's own types."""
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
