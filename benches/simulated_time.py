"""Asynchronous successive halving in simulated time, beside Syne Tune's ASHA and Optuna's Hyperband pruner.

Each searches the same tables of recorded curves on the same clock, with four workers, and is judged by the same rule:
`mnist1d-curves` (200 networks x 50 epochs, measured seconds) and `scan-vlm` (134 CLIP models x 10 epochs, a second for
each). Peers pick random configurations and stop trials; ours runs in both forms. Printed are the mean regrets in points
at two budgets, and for each of ours and each peer the paired difference with its upper 95 % bound, as a share of random
search's regret at the smaller budget; the target is a bound below .05.

A line of JSON is written for each finished search; called again, the script goes on with what is missing. Syne Tune is
no dependency: without it, its rows are left out.

Usage: OMP_NUM_THREADS=1 python benches/simulated_time.py [--seeds 200] [--workers 4] [--out simulated_time.jsonl]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import logging
from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from archwright.benchmarks import SimulatedClock, Table, Tracker, Truth, mnist1d_curves
from archwright.errors import SpaceExhaustedError
from archwright.estimators import CurveRow
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, categorical, layer
from archwright.strategies import Strategy, make_strategy
from archwright.strategies.pruners import Observed, Pruner
from archwright.trials import Candidate, Report, Trial, TrialState, Verdict
from curve_sets import curve_set

ACCURACY = Objective("accuracy", Direction.MAXIMIZE)
BUDGETS = {"mnist1d-curves": (15.0, 45.0), "scan-vlm": (40.0, 120.0)}
OURS = {"asha": {}, "asha stopping": {"form": "stopping"}}
PEERS = ("syne tune asha", "optuna hyperband")


def table_of(name: str) -> Table:
    """A table of curves; its networks by number where they are no space of ours."""
    if name == "mnist1d-curves":
        return mnist1d_curves()
    curves = curve_set(name)
    if curves is None:
        raise SystemExit(1)
    space = Space(layer(dict, n=categorical(range(len(curves)), name="n")), name=name)
    rows = {
        architecture: CurveRow({"accuracy": tuple(curves[architecture["n"]].values.tolist())}, (1.0,) * 10)
        for architecture in space
    }
    return Table.of_curves(name, space, rows, (ACCURACY,))


class Peer(Strategy, Pruner):
    """A search of another library that proposes whole trainings and stops them."""

    def __init__(self, networks: Sequence[Any], epochs: int) -> None:
        self.networks, self.epochs = networks, epochs

    def state_dict(self) -> dict[str, Any]:
        """Not here."""
        raise NotImplementedError("a search of another library is not saved here")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Not here."""
        raise NotImplementedError("a search of another library is not saved here")


class SyneTune(Peer):
    """ASHA of Syne Tune, in its stopping form, which is its default."""

    def __init__(self, networks: Sequence[Any], epochs: int, seed: int) -> None:
        from syne_tune.config_space import choice
        from syne_tune.optimizer.baselines import ASHA

        super().__init__(networks, epochs)
        self.scheduler = ASHA(
            {"n": choice(list(range(len(networks))))},
            metric="accuracy",
            resource_attr="epoch",
            max_t=epochs,
            mode="max",
            search_options={"debug_log": False},
            random_seed=seed,
        )
        self.trials: list[Any] = []

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """A whole training."""
        from syne_tune.backend.trial_status import Trial as Job

        suggestion = self.scheduler.suggest(len(self.trials))
        if suggestion is None:
            raise SpaceExhaustedError("Syne Tune suggests no more")
        job = Job(len(self.trials), suggestion.config, datetime.datetime.now())
        self.scheduler.on_trial_add(job)
        self.trials.append(job)
        return Candidate(self.networks[suggestion.config["n"]])

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """What the other library decides."""
        epoch = int(curve[-1].metrics["epoch"])
        result = {"accuracy": curve[-1].metrics["accuracy"], "epoch": epoch}
        if epoch == self.epochs:
            self.scheduler.on_trial_complete(self.trials[trial.number], result)
            return Verdict.GO_ON
        decision = self.scheduler.on_trial_result(self.trials[trial.number], result)
        return Verdict.GO_ON if decision == "CONTINUE" else Verdict.STOP

    def tell(self, trial: Trial) -> None:
        """It knows all from the reports."""


class Optuna(Peer):
    """Random search under Optuna's Hyperband pruner."""

    def __init__(self, networks: Sequence[Any], epochs: int, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        super().__init__(networks, epochs)
        pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
        sampler = optuna.samplers.RandomSampler(seed=seed)
        self.study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self.pruned = optuna.trial.TrialState.PRUNED
        self.trials: list[Any] = []

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """A whole training."""
        self.trials.append(self.study.ask())
        return Candidate(self.networks[self.trials[-1].suggest_int("n", 0, len(self.networks) - 1)])

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """What the other library decides."""
        epoch = int(curve[-1].metrics["epoch"])
        self.trials[trial.number].report(curve[-1].metrics["accuracy"], epoch)
        stops = epoch < self.epochs and self.trials[trial.number].should_prune()
        return Verdict.STOP if stops else Verdict.GO_ON

    def tell(self, trial: Trial) -> None:
        """How it ended."""
        if trial.state is TrialState.PRUNED:
            self.study.tell(self.trials[trial.number], state=self.pruned)
        else:
            self.study.tell(self.trials[trial.number], trial.metrics["accuracy"])


def search(truth: Truth, name: str, who: str, seed: int, workers: int) -> list[float]:
    """The regret at each budget, in points."""
    table = truth.table
    pruner: Pruner | None = None
    if who in PEERS:
        epochs = next(iter(table.curves.values())).epochs
        strategy: Any = {PEERS[0]: SyneTune, PEERS[1]: Optuna}[who](list(table.rows), epochs, seed)
        pruner = strategy
    else:
        options = OURS.get(who, {})
        strategy = make_strategy(
            who.split()[0], table.space, [ACCURACY], seed, fidelity=table.fidelity, **options
        )
    tracker = Tracker(truth)
    steps: list[tuple[float, float]] = []

    def note(now: float, trial: Trial) -> None:
        if (standing := tracker.add(trial)) is not None:
            steps.append((now, standing.validation_regret))

    SimulatedClock(strategy, table.estimator(seed), workers, pruner=pruner, ended=note).run(BUDGETS[name][-1])
    nothing = max(truth.regrets)  # before a trial has ended
    return [next((r for at, r in reversed(steps) if at <= budget), nothing) for budget in BUDGETS[name]]


def tell(found: dict[tuple[str, str, int], list[float]], names: Sequence[str]) -> None:
    """Print regrets and differences."""
    for name in names:
        values = {
            who: np.array([v for (n, w, _), v in sorted(found.items()) if (n, w) == (name, who)])
            for who in ("random", *OURS, *PEERS)
        }
        budgets = " and ".join(f"{budget:g}" for budget in BUDGETS[name])
        print(f"{name}: regret in points after {budgets} simulated seconds")
        for who, rows in values.items():
            if len(rows):
                errors = rows.std(0, ddof=1) / len(rows) ** 0.5
                told = ", ".join(f"{m:.3f} ± {e:.3f}" for m, e in zip(rows.mean(0), errors, strict=True))
                print(f"  {who} ({len(rows)}): {told}")
        scale = values["random"][:, 0].mean()
        for mine, peer in product(OURS, PEERS):
            if not len(values[peer]):
                continue
            off = values[mine] - values[peer][: len(values[mine])]
            bounds = off.mean(0) + 1.645 * off.std(0, ddof=1) / len(off) ** 0.5
            shares = ", ".join(f"{bound / scale:+.3f}" for bound in bounds)
            print(f"  {mine} less {peer}: upper bounds {shares} of random's {scale:.3f}")


def main() -> None:
    """Search what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("simulated_time.jsonl"))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    modules = {PEERS[0]: "syne_tune", PEERS[1]: "optuna"}
    peers = [peer for peer in PEERS if importlib.util.find_spec(modules[peer])]
    truths = {name: Truth(table_of(name), [ACCURACY]) for name in options.sets}
    lines = (
        [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    )
    found: dict[tuple[str, str, int], list[float]] = {tuple(line["cell"]): line["regrets"] for line in lines}
    for seed, name, who in product(range(options.seeds), options.sets, ["random", *OURS, *peers]):
        if (name, who, seed) not in found:
            found[name, who, seed] = search(truths[name], name, who, seed, options.workers)
            with options.out.open("a") as file:
                file.write(json.dumps({"cell": [name, who, seed], "regrets": found[name, who, seed]}) + "\n")
    tell(found, options.sets)


if __name__ == "__main__":
    main()
