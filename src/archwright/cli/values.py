"""Values as the command takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError

if TYPE_CHECKING:
    from archwright.trials import FidelityRange

__all__ = ["effort", "keyed"]


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


def effort(text: str | None, epochs: int | None, fraction: float | None) -> FidelityRange:
    """What `--fidelity` says, with the older options for the epochs and the share of the data.

    Raises:
        UsageError: When it has another form, or two options say the same.
    """
    from archwright.trials import FidelityRange

    words = [text] if text else []
    words += [f"epochs={epochs}"] if epochs is not None else []
    words += [f"data={fraction}"] if fraction is not None else []
    return FidelityRange.parse(",".join(words)) if words else FidelityRange()
