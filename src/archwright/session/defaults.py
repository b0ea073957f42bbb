"""From what a user gave to what a search needs: the space, objectives, folder, listener."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.errors import UsageError, did_you_mean
from archwright.experiments import Listener, resolve_space
from archwright.objectives import Objective, parse_limit, parse_objective
from archwright.references import absolute_reference
from archwright.spaces import Space
from archwright.supernets import METHODS
from archwright.tasks import Task

# fmt: off
__all__ = [
    "listener_for", "network_options_for", "objectives_for", "recorded_reference", "space_for",
    "shown_names", "table_options",
]
# fmt: on


def space_for(
    space: Space | str | None, task: Task, options: Mapping[str, Any] | None = None
) -> tuple[Space, str | None]:
    """The space, and its reference where it has one.

    Raises:
        UsageError: When the name is unknown, or the space takes no options.
        SpaceError: When a built-in space does not take an option.
    """
    if isinstance(space, Space):
        if options:
            raise UsageError(
                "options of a space go with one by name; set those of an object when you make it: "
                f"got {', '.join(options)}"
            )
        return space, None
    name: str
    if space is None:
        from archwright.spaces.zoo import default_space

        name = default_space(task.signature()[0], symbols=task.has_symbols)
    else:
        name = space
    return resolve_space(name, task, options=options), name


def network_options_for(
    space: object, network: object, given: Mapping[str, Any], strategy: object
) -> dict[str, Any] | None:
    """Options of `from_network`, or of `blockwise`, as they are recorded: files stand there by their full paths.

    Args:
        space: What was given as a space.
        network: What was given as a network.
        given: The options; those that are None or empty are left out.
        strategy: What was given as a strategy; `puzzle` is for blocks.

    Returns:
        None where no network was given.

    Raises:
        UsageError: When both a space and a network were given, options without a network, an unknown one, or a
            strategy that cannot search a network's own widths.
    """
    options = {name: value for name, value in given.items() if value is not None and value != []}
    if network is None:
        if options:
            raise UsageError(
                f"{', '.join(options)} without a network of your own: give one, as --network FILE.PY:OBJECT"
            )
        return None
    if space is not None:
        raise UsageError("a network of your own is the space; give either a network or a space, not both")
    _check_shared(strategy)
    if strategy == "puzzle":
        options.setdefault("blocks", [])
    known = (
        ("weights", "blocks", "only", "library", "bits")
        if "blocks" in options
        else ("weights", "only", "keep", "decide", "step", "seconds", "bits")
    )
    for name in options:
        if name not in known:
            raise UsageError(f"a network has no option {name!r}.{did_you_mean(name, known)}")
    for name in {"weights", "library"} & options.keys():
        options[name] = str(Path(options[name]).resolve())
    return options


def _check_shared(strategy: object) -> None:
    """Refuse what mixes all forms of a network at once, before that is traced."""
    known = METHODS.known(strategy) if isinstance(strategy, str) and strategy in METHODS else strategy
    if not getattr(known, "needs_mixture", False):
        return
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    paths = ", ".join(one for one, method in METHODS.items() if not method.needs_mixture)
    raise UsageError(
        f"the strategy {name!r} computes all options of a part at once, and of a network of your own each option is "
        f"the whole network in other widths; take one that trains one of them in a step ({paths}), leave --strategy "
        "out, or exchange blocks by --strategy puzzle"
    )


def table_options(given: Mapping[str, Any], objectives: Sequence[Objective | str]) -> dict[str, Any]:
    """Options of a task as they are recorded.

    A test file stands there by its full path. A table's classes count as often as they occur where something else than
    balanced accuracy is to be optimised.

    Args:
        given: The options.
        objectives: What the user wants to be optimised, or limited.
    """
    options = dict(given)
    if isinstance(file := options.get("test"), str):
        options["test"] = str(Path(file).resolve())
    names = [one.name if isinstance(one, Objective) else one for one in objectives if _optimizes(one)]
    if options.get("target") and names and not any("balanced_accuracy" in name for name in names):
        options.setdefault("balance", False)
    return options


def _optimizes(objective: Objective | str) -> bool:
    return objective.optimize if isinstance(objective, Objective) else not re.search("[<>]", objective)


def recorded_reference(reference: object, names: Container[str]) -> str | None:
    """A reference that means the same from another working folder; None of an object that has none.

    A built-in name stays one, though a folder be called so.
    """
    if not isinstance(reference, str):
        return None
    return reference if reference in names else absolute_reference(reference)


def objectives_for(given: Sequence[Objective | str], task: Task) -> tuple[Objective, ...]:
    """One objective a metric: what is optimised first, then what is only limited."""
    merged: dict[str, Objective] = {}
    for one in given:
        new = (
            one
            if isinstance(one, Objective)
            else parse_limit(one)
            if re.search("[<>]", one)
            else parse_objective(one)
        )
        old = merged.get(new.name)
        if old is not None:
            limit = new.limit if old.limit is None else old.limit
            if old.direction is not new.direction or (old.limit is not None and new.limit is not None):
                raise UsageError(f"{new.name!r} is given twice, as '{old}' and '{new}'; keep one")
            meter = new.meter if old.meter is None else old.meter
            new = replace(old, limit=limit, optimize=old.optimize or new.optimize, meter=meter)
        merged[new.name] = new
    chosen = [objective for objective in merged.values() if objective.optimize]
    if not chosen:
        limited = merged.pop(task.metric, None)
        chosen = [replace(limited, optimize=True) if limited else Objective(task.metric)]
    return (*chosen, *(objective for objective in merged.values() if not objective.optimize))


def listener_for(listener: Listener | None, progress: bool, objectives: Sequence[Objective] = ()) -> Listener:
    """The given listener, or a progress display that shows the objectives and the number of parameters.

    Args:
        listener: The given one.
        progress: Whether there is a display where none is given.
        objectives: Those; none where `Listener.objectives_known` will tell of them.
    """
    if listener is not None or not progress:
        return listener or Listener()
    from archwright.session.progress import Progress

    return Progress(shown_names(objectives) if objectives else ())


def shown_names(objectives: Sequence[Objective]) -> list[str]:
    """What a display shows of a trial: the objectives and the number of parameters."""
    return list(dict.fromkeys([*(objective.name for objective in objectives), "params"]))
