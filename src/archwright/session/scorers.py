"""Which cheap scores are judged: estimators, shorter and smaller training, surrogates."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archwright.errors import ArchwrightError, SpaceError, UsageError, did_you_mean
from archwright.estimators import ESTIMATORS
from archwright.experiments import NamedConfig, ScorerConfig
from archwright.session.fidelities import check_fidelity
from archwright.spaces import Space
from archwright.surrogates import SURROGATES
from archwright.tasks import Task
from archwright.trials import Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.learning import Recipe

__all__ = ["scorers_for"]

_SURROGATE = "surrogate:"
_SHARED = "weight_sharing"
_REDUCED = ("short", "subset", "small")
# fmt: off
_PROXIES = (
    "params", "flops", "synflow", "snip", "grasp", "fisher", "grad_norm", "plain", "jacob_cov", "naswot", "zen", "zico",
    "te_nas", "swap", "az_nas", "vkdnw",
)
# fmt: on
_BY_DEFAULT = (*_PROXIES, *_REDUCED, _SHARED, "surrogate:gp", "surrogate:forest")
_SIZES = ("channels", "hidden", "width", "cells")
_SHARE = 4
"""One of so many epochs and examples; a supernet is trained for as many epochs as so many networks."""


def scorers_for(
    names: Sequence[str],
    options: Mapping[str, Any],
    space: Space,
    task: Task,
    recipe: Recipe,
    fidelity: Fidelity,
) -> tuple[tuple[ScorerConfig, ...], list[str]]:
    """What is judged, and notes on what is left out.

    Args:
        names: What is asked for; empty takes all that can be made.
        options: Options of estimators and surrogates, by "NAME.OPTION".
        space: The space.
        task: The task.
        recipe: Of full training.
        fidelity: Of full training.

    Raises:
        UsageError: When a name or an option is unknown, or what is asked for by name cannot be made.
    """
    epochs = fidelity.epochs or recipe.epochs
    own: dict[str, dict[str, Any]] = {}
    for key, value in options.items():
        name, dot, option = key.partition(".")
        if not dot:
            raise UsageError(f"the option {key!r}: expected NAME.OPTION, such as synflow.batch_size=32")
        own.setdefault(name, {})[option] = value
    wanted = list(dict.fromkeys(names)) or [
        name for name in _BY_DEFAULT if name in ESTIMATORS or name in _REDUCED or name.startswith(_SURROGATE)
    ]
    if unknown := own.keys() - set(wanted):
        raise UsageError(
            f"the option of {min(unknown)!r}: it is not judged.{did_you_mean(min(unknown), wanted)}"
        )
    found, notes = [], []
    for name in wanted:
        try:
            scorer = _scorer(name, own.get(name, {}), space, epochs, fidelity)
            if name == _SHARED:
                _check_shared(space, task, scorer)
            if name in _REDUCED:
                check_fidelity(FidelityRange.of(scorer.fidelity), space, task)
        except ArchwrightError as error:
            if names:
                raise
            notes.append(f"{name} is left out: {error}")
        else:
            found.append(scorer)
    return tuple(found), notes


def _scorer(
    name: str, options: dict[str, Any], space: Space, epochs: int, fidelity: Fidelity
) -> ScorerConfig:
    # Another seed than that of full training: what both share by luck is no sign of a good estimate.
    # Where there are folds, the next seed has the same one. A cheap score is one look, not the mean of several.
    folds = fidelity.folds or 1
    beyond = -(-fidelity.replicates // folds) * folds
    other = replace(fidelity, replicate=fidelity.replicate + beyond, replicates=1)
    if name == "short":
        if epochs < 2:
            raise UsageError(
                "full training has 1 epoch, so none is shorter; train for more (--search-epochs)"
            )
        effort = replace(other, epochs=max(1, epochs // _SHARE))
        return ScorerConfig(
            name=name, estimator=NamedConfig(name="training", options=options), fidelity=effort
        )
    if name == "subset":
        effort = replace(other, data_fraction=other.data_fraction / _SHARE)
        return ScorerConfig(
            name=name, estimator=NamedConfig(name="training", options=options), fidelity=effort
        )
    if name == "small":
        effort = replace(other, scale={**other.scaled, **_halved(space, other.scaled)})
        return ScorerConfig(
            name=name, estimator=NamedConfig(name="training", options=options), fidelity=effort
        )
    if name.startswith(_SURROGATE):
        surrogate = name.removeprefix(_SURROGATE)
        SURROGATES.check(surrogate, options)
        return ScorerConfig(name=name, surrogate=NamedConfig(name=surrogate, options=options))
    if name not in ESTIMATORS:
        known = [*ESTIMATORS, *_REDUCED, *(_SURROGATE + one for one in SURROGATES)]
        raise UsageError(f"unknown estimator {name!r}.{did_you_mean(name, known)}")
    if name == _SHARED:
        options = {"epochs": _SHARE * epochs, **options}
    return ScorerConfig(name=name, estimator=NamedConfig(name=name, options=options), fidelity=other)


def _halved(space: Space, scaled: Mapping[str, float]) -> dict[str, float]:
    """Half the width, and half the cells where that changes no decision.

    Args:
        space: The space.
        scaled: What full training scales by, of which it is the half.

    Raises:
        UsageError: When the space has no such scale.
    """
    known = inspect.signature(space.scaled).parameters if space.scaled else {}
    sizes = {name: scaled.get(name, known[name].default) for name in _SIZES if name in known}
    halves = {
        name: max(1, size // 2) if isinstance(size, int) else size / 2
        for name, size in sizes.items()
        if isinstance(size, int | float) and not isinstance(size, bool) and size > 1 - isinstance(size, float)
    }
    widths = {name: half for name, half in halves.items() if name != "cells"}
    for scale in (halves, widths):
        with contextlib.suppress(SpaceError):
            if scale and space.scale(**{**scaled, **scale}) is not None:
                return scale
    raise UsageError(
        f"the space {space.name!r} has no smaller scale: none of {', '.join(_SIZES)} can be halved"
    )


def _check_shared(space: Space, task: Task, scorer: ScorerConfig) -> None:
    """Raises `UsageError` where weights cannot be shared over all decisions."""
    from archwright.supernets import check, make_method

    assert scorer.estimator is not None
    method = make_method("spos", **scorer.estimator.options)
    if problems := check(space, method, task.example_arguments()):
        raise UsageError(f"weights cannot be shared: {problems[0]}")
