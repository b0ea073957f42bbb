"""What a user says of single decisions: values that they are held at, and architectures to begin with."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.errors import SpaceError, UsageError, did_you_mean
from archwright.spaces import Decision, Space
from archwright.spaces.rules import Rule, bind_rules, parse_rules
from archwright.tasks import Task

__all__ = ["held_values", "known_points", "ruled", "starting_points"]


def held_values(space: Space, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that decisions are held at, each as its decision takes it.

    Args:
        space: The space.
        given: Address to value; a text, such as "3" or "[0, 2]", may say a number or a subset.

    Raises:
        UsageError: When an address is unknown.
    """
    if unknown := [address for address in given if address not in space.decisions]:
        raise UsageError(
            f"no decision has the address {unknown[0]!r}, so it cannot be held."
            f"{did_you_mean(str(unknown[0]), space.decisions)}"
        )
    return {address: _meant(space.decisions[address], value) for address, value in given.items()}


def ruled(space: Space, given: Sequence[str] | str | Path) -> tuple[Space, tuple[str, ...]]:
    """A space with rules, and these, a line each, without comments.

    Args:
        space: The space.
        given: Lines, or a file of them.

    Raises:
        UsageError: When the file cannot be read.
        SpaceError: When a line is no rule or does not fit the space, or no architecture obeys all; names the file and
            the line.
    """
    file = Path(given) if isinstance(given, str | Path) else None
    lines = _lines_of(file) if file is not None else list(given)  # type: ignore[arg-type]
    rules: list[Rule] = []
    example = space.sample(0)
    for number, line in enumerate(lines, 1):
        try:
            one = parse_rules([line])
            for is_met in bind_rules(one, space.decisions).predicates.values():
                is_met(example)
        except SpaceError as error:
            raise error if file is None else SpaceError(f"{file}, line {number}: {error}") from None
        rules += one
    found = tuple(map(str, rules))
    try:
        return space.obey(found), found
    except SpaceError as error:
        raise error if file is None else SpaceError(f"{file}: {error}") from None


def _lines_of(file: Path) -> list[str]:
    cure = "give a text file with one rule in each line, such as 'forbid layers.*.width > 64'"
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"the file of rules {file} cannot be read: {error.strerror}; {cure}") from None
    except ValueError as error:
        raise UsageError(f"the file of rules {file} is no text in UTF-8: {error}; {cure}") from None


def _meant(decision: Decision, value: Any) -> Any:
    readings = [value, str(value)]
    with contextlib.suppress(ValueError):
        readings += [json.loads(value)] if isinstance(value, str) else []
    for reading in readings:
        with contextlib.suppress(ValueError):
            return decision.coerce(reading)
    return value


def starting_points(
    space: Space, given: Iterable[Mapping[str, Any] | str | Path]
) -> tuple[dict[str, Any], ...]:
    """The architectures that a search begins with, in JSON's own types.

    Args:
        space: The space, with decisions held.
        given: Architectures, or some of their values, beside which all others are the defaults; "default"; or a JSON
            file with one of these, a list of them, or the `architecture.json` of an export.

    Raises:
        UsageError: When a file cannot be read, or something else is given.
        SpaceError: When one is none of the space.
    """
    return tuple(
        (space.fix(held_values(space, point)).default if point else space.default).to_json()
        for one in given
        for point in _points(one)
    )


def known_points(name: str | None, space: Space, task: Task) -> tuple[dict[str, Any], ...]:
    """The architectures that are known to be good, with which a search begins that is told nothing, in JSON's types.

    Args:
        name: Of the space in the zoo, where it is one of these.
        space: The space, with decisions held.
        task: What is learned.
    """
    from archwright.spaces.zoo.known import known_architectures

    return tuple(made.to_json() for made in known_architectures(name, space, task.input_shape or ()))


def _points(given: Any) -> Sequence[Mapping[str, Any]]:
    if given == "default":
        return [{}]
    if isinstance(given, Mapping) and isinstance(members := given.get("members"), list):
        found = [member["architecture"] for member in members if member["architecture"]]
        if not found:
            raise SpaceError(
                "enqueue: an ensemble of networks without decisions holds no architecture to begin with"
            )
        return list({json.dumps(one, sort_keys=True): one for one in found}.values())
    if isinstance(given, Mapping):
        return [given["architecture"] if isinstance(given.get("architecture"), Mapping) else given]
    if not isinstance(given, str | Path):
        raise UsageError(f"enqueue: expected an architecture, 'default' or a file, got {given!r}")
    try:
        read = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"enqueue: expected 'default' or a JSON file with architectures, got {str(given)!r}: {error}"
        ) from error
    listed = read if isinstance(read, list) else [read]
    if not listed or not all(isinstance(one, Mapping) for one in listed):
        raise SpaceError(f"enqueue: expected {given} to hold architectures, dicts of address to value")
    return [point for one in listed for point in _points(one)]
