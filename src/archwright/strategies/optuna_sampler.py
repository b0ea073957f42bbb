"""Any sampler of Optuna as a strategy."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Hashable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from archwright.errors import MissingExtraError, SpaceError, UsageError, did_you_mean
from archwright.objectives import Objective, objective_values, optimized
from archwright.spaces import Architecture, Decision, Space
from archwright.spaces.decisions import Integer, Real
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import score
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["OptunaSampler"]

_TRIES = 5
_VIOLATION = "archwright:violation"


class OptunaSampler(SeededStrategy):
    """A sampler of Optuna (Akiba et al. 2019, arXiv:1907.10902) chooses the decisions, as they are reached.

    By default the tree-structured Parzen estimator (Bergstra et al. 2011). Decisions are parameters by their addresses,
    conditional ones are asked for only where they are active, and a subset is one yes or no an item. A proposal that is
    known is told to the sampler with its result, and another is asked for; after five, a random new architecture is
    taken. Limits are the sampler's constraints where it takes some, else trials over one have failed.

    The sampler is made anew for each ask, with a seed of its own, and keeps what it must in the study's trials, as
    Optuna wants it; so a saved search goes on exactly.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        sampler: The name of a class in `optuna.samplers`.
        settings: Keyword arguments of that class.

    Raises:
        MissingExtraError: When Optuna is not installed.
        UsageError: When there is no such sampler, its settings are wrong, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        sampler: str = "TPESampler",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, objectives, seed)
        if importlib.util.find_spec("optuna") is None:
            raise MissingExtraError("optuna", "optuna", f"the sampler {sampler!r}")
        import optuna

        known = [name for name in optuna.samplers.__all__ if name.endswith("Sampler")]
        if sampler not in known:
            raise UsageError(f"optuna has no sampler {sampler!r}.{did_you_mean(sampler, known)}")
        self.sampler, self.settings = sampler, dict(settings or {})
        self._class: Any = getattr(optuna.samplers, sampler)
        self._parameters = inspect.signature(self._class).parameters
        self._optimized = optimized(objectives)
        self._limited = any(objective.limit is not None for objective in self.objectives)
        self._constrains = self._limited and "constraints_func" in self._parameters
        self._begin()
        self._made(0)

    def _begin(self) -> None:
        import optuna

        self._numbers: dict[Hashable, int] = {}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(directions=["minimize"] * len(self._optimized))
        finally:
            optuna.logging.set_verbosity(verbosity)

    def _made(self, attempt: int) -> optuna.samplers.BaseSampler:
        """The sampler of one attempt of one ask."""
        import warnings

        given = dict(self.settings)
        if "seed" in self._parameters:
            given["seed"] = random_for(self.seed, _TRIES * self._asked + attempt).getrandbits(31)
        if self._constrains:
            given["constraints_func"] = _violation
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some samplers are experimental, which their user chose
                made: optuna.samplers.BaseSampler = self._class(**given)
        except (TypeError, ValueError, ImportError) as error:
            raise UsageError(
                f"optuna's {self.sampler} cannot be made with {self.settings}: {error}"
            ) from error
        return made

    def propose(self, random: Random) -> Candidate:
        """What the sampler suggests; after some attempts, what is drawn."""
        for attempt in range(_TRIES):
            if (architecture := self._suggested(attempt)) is not None:
                return Candidate(architecture)
        architecture = self._seen.draw(random_for(self.seed, _TRIES * self._asked))
        self._enter(architecture)
        return Candidate(architecture)

    def _suggested(self, attempt: int) -> Architecture | None:
        """A new architecture; None when it is known, or the constraints refuse it."""
        import optuna

        self._study.sampler = self._made(attempt)
        trial = self._study.ask()
        architecture: Architecture = self.space.complete(
            lambda address, decision: _suggest(trial, address, decision)
        )
        if not self.space.contains(architecture):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return None
        canonical = self.space.canonical(architecture)
        if self._seen.add(architecture):
            self._numbers[canonical] = trial.number
            return architecture
        before = self._study.get_trials(deepcopy=False)[self._numbers[canonical]]
        if before.state is optuna.trial.TrialState.COMPLETE:
            if _VIOLATION in before.user_attrs:
                trial.set_user_attr(_VIOLATION, before.user_attrs[_VIOLATION])
            self._study.tell(trial, before.values)
        else:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None

    def _enter(self, architecture: Architecture) -> None:
        """A running trial of an architecture that the sampler did not suggest."""
        import optuna

        parameters: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        for address, value in architecture.items():
            for name, distribution, one in _parts(address, self.space.decisions[address], value):
                parameters[name], distributions[name] = one, distribution
        running = optuna.trial.TrialState.RUNNING
        self._study.add_trial(
            optuna.create_trial(state=running, params=parameters, distributions=distributions)
        )
        self._numbers[self.space.canonical(architecture)] = len(self._study.get_trials(deepcopy=False)) - 1

    def tell(self, trial: Trial) -> None:
        """Tell the study."""
        import optuna

        if self._seen.add(trial.architecture):
            self._enter(trial.architecture)
        number = self._numbers[self.space.canonical(trial.architecture)]
        found = score(trial, self.objectives)
        if self._study.get_trials(deepcopy=False)[number].state.is_finished():
            return
        self._study.sampler = self._made(0)
        if found.failed or (found.violation > 0.0 and not self._constrains):
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
            return
        if self._constrains:
            storage, of = self._study._storage, self._study.get_trials(deepcopy=False)[number]._trial_id
            storage.set_trial_user_attr(of, _VIOLATION, found.violation)
        if trial.is_measured:
            values = objective_values(trial, self._optimized)
            losses = [o.loss(value) for o, value in zip(self._optimized, values, strict=True)]
        else:
            losses = self._worst()
        self._study.tell(number, losses if all(map(math.isfinite, losses)) else self._worst())

    def _worst(self) -> list[float]:
        """The worst of each objective so far: for what was found to be over a limit before it was measured."""
        import optuna

        done = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        return [max(column) for column in zip(*(trial.values for trial in done), strict=True)] or [
            0.0 for _ in self._optimized
        ]

    def state_dict(self) -> dict[str, Any]:
        """The study's trials, and which architecture each is of."""
        from optuna.distributions import distribution_to_json

        trials, distributions = [], {}
        for trial in self._study.get_trials(deepcopy=False):
            distributions.update(trial.distributions)
            trials.append(
                {
                    "state": trial.state.name,
                    "values": trial.values,
                    "parameters": dict(trial.params),
                    "user": dict(trial.user_attrs),
                    "system": dict(trial.system_attrs),
                }
            )
        return {
            **super().state_dict(),
            "numbers": list(self._numbers.values()),
            "distributions": {name: distribution_to_json(one) for name, one in distributions.items()},
            "trials": trials,
            "study": dict(self._study._storage.get_study_system_attrs(self._study._study_id)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        import optuna
        from optuna.distributions import json_to_distribution

        self._begin()
        self._asked = state["asked"]
        for architecture, number in zip(self._seen.load_json(state["seen"]), state["numbers"], strict=True):
            self._numbers[self.space.canonical(architecture)] = number
        known = {name: json_to_distribution(text) for name, text in state["distributions"].items()}
        for trial in state["trials"]:
            self._study.add_trial(
                optuna.create_trial(
                    state=optuna.trial.TrialState[trial["state"]],
                    values=trial["values"],
                    params=trial["parameters"],
                    distributions={name: known[name] for name in trial["parameters"]},
                    user_attrs=trial["user"],
                    system_attrs=trial["system"],
                )
            )
        for key, value in state["study"].items():
            self._study._storage.set_study_system_attr(self._study._study_id, key, value)


def _violation(trial: optuna.trial.FrozenTrial) -> Sequence[float]:
    return (float(trial.user_attrs.get(_VIOLATION, 0.0)),)


def _parts(address: str, decision: Decision, value: Any = None) -> list[tuple[str, Any, Any]]:
    """The parameters that a decision becomes: name, distribution, and the parameter's value for the decision's."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    said = decision.describe()
    if isinstance(decision, Real):
        return [(address, FloatDistribution(decision.low, decision.high, log=decision.log), value)]
    if isinstance(decision, Integer):
        return [(address, IntDistribution(said["low"], said["high"], step=said["step"]), value)]
    if decision.several:
        return [
            (
                f"{address}[{item}]",
                CategoricalDistribution([False, True]),
                value is not None and item in value,
            )
            for item in range(decision.columns)
        ]
    return [(address, CategoricalDistribution(list(decision.values())), value)]


def _suggest(trial: optuna.trial.Trial, address: str, decision: Decision) -> Any:
    """The value that the sampler chooses; of a subset's items, the nearest subset that is allowed."""
    chosen = [trial._suggest(name, distribution) for name, distribution, _ in _parts(address, decision)]
    if decision.several:
        return decision.decode([float(item) for item in chosen])
    try:
        return decision.coerce(chosen[0])
    except ValueError:
        raise SpaceError(f"optuna suggested {chosen[0]!r} for {address!r}, which is {decision!r}") from None
