"""Values as the command takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from archwright.errors import UsageError

__all__ = ["keyed"]


def keyed(
    words: Sequence[str], option: str = "--option", example: str = "population_size=20"
) -> dict[str, Any]:
    """From `["population_size=20", "crossover=0.5"]` to a dict; numbers, true and false are read as such.

    Raises:
        UsageError: When a word has no `=`.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{option} {word!r}: expected NAME=VALUE, such as {example}")
        try:
            found[name.strip()] = json.loads(text)
        except ValueError:
            found[name.strip()] = text
    return found
