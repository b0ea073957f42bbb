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
        UsageError: When a word has no `=`, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        name = name.strip()
        if not sign or not name:
            raise UsageError(f"{option} {word!r}: expected NAME=VALUE, such as {example}")
        if name in found:
            raise UsageError(f"{option} {word!r}: {name} is given twice; give it once")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
