"""The searched functions in the best network of a run."""

from __future__ import annotations

from archwright.errors import ArchwrightError
from archwright.primitives import graph_formulas, untrained_functions_script
from archwright.spaces import Space
from archwright.trials import Trial

__all__ = ["function_texts"]


def function_texts(best: Trial | None, space: Space | None) -> list[tuple[str, str]]:
    """Title and text of the searched functions, before training; empty where there is none, or the space is another."""
    if best is None or space is None:
        return []
    try:
        graphs = graph_formulas(space, best.candidate.architecture)
        text = untrained_functions_script(space, best.candidate.architecture)
    except ArchwrightError:
        return []
    found = [("The searched function, as a module", text)] if text else []
    return [*found, *(("The searched layer, as a formula", formula) for formula in graphs)]
