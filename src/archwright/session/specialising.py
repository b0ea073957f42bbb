"""Networks for other limits from a trained supernet, in seconds (Cai et al. 2020, arXiv:1908.09791, section 3.4)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from archwright.errors import RunError, SearchError, UsageError
from archwright.experiments import Run, open_run
from archwright.experiments.interrupts import exits_told
from archwright.experiments.one_shot import SUPERNET
from archwright.export import chosen_formats
from archwright.objectives import DIRECTIONS, Direction, Objective
from archwright.objectives.meter import measure_by
from archwright.objectives.objective import parse_limit
from archwright.session.card import specialised_card
from archwright.session.sources import check_unchanged, restored
from archwright.session.specialised import Specialised, check_limits, front_of, references_of
from archwright.spaces import Architecture, Space
from archwright.surrogates import Surrogate, make_surrogate
from archwright.tasks import Task

if TYPE_CHECKING:
    from torch import nn

    from archwright.supernets import Supernet

__all__ = ["Specialised", "Specialiser", "specialise"]

_POPULATION = 100
_PARENTS = 0.25
_GENERATIONS = 60
_PATIENCE = 12
_MUTATION = 0.1
_MEASURED = 40
"""Networks whose costs are measured to predict those of others."""
_FINALISTS = 6
_ROUNDS = 6
_BATCHES = 16


class Specialiser:
    """Finds networks of a trained supernet under any limits, by evolution on predictions.

    What a network scores is predicted from networks that were scored by shared weights, what it costs from some that
    were measured. The best that are predicted to keep the limits are measured and scored; a limit holds as measured.

    Args:
        supernet: A trained one.
        task: What it learned.
        scored: Architectures and what they scored by shared weights, at least two.
        maximize: Whether more is better.
        predictor: A name in `SURROGATES`.
        seed: Of everything random.
    """

    def __init__(
        self,
        supernet: Supernet,
        task: Task,
        scored: Iterable[tuple[Architecture, float]],
        *,
        maximize: bool = True,
        predictor: str = "gp",
        seed: int = 0,
    ) -> None:
        self.supernet, self.task, self.maximize, self.seed = supernet, task, maximize, seed
        self.space, self.predictor = supernet.space, predictor
        self.scored = list(scored)
        self._scores = self._predictor([a for a, _ in self.scored], [score for _, score in self.scored])
        self._costs: dict[str, dict[Architecture, float]] = {}

    def find(self, limits: Sequence[Objective]) -> Specialised:
        """The network that scores best under some limits.

        Args:
            limits: On what meters measure, at least one.

        Raises:
            UsageError: When a limit is on what no meter measures.
            SearchError: When no network that was measured keeps them.
        """
        began = time.perf_counter()
        check_limits(limits)
        random = Random(self.seed)
        self._learn_costs(limits)
        kept: list[Architecture] = []
        for _ in range(_ROUNDS):
            evolved = self._evolved(limits, random)[:_FINALISTS]
            fits = [self._keeps(architecture, limits) for architecture in evolved]
            kept = [
                architecture
                for architecture in self._costs[limits[0].name]
                if self._keeps(architecture, limits)
            ]
            if all(fits):
                break
        if not kept:
            told = ", ".join(f"{limit.name} {min(self._costs[limit.name].values()):g}" for limit in limits)
            raise SearchError(
                f"no network of the supernet keeps all limits; the least that was measured: {told}; loosen a limit"
            )
        order = np.argsort(self._scores.predict(kept)[0] * (-1 if self.maximize else 1), kind="stable")
        ranked = [self._scored_network(kept[i]) for i in order[:_FINALISTS]]
        architecture, network, metrics = max(ranked, key=lambda found: self._better(found[2]))
        costs = self._measured(architecture, limits)
        return Specialised(architecture, network, metrics, costs, time.perf_counter() - began, {})

    def ends(self, limit: Objective) -> tuple[float, float]:
        """What the smallest and the largest network of the space cost."""
        found = [self._measured(end, [limit])[limit.name] for end in self._ends()]
        return min(found), max(found)

    def largest(self, limits: Sequence[Objective]) -> Specialised:
        """The largest network of the space, and what it costs."""
        began, largest = time.perf_counter(), self._ends()[0]
        architecture, network, metrics = self._scored_network(largest)
        costs = self._measured(architecture, limits)
        return Specialised(architecture, network, metrics, costs, time.perf_counter() - began, {})

    def validated(self, network: nn.Module) -> Mapping[str, float]:
        """The task's metrics of a network on the validation data."""
        from archwright.learning.devices import make_fabric
        from archwright.tasks import Part
        from archwright.tasks.batches import evaluation_plan

        plan = evaluation_plan(make_fabric("cpu", 1, "32-true").device)
        return self.task.evaluate(network, Part("validation"), plan)

    def _ends(self) -> list[Architecture]:
        from archwright.supernets.shrinking import elasticities, extreme

        kinds = elasticities(self.supernet)
        return [
            extreme(self.space, kinds, place, lambda _, decision: decision.default()) for place in (0, -1)
        ]

    def _predictor(self, architectures: Sequence[Architecture], values: Sequence[float]) -> Surrogate:
        made = make_surrogate(self.predictor, self.space, self.seed)
        made.fit(architectures, values)
        return made

    def _measured(self, architecture: Architecture, limits: Sequence[Objective]) -> dict[str, float]:
        """What a network costs, measured once."""
        missing = {
            limit.name: limit.load_meter()
            for limit in limits
            if architecture not in self._costs.setdefault(limit.name, {})
        }
        if missing:
            example = self.task.example_arguments()
            network = self.space.build(architecture, example).eval()
            found = measure_by({name: meter for name, meter in missing.items() if meter}, network, example)
            for name in missing:
                self._costs[name][architecture] = found[name]
        return {limit.name: self._costs[limit.name][architecture] for limit in limits}

    def _keeps(self, architecture: Architecture, limits: Sequence[Objective]) -> bool:
        costs = self._measured(architecture, limits)
        return all(limit.violation(costs[limit.name]) == 0 for limit in limits)

    def _learn_costs(self, limits: Sequence[Objective]) -> None:
        """Measure some networks, the largest and the smallest among them, so that costs can be predicted."""
        for architecture in self._ends():
            self._measured(architecture, limits)
        missing = _MEASURED - min((len(self._costs[limit.name]) for limit in limits), default=_MEASURED)
        for architecture in [a for a, _ in self.scored][: max(0, missing)]:
            self._measured(architecture, limits)

    def _evolved(self, limits: Sequence[Objective], random: Random) -> list[Architecture]:
        """The last population, the best first: those that are predicted to keep the limits, by predicted score."""
        models = {limit.name: self._cost_model(limit.name) for limit in limits}
        known: dict[Architecture, tuple[float, float]] = {}

        def judge(architectures: Sequence[Architecture]) -> None:
            new = [a for a in dict.fromkeys(architectures) if a not in known]
            if not new:
                return
            over = np.zeros(len(new))
            for limit in limits:
                costs = np.exp(models[limit.name].predict(new)[0])
                exact = self._costs[limit.name]
                costs = np.array([exact.get(a, cost) for a, cost in zip(new, costs, strict=True)])
                bound = limit.limit or 0.0
                over += [limit.violation(cost) / (abs(bound) or 1.0) for cost in costs]
            scores = self._scores.predict(new)[0] * (1 if self.maximize else -1)
            known.update({a: (float(o), -float(s)) for a, o, s in zip(new, over, scores, strict=True)})

        population = [*self._ends(), *(a for a, _ in self.scored)]
        population += [self.space.sample(random) for _ in range(_POPULATION)]
        judge(population)
        best, since = (math.inf, math.inf), 0
        for _ in range(_GENERATIONS):
            population = sorted(dict.fromkeys(population), key=known.__getitem__)[:_POPULATION]
            since = since + 1 if known[population[0]] >= best else 0
            best = min(best, known[population[0]])
            if since == _PATIENCE:
                break
            parents = population[: max(2, int(_PARENTS * _POPULATION))]
            children = [self._child(parents, random) for _ in range(_POPULATION - len(parents))]
            judge(children)
            population = [*parents, *children]
        return sorted(dict.fromkeys(population), key=known.__getitem__)[:_POPULATION]

    def _child(self, parents: Sequence[Architecture], random: Random) -> Architecture:
        """Half are mutants, whose decisions change with a chance of a tenth each, half are crossed of two parents."""
        first = random.choice(parents)
        if random.random() < 0.5:
            return self.space.crossover(first, random.choice(parents), random)
        changes = max(1, sum(random.random() < _MUTATION for _ in first))
        for _ in range(changes):
            first = self.space.mutate(first, random)
        return first

    def _cost_model(self, name: str) -> Surrogate:
        costs = self._costs[name]
        return self._predictor(list(costs), [math.log(max(cost, 1e-12)) for cost in costs.values()])

    def _scored_network(
        self, architecture: Architecture
    ) -> tuple[Architecture, nn.Module, Mapping[str, float]]:
        from archwright.supernets.scoring import inherited

        network = inherited(self.supernet, architecture, self.task, _BATCHES).eval()
        return architecture, network, self.validated(network)

    def _better(self, metrics: Mapping[str, float]) -> float:
        value = metrics[self.task.metric] if self.task.metric in metrics else -metrics["loss"]
        return value if self.maximize or self.task.metric not in metrics else -value


@exits_told()
def specialise(
    run: str | Path,
    limits: Sequence[Objective | str] = (),
    *,
    front: str | None = None,
    points: int = 5,
    to: str | Path | None = None,
    space: Space | None = None,
    task: Task | None = None,
    formats: Sequence[str] | str | None = None,
    predictor: str = "gp",
    seed: int = 0,
    store: str | None = None,
    trust: bool = False,
) -> list[Specialised]:
    """Networks for limits from the trained supernet of a run: found in seconds, weights inherited, written as source.

    The run is a search by `once_for_all` or `sandwich`, whose networks need no training of their own; its trials, which
    were scored by shared weights, teach the predictor. Of each network that is written the test score is read once,
    and of those that it was made smaller from: the network as it was given, where the run began with one, and the
    largest of the supernet (`references`).

    Args:
        run: The run's folder.
        limits: What every network must keep: objectives with a limit, or texts such as "params<=50000".
        front: A meter's name: several networks, from about the smallest to the largest by it, at bounds of even ratios.
        points: How many then.
        to: The folder to write to; None means one named by the limits in the run's `specialised/`. With `front`, of
            each a subfolder.
        space: The space, where it was given as a Python object.
        task: The task, where it was given as a Python object.
        formats: As for `search`.
        predictor: What predicts scores and costs: a name in `SURROGATES`.
        seed: Of everything random.
        store: URL of the run's store, where the kept one, which has no password, does not serve.
        trust: Whether code that the run names may be run wherever the run comes from.

    Raises:
        RunError: When the run has no trained supernet, or code or data have changed since it began.
        UsageError: When there is no limit, or one is on what no meter measures.
        SearchError: When no network keeps the limits.
    """
    opened, asked = open_run(run, store=store), chosen_formats(formats, None)
    bounds = [parse_limit(limit) if isinstance(limit, str) else limit for limit in limits]
    if not bounds and front is None:
        raise UsageError("expected a limit, such as --limit 'params<=50000', or --front params")
    if points < 2:
        raise UsageError(f"expected points >= 2, got {points}")
    check_limits(bounds)
    by = None if front is None else front_of(front)
    space, task = restored(opened.folder, opened.config, space, task, trust=trust)
    check_unchanged(opened.folder, opened.config, space, task)
    specialiser = _specialiser_of(opened, space, task, predictor, seed)
    asked_for = [bounds]
    if by is not None:
        least, most = specialiser.ends(by)
        steps = [least * (most / least) ** ((i + 1) / points) for i in range(points)]
        asked_for = [[*bounds, replace(by, limit=_rounded(step))] for step in steps]
    limited = [*bounds, *([by] if by else [])]
    largest, validated = specialiser.largest(limited), specialiser.validated
    references = references_of(largest, limited, opened.config, space, task, validated=validated)
    place = Path(to) if to is not None else opened.folder / "specialised"
    written = []
    for wanted in asked_for:
        folder = place if to is not None and front is None else place / _name_of(wanted)
        found = replace(specialiser.find(wanted), references=references)
        written.append(_write(opened, found, wanted, folder, asked, task=task, space=space))
    return written


def _specialiser_of(run: Run, space: Space, task: Task, predictor: str, seed: int) -> Specialiser:
    from archwright.supernets.storage import load_supernet

    if run.config.supernet is None or not (run.folder / SUPERNET).exists():
        raise RunError(
            f"{run.folder} has no trained supernet; search with --strategy once_for_all or sandwich, and let its "
            "training end"
        )
    metric = task.metric
    direction = DIRECTIONS.get(metric, Direction.MINIMIZE)
    scored = [
        (trial.architecture, trial.metrics[metric])
        for trial in run.trials
        if trial.is_measured and metric in trial.metrics
    ]
    if len(scored) < 2:
        raise RunError(
            f"{run.folder} has {len(scored)} scored trials, and a predictor learns from at least 2"
        )
    supernet = load_supernet(space, task.example_arguments(), run.folder / SUPERNET)
    maximize = direction is Direction.MAXIMIZE
    return Specialiser(supernet, task, scored, maximize=maximize, predictor=predictor, seed=seed)


def _write(
    run: Run,
    found: Specialised,
    limits: Sequence[Objective],
    folder: Path,
    formats: Sequence[str] | None,
    *,
    task: Task,
    space: Space,
) -> Specialised:
    """Read the test score and write the network's folder."""
    from archwright.export import export_network, table_steps
    from archwright.session.parts import make_training

    test = make_training(run.config, space, task).test(found.network)
    found = replace(found, test=test, folder=folder.absolute())
    export_network(
        folder,
        space=space,
        architecture=found.architecture,
        network=found.network,
        example=task.example_arguments(),
        card=specialised_card(run, limits, found),
        formats=formats,
        table=table_steps(task),
    )
    return found


def _name_of(limits: Sequence[Objective]) -> str:
    """A folder's name: "params_50000"."""
    return "-".join(re.sub(r"[^\w.]+", "_", f"{limit.name}_{limit.limit:g}") for limit in limits)


def _rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")
