"""`archwright list`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from archwright.cli.options import AsJson

__all__ = ["list_known"]


class Kind(StrEnum):
    """What can be listed."""

    SPACES = "spaces"
    TASKS = "tasks"
    STRATEGIES = "strategies"
    ESTIMATORS = "estimators"
    OBJECTIVES = "objectives"
    TABLES = "tables"


def list_known(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)], as_json: AsJson = False
) -> None:
    """List what is built in, with a line on each."""
    from archwright.cli.output import print_table

    print_table(_known(kind), as_json)


def _known(kind: Kind) -> dict[str, str]:
    if kind is Kind.SPACES:
        from archwright.spaces.zoo import SPACES

        return {name: entry.description for name, entry in SPACES.items()}
    if kind is Kind.TASKS:
        from archwright.tasks import TASKS

        return {name: entry.description for name, entry in TASKS.items()}
    if kind is Kind.STRATEGIES:
        from archwright.strategies import STRATEGIES
        from archwright.supernets import METHODS

        summaries = {name: entry.summary for name, entry in STRATEGIES.items()}
        return summaries | {name: f"one-shot: {entry.summary}" for name, entry in METHODS.items()}
    if kind is Kind.ESTIMATORS:
        from archwright.estimators import ESTIMATORS

        return dict(ESTIMATORS)
    if kind is Kind.TABLES:
        from archwright.benchmarks import TABLES

        return dict(TABLES)
    from archwright.objectives import CHEAP, DIRECTIONS

    return {
        name: f"{direction}{', read off the network without training' if name in CHEAP else ''}"
        for name, direction in DIRECTIONS.items()
    }
