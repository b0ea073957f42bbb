"""Descriptions of decisions, sizes and hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from archwright.spaces.decision import Decision

__all__ = ["described_decisions", "printable_size", "short_hash", "shown_size"]

_PRINTABLE = 10**4_000
"""Python refuses to write larger numbers as text."""


def described_decisions(decisions: Mapping[str, Decision]) -> dict[str, Any]:
    """Address to what the decision there may be, as JSON's own types, in the order of the encoding."""
    return {address: decision.describe() for address, decision in decisions.items()}


def printable_size(size: float) -> int | None:
    """A number of architectures, or None where Python cannot write it: infinitely many, or too many digits."""
    return size if isinstance(size, int) and size < _PRINTABLE else None


def shown_size(size: float) -> str:
    """A number of architectures as text: `1,024`, `about 1e18`, `infinitely many`."""
    if size == math.inf:
        return "infinitely many"
    return f"{size:,}" if size < 1e15 else f"about 1e{math.floor(math.log10(size))}"


def short_hash(value: Any) -> str:
    """16 hexadecimal digits that differ for another value of JSON's own types."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
