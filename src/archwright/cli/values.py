"""Values as the command takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError

if TYPE_CHECKING:
    from archwright.objectives import Objective
    from archwright.trials import FidelityRange

__all__ = ["effort", "indices", "keyed", "objectives_of"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_PYTHON = {"True": True, "False": False}


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
        found[name] = _read(text)
    return found


def _read(text: str) -> Any:
    """A value of JSON's, True or False as in Python, a number that is not quite JSON's such as .5, or the text."""
    if text in _PYTHON:
        return _PYTHON[text]
    try:
        return json.loads(text)
    except ValueError:
        return float(text) if _NUMBER.fullmatch(text) else text


def indices(text: str) -> int | list[int]:
    """What `--devices` says: a number of devices, or their indices.

    Raises:
        UsageError: When it has another form.
    """
    words = text.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise UsageError(
            f"--devices {text!r}: expected a number of devices, such as 2, or their indices, such as 0,2"
        )
    return int(text) if len(words) == 1 else [int(word) for word in words]


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


def objectives_of(
    objectives: Sequence[str] | None, limits: Sequence[str] | None, options: Sequence[str] | None
) -> list[Objective]:
    """What `--objective`, `--limit` and `--meter-option` say.

    Raises:
        UsageError: When one has another form, or does not fit the others.
    """
    from archwright.objectives import parse_limit, parse_objective, with_options

    asked = [*map(parse_objective, objectives or []), *map(parse_limit, limits or [])]
    return with_options(asked, keyed(options or [], "--meter-option", "latency_ms.batch=8"))
