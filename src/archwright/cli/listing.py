"""`archwright list`."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archwright.cli.options import AsJson
from archwright.cli.streams import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archwright.registry import Entry, Option, Registry

__all__ = ["REGISTRIES", "list_known", "registry_of"]

REGISTRIES = {
    "spaces": "archwright.spaces.zoo.registry:SPACES",
    "tasks": "archwright.tasks.registry:TASKS",
    "strategies": "archwright.strategies.registry:STRATEGIES",
    "methods": "archwright.supernets.methods.registry:METHODS",
    "estimators": "archwright.estimators.registry:ESTIMATORS",
    "executors": "archwright.experiments.executors.registry:EXECUTORS",
    "pruners": "archwright.strategies.pruners.registry:PRUNERS",
    "accelerators": "archwright.supernets.accelerators:ACCELERATORS",
    "surrogates": "archwright.surrogates.registry:SURROGATES",
    "curve_models": "archwright.surrogates.curves.registry:CURVE_MODELS",
    "meters": "archwright.objectives.meter:METERS",
    "objectives": "archwright.objectives.meter:METERS",
    "trackers": "archwright.trackers.registry:TRACKERS",
    "tables": "archwright.benchmarks.references:TABLES",
}
"""What can be listed, and where the registry of each is."""
_WIDEST = 60
"""Characters of the column of names; a longer one has no part in its width."""


def list_known(
    kind: Annotated[
        str, typer.Argument(help=f"What to list: {', '.join(sorted(REGISTRIES))}.", metavar="KIND")
    ],
    name: Annotated[
        str | None, typer.Argument(help="One of them, to list its options.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what is known by name, with a line on each; with a NAME, the options of that one.

    \b
    Examples:
      archwright list strategies
      archwright list strategies evolution
    """  # noqa: D301
    from archwright.errors import UsageError, did_you_mean

    if kind not in REGISTRIES:
        raise UsageError(f"there is no list of {kind!r}.{did_you_mean(kind, REGISTRIES)}")
    registry = registry_of(kind)
    others: dict[str, str] = {}  # what goes by such a name and is in another registry, or in none
    if kind == "objectives":
        from archwright.objectives import DIRECTIONS

        others = {name: str(way) for name, way in DIRECTIONS.items() if name not in registry}
    elif kind == "strategies":
        methods = registry_of("methods")
        others = {name: f"one-shot: {_summary(methods, name)}" for name in methods}
        registry = methods if name in others else registry
    elif kind == "tables":
        from archwright.benchmarks.references import COLUMNS, spelled

        others = COLUMNS
    if name is None:
        rows = {name: _summary(registry, name) for name in registry}
        if kind == "objectives":
            told = "read off the network without training"
            rows = others | {name: f"{_direction(name)}{told}: {text}" for name, text in rows.items()}
        elif kind == "tables":
            rows = {spelled(name): text for name, text in rows.items()}
        _print(rows | others, as_json)
        return
    name = name.partition(":")[0]
    if name in registry or name not in others:
        _print_options(name, registry.summary(name), registry.options(name), as_json)
    else:
        _print_options(name, others[name], {}, as_json)


def registry_of(kind: str) -> Registry[Any, Entry]:
    """The registry of a kind."""
    module, _, attribute = REGISTRIES[kind].partition(":")
    found: Registry[Any, Entry] = getattr(importlib.import_module(module), attribute)
    return found


def _summary(registry: Registry[Any, Entry], name: str) -> str:
    """What it is; of another package's that cannot be loaded, why not."""
    from archwright.errors import UsageError

    try:
        return registry.summary(name)
    except UsageError as error:
        return str(error)


def _direction(meter: str) -> str:
    """Which way a meter is better; nothing of one that cannot be loaded."""
    from archwright.errors import UsageError
    from archwright.objectives import direction_of

    try:
        return f"{direction_of(meter)}, "
    except UsageError:
        return ""


def _print(rows: dict[str, str], as_json: bool) -> None:
    """Name and description, a line each."""
    if as_json:
        import json

        emit(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # a line each, for grep
        width = max((len(name) for name in rows if len(name) <= _WIDEST), default=0)
        print("\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in rows.items()))
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(max_width=_WIDEST, overflow="fold")
    table.add_column()
    for name, text in rows.items():
        table.add_row(Text(name), Text(text))
    console.print(table)


def _print_options(name: str, summary: str, options: Mapping[str, Option], as_json: bool) -> None:
    rows: dict[str, dict[str, Any]] = {}
    for option, known in options.items():
        required = known.default is inspect.Parameter.empty
        kind = inspect.formatannotation(known.type).replace("collections.abc.", "")
        rows[option] = {"type": kind, "required": required, "summary": known.summary}
        if not required:
            rows[option]["default"] = known.default
    if as_json:
        import json

        emit(json.dumps(rows, indent=2, default=str))
        return
    print(f"{name}: {summary}")
    lines = {
        f"  {option}={row.get('default', '')} ({row['type']})": str(row["summary"])
        for option, row in rows.items()
    }
    _print(lines or {"  no options": ""}, as_json)
