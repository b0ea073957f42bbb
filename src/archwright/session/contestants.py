"""The networks beside which those of a search are put: a hand-made one, and the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from archwright.errors import RunError, SpaceError, UsageError
from archwright.experiments import Run, Stage
from archwright.experiments.choice import Choice
from archwright.experiments.ensembles import Ensemble, Member
from archwright.experiments.finalists import HAND_MADE, ORIGINAL, REPEAT
from archwright.experiments.references import resolve_space
from archwright.pretrained import original_network
from archwright.references import absolute_reference, is_object_reference, load_object
from archwright.spaces import Expression, Space, layer
from archwright.spaces.concrete import concrete_expression
from archwright.tasks import Task

__all__ = [
    "Contestants",
    "contestant_spaces",
    "ensemble_space",
    "finalist_space",
    "named_spaces",
    "network_space",
    "original_space",
    "winner_space",
    "with_original",
]

Contestants = Mapping[int, tuple[str, Space]]
"""The networks to compare with, by their places: what each is called, and a space that holds it alone."""


def contestant_spaces(
    task: Task,
    names: Iterable[str],
    given: Mapping[str, Space],
    hand_made: bool = True,
    *,
    space: Space | None = None,
) -> tuple[dict[int, tuple[str, Space]], list[str]]:
    """The networks to compare with, each as a space that holds it alone, by their places.

    Args:
        task: What is learned.
        names: Of the user's own, as the run's record has them: references, or names of what Python gave.
        given: Those that are at hand, by name.
        hand_made: Whether there is a hand-made one.
        space: The run's space, from which the network is taken that was given as `ORIGINAL`.

    Returns:
        Place (0 for the hand-made one) to name and space; and why one is missing, a sentence each.

    Raises:
        UsageError: When a reference means no network.
        SpaceError: When one holds decisions.
    """
    found: dict[int, tuple[str, Space]] = {}
    missing: list[str] = []
    if hand_made:
        from archwright.spaces.zoo import baseline

        try:
            task.signature()
            found[0] = HAND_MADE, baseline(task)  # type: ignore[arg-type]  # it has a signature
        except SpaceError as error:
            missing.append(f"no hand-made network is compared with: {error}")
    for place, name in enumerate(names, 1):
        if name == ORIGINAL and space is not None:
            found[place] = name, original_space(space)
        elif name in given:
            found[place] = name, given[name]
        elif is_object_reference(name):
            found[place] = name, network_space(name, task)[1]
        else:
            missing.append(f"{name} is not compared with: it was given from Python, and is not here any more")
    return found, missing


def with_original(names: Iterable[str], space: Space, wanted: bool) -> tuple[str, ...]:
    """The names of networks to compare with, and that of the trained network from which a space was made.

    Args:
        names: The user's own.
        space: The run's space.
        wanted: Whether there are baselines.
    """
    own = (ORIGINAL,) if wanted and original_network(space) is not None else ()
    return (*names, *own)


def original_space(space: Space) -> Space:
    """The trained network from which a space was made, its default, as a space that holds it alone."""
    return Space(concrete_expression(space, space.default), name=ORIGINAL)


def winner_space(run: Run, space: Space, contestants: Contestants) -> Space:
    """The space of a run's winner: its own, that of the contestant that won, or that of an ensemble.

    Args:
        run: A run with a winner.
        space: The run's space.
        contestants: The networks that it was compared with.

    Raises:
        RunError: When the contestant that won is not here any more.
    """
    if run.winner is None or run.choice is None:
        return space
    if run.ensemble_won:
        assert run.ensemble is not None
        return ensemble_space(run, run.ensemble, space, contestants)
    return finalist_space(space, contestants, run.choice)


def finalist_space(space: Space, contestants: Contestants, choice: Choice | Member) -> Space:
    """The space of the finalist that was chosen, or is a member of an ensemble.

    Args:
        space: The run's space.
        contestants: The networks that it was compared with.
        choice: Which.

    Raises:
        RunError: When a contestant was chosen that is not here any more.
    """
    if choice.stage == Stage.RETRAIN:
        return space
    place = choice.number % REPEAT
    if place not in contestants:
        raise RunError(f"{choice.name} won, which was given from Python: give it again, as compare=[...]")
    return contestants[place][1]


def ensemble_space(run: Run, ensemble: Ensemble, space: Space, contestants: Contestants) -> Space:
    """The space that holds an ensemble alone.

    Args:
        run: Its run.
        ensemble: Its members.
        space: The run's space.
        contestants: The networks that it was compared with.

    Raises:
        RunError: When a member was given from Python and is not here any more.
    """
    from archwright.spaces.zoo.blocks.ensembles import AVERAGING

    members = [
        concrete_expression(finalist_space(space, contestants, member), run.training(member).architecture)
        for member in ensemble.members
    ]
    return Space(layer(AVERAGING[ensemble.averaging], *members), name="ensemble")


def named_spaces(networks: Iterable[Any], task: Task) -> dict[str, Space]:
    """Networks to compare with, each as a space that holds it alone, by what they are called in the run's record.

    Args:
        networks: As `network_space` takes them; of those with one name the later ones are numbered.
        task: What is learned.
    """
    found: dict[str, Space] = {}
    for network in networks:
        name, space = network_space(network, task)
        stem = absolute_reference(name) if is_object_reference(name) else name
        number = 1
        while (name := stem if number == 1 else f"{stem} {number}") in found:
            number += 1
        found[name] = space
    return found


def network_space(network: Any, task: Task) -> tuple[str, Space]:
    """A network to compare with, as a space that holds it alone, and what it is called.

    Args:
        network: A class of modules, or a function that returns a module, of nothing, of the number of outputs, or of an
            input's shape and the number of outputs; a space or an expression without decisions; or a reference to one
            of these. It is trained from scratch, as all others are.
        task: Gives the input's shape and the number of outputs.

    Raises:
        UsageError: When it is none of these.
        SpaceError: When it holds decisions.
    """
    name = network if isinstance(network, str) else getattr(network, "name", None)
    name = name or getattr(network, "__name__", None) or type(network).__name__
    found = load_object(network) if isinstance(network, str) and is_object_reference(network) else network
    if isinstance(found, str):
        raise UsageError(
            f"compare: expected file.py:object with a network, or a class or function that makes one, got {found!r}"
        )
    if isinstance(found, Expression):
        space = Space(found, name=name)
    elif isinstance(found, Space):
        space = found
    elif isinstance(network, str) and _returns_space(found):
        space = resolve_space(network, task)
    else:
        space = Space(_called(found, name, task), name=name)
    if space.decisions:
        raise SpaceError(
            f"compare: {name} holds {len(space.decisions)} decisions, and a network to compare with holds none; fix "
            "them: space.fix({...})"
        )
    return name, space


def _returns_space(found: Any) -> bool:
    told = inspect.signature(found).return_annotation if inspect.isfunction(found) else None
    return str(getattr(told, "__name__", told)).rpartition(".")[2] in ("Space", "Expression")


def _called(found: Any, name: str, task: Task) -> Expression:
    """The call that makes a network."""
    if not callable(found) or (hasattr(found, "state_dict") and not inspect.isclass(found)):
        raise UsageError(
            f"compare: expected a class or a function that makes the network {name}, got {type(found).__name__}, since "
            "each training begins with fresh weights; give the class, or a function that builds it"
        )
    parameters = inspect.signature(found).parameters.values()
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 2:
        raise UsageError(
            f"compare: {name} needs {', '.join(needed)}; expected a network of nothing, of the number of outputs, or "
            "of an input's shape and the number of outputs; write a function that fills in the rest"
        )
    if not needed:
        return layer(found)
    shape, outputs = task.signature()
    return layer(found, outputs) if len(needed) == 1 else layer(found, tuple(shape), outputs)
