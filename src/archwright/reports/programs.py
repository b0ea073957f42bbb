"""The program that a run delivers, before and after simplification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["program_texts"]

_TITLES = {"found": "As it was found", "simplified": "Simplified, as in `best/algorithm.py`"}


def program_texts(run: Run) -> list[tuple[str, str]]:
    """Title and text of each form of the delivered program; empty where the run delivers none."""
    try:
        told = json.loads((run.folder / "best" / "architecture.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [(title, told[name]) for name, title in _TITLES.items() if isinstance(told.get(name), str)]
