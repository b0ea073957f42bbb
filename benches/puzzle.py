"""A trained network under a limit: the puzzle of its blocks against other ways to the same cost, distilled alike.

A residual network is trained on pictures of Fashion-MNIST, or with `--data r8` a transformer encoder on texts of
Reuters R8 (`make data`; see `puzzle_subjects.py`). At a half, a quarter and an eighth of its cost stand: `puzzle`, by
`aw.search`; `uniform`, its own widths scaled alike by `aw.from_network`; `pruning`, torch-pruning's magnitude pruner
(`pip install torch-pruning`), with channels in multiples of 8 or single ones, whichever leaves more; `random`,
combinations of the puzzle's library drawn at random at 90 to 100 % of the limit; `scratch`, a search of the task's own
space for the same minutes. `uniform` and `pruning` are distilled from the trained network for all the processor time
that the puzzle took: library, scores, short distillations and the last ones. `random` is distilled as the puzzle's
winner is.

Printed are, for each limit and contestant, the mean over seeds of the test accuracy, and the paired difference of the
puzzle from it in percentage points with its standard error; and the rank correlation of the sums of the exchanges'
losses with the losses after distillation, over all combinations and within each limit.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/puzzle.py [--data fashion] [--seeds 3] [--examples 60000] [--epochs 12]
           [--parent 30] [--limits 0.5 0.25 0.125] [--contestants puzzle uniform random pruning scratch] [--draws 5]
           [--cost flops] [--out puzzle.jsonl]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

import archwright as aw
from archwright.learning import Recipe, Trainer
from archwright.learning.distilling import DistillStep
from archwright.learning.plain import PlainStep
from archwright.objectives import METERS, Objective, parse_limit
from archwright.spaces import Architecture, Space
from archwright.strategies.puzzle import EXCHANGE, exchanges_of
from archwright.surrogates import spearman
from archwright.tasks import Part
from archwright.tasks.batches import evaluation_plan
from puzzle_subjects import SUBJECTS

CONTESTANTS = ("puzzle", "uniform", "random", "pruning", "scratch")
CPU = torch.device("cpu")


class Cells:
    """One seed of the bench: its task, its trained network, and the cells that are done."""

    def __init__(self, seed: int, options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
        self.seed, self.options, self.rows = seed, options, rows
        self.subject = SUBJECTS[options.data]
        self.task = self.subject.task(options.examples or self.subject.examples, seed)
        self.folder = options.out.with_suffix("") / str(seed)
        self.example = self.task.example_arguments()
        self.meter = METERS.make(options.cost)
        self.recipe = Recipe(epochs=options.epochs, batch_size=64, seed=seed)

    def cell(self, contestant: str, limit: float, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The row of a cell, which is run where it is not there yet."""
        key = {"seed": self.seed, "contestant": contestant, "limit": limit}
        found = next((row for row in self.rows if key.items() <= row.items()), None)
        if found is None:
            begin = time.process_time()
            found = {**key, **run()}
            found.setdefault("seconds", time.process_time() - begin)
            self.rows.append(found)
            with self.options.out.open("a") as file:
                print(json.dumps(found), file=file)
            print({name: value for name, value in found.items() if name != "combinations"}, flush=True)
        return found

    def run(self) -> None:
        """All cells of this seed."""
        self.parent = self._parent()
        self.space = aw.blockwise(
            self.parent, self.example, blocks=self.subject.blocks, library=self.folder / "library"
        )
        self.library = self.cell("library", 1.0, self._scores)["seconds"]
        whole = self.cost(self.parent)
        for share in self.options.limits:
            limit = share * whole
            puzzle = self.cell("puzzle", share, lambda share=share, limit=limit: self._puzzle(share, limit))
            # What all contestants may take.
            seconds = self.library + puzzle["seconds"]
            ways: dict[str, Callable[[], dict[str, Any]]] = {
                "uniform": lambda limit=limit, s=seconds: self._taught(self._uniform(limit), s),
                "pruning": lambda limit=limit, s=seconds: self._taught(self._pruned(limit), s),
                "scratch": lambda limit=limit, s=seconds: self._scratch(limit, s),
            }
            for name, way in ways.items():
                if name in self.options.contestants:
                    self.cell(name, share, way)
            if "random" in self.options.contestants:
                for draw in range(self.options.draws):
                    self.cell(f"random{draw}", share, lambda d=draw, x=limit: self._random(x, d))

    def cost(self, network: nn.Module) -> float:
        """What a network costs."""
        return self.meter.measure(network, *self.example[0])

    def scores(self, network: nn.Module) -> dict[str, float]:
        """What a network costs and scores."""
        return {
            "cost": self.cost(network),
            **{
                part: self.task.evaluate(network, Part(part), evaluation_plan(CPU))["accuracy"]
                for part in ("validation", "test")
            },
            "loss": self.task.evaluate(network, Part("validation"), evaluation_plan(CPU))["loss"],
        }

    def trained(self, network: nn.Module, recipe: Recipe, teacher: nn.Module | None) -> nn.Module:
        """The network, after a training that is the same for all."""
        step = PlainStep() if teacher is None else DistillStep(teacher)
        trainer = Trainer(self.task, network, recipe, step)
        with trainer.randomness.drawing():
            for _ in trainer.run():
                pass
        return network.eval()

    def _parent(self) -> nn.Module:
        torch.manual_seed(self.seed)
        network, path = self.subject.network(), self.folder / "parent.pt"

        def train() -> dict[str, Any]:
            self.trained(network, self.recipe.replace(epochs=self.options.parent), None)
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(network.state_dict(), path)
            return self.scores(network)

        self.cell("parent", 1.0, train)
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()

    def _scores(self) -> dict[str, Any]:
        """All exchanges, as a search without limits makes them that ends at its only proposal."""
        run = self._search("library", [], {"proposals": 1}, 0)
        return {"exchanges": len(run.trials) - 1}

    def _search(self, name: str, limits: list[Objective], how: dict[str, Any], retrain: int) -> Any:
        return aw.search(
            self.space,
            self.task,
            strategy="puzzle",
            strategy_options=how,
            objectives=["accuracy", *limits],
            recipe=self.recipe,
            retrain=retrain,
            baseline=False,
            accelerator="cpu",
            formats=(),
            progress=False,
            out=self.folder / f"{name}-{time.time():.0f}",
        )

    def _limit(self, limit: float) -> Objective:
        return parse_limit(f"{self.options.cost}<={limit}")

    def _puzzle(self, share: float, limit: float) -> dict[str, Any]:
        result = self._search(f"puzzle-{share}", [self._limit(limit)], {}, 2)
        told = exchanges_of(
            [(one.architecture, one.metrics) for one in result.trials if one.candidate.effort == EXCHANGE],
            self.space,
        )
        combinations = [
            {
                "added": told.estimate(dict(trial.architecture), "loss"),
                "loss": trial.metrics["loss"],
                "accuracy": trial.metrics["accuracy"],
            }
            for trial in result.trials
            if trial.candidate.effort.proxy is None and "loss" in trial.metrics
        ]
        chosen = {name: one for name, one in result.best.architecture.items() if one != "own"}
        return {**self.scores(result.model()), "combinations": combinations, "chosen": chosen}

    def _taught(self, network: nn.Module, seconds: float) -> dict[str, Any]:
        """Distilled for so many seconds of processor time, as many whole epochs as that is."""
        begin = time.process_time()
        self.trained(deepcopy(network), self.recipe.replace(epochs=1), self.parent)
        epochs = max(1, round(seconds / (time.process_time() - begin)))
        begin = time.process_time()
        self.trained(network, self.recipe.replace(epochs=epochs), self.parent)
        return {**self.scores(network), "epochs": epochs, "seconds": time.process_time() - begin}

    def _uniform(self, limit: float) -> nn.Module:
        """The largest share of all widths that keeps the limit."""
        space = aw.from_network(self.parent, self.example, decide=["width"], step=1)
        whole = dict(space.default)
        for percent in range(99, 0, -1):
            widths = {
                name: max(1, round(value * percent / 100)) if type(value) is int else value
                for name, value in whole.items()
            }
            network = space.build(space.architecture(widths))
            if self.cost(network) <= limit:
                return network
        raise ValueError(f"no width keeps {limit}")

    def _pruned(self, limit: float) -> nn.Module:
        """The dearest network that keeps the limit, of torch-pruning's with multiples of 8 and of single channels."""
        import torch_pruning

        made: list[tuple[float, nn.Module]] = []
        for percent, multiple in itertools.product(range(2, 100, 2), (8, None)):
            network = deepcopy(self.parent)
            pruner = torch_pruning.pruner.MagnitudePruner(
                network,
                self.example[0][0],
                importance=torch_pruning.importance.MagnitudeImportance(p=1),
                pruning_ratio=percent / 100,
                ignored_layers=[network.head],
                round_to=multiple,
            )
            pruner.step()
            made.append((self.cost(network), network))
        return max((one for one in made if one[0] <= limit), key=lambda one: one[0])[1].eval()

    def _random(self, limit: float, draw: int) -> dict[str, Any]:
        chance = random.Random(1000 * self.seed + draw)
        architecture = drawn(
            self.space, lambda one: 0.9 * limit <= self.cost(self.space.build(one)) <= limit, chance
        )
        network = self.space.build(architecture)
        self.trained(network, self.recipe, self.parent)
        return self.scores(network)

    def _scratch(self, limit: float, seconds: float) -> dict[str, Any]:
        result = aw.search(
            None,
            self.task,
            objectives=["accuracy", self._limit(limit)],
            budget=aw.Budget(minutes=seconds / 60),
            baseline=False,
            accelerator="cpu",
            workers=1,
            formats=(),
            progress=False,
            out=self.folder / f"scratch-{limit:.0f}-{time.time():.0f}",
        )
        return self.scores(result.model())


def drawn(space: Space, keeps: Callable[[Architecture], bool], chance: random.Random) -> Architecture:
    """A random architecture of those that keep a limit, by rejection, from ever smaller ones where none does."""
    while True:
        architecture = space.sample(chance.randrange(2**31))
        if keeps(architecture):
            return architecture


def summary(rows: list[dict[str, Any]]) -> None:
    """Print the means and the paired differences."""
    test = {(row["seed"], row["contestant"], row["limit"]): row.get("test") for row in rows}
    for row in rows:
        if row["contestant"] == "parent":
            print(f"seed {row['seed']}: the trained network {row['test']:.4f}")
    for limit in sorted({row["limit"] for row in rows if row["contestant"] == "puzzle"}, reverse=True):
        names = {row["contestant"].rstrip("0123456789") for row in rows if row["limit"] == limit}
        for name in [one for one in CONTESTANTS if one in names]:
            seeds = {
                seed: statistics.fmean(
                    value
                    for (s, who, at), value in test.items()
                    if (s, who.rstrip("0123456789"), at) == (seed, name, limit)
                )
                for seed in {s for s, who, at in test if who.rstrip("0123456789") == name and at == limit}
            }
            gaps = [100 * (test[seed, "puzzle", limit] - mean) for seed, mean in seeds.items()]
            error = statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.nan
            print(
                f"1/{1 / limit:g} {name:8} {statistics.fmean(seeds.values()):.4f} on {len(seeds)} seeds; "
                f"puzzle {statistics.fmean(gaps):+.2f} ± {error:.2f} points"
            )
    _correlations(rows)


def _correlations(rows: list[dict[str, Any]]) -> None:
    found: list[Mapping[str, float]] = []
    for row in rows:
        if row["contestant"] == "puzzle":
            pairs = row["combinations"]
            found += pairs
            within = spearman([one["added"] for one in pairs], [one["loss"] for one in pairs])
            print(
                f"seed {row['seed']} 1/{1 / row['limit']:g}: rank correlation within the limit {within:.2f}"
            )
    if found:
        over = spearman([one["added"] for one in found], [one["loss"] for one in found])
        print(f"rank correlation over all limits {over:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", choices=SUBJECTS, default="fashion")
    parser.add_argument("--examples", "--images", type=int, help="for training and validation; all")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--parent", type=int, default=30)
    parser.add_argument("--limits", type=float, nargs="+", default=[0.5, 0.25, 0.125])
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--cost", default="flops")
    parser.add_argument("--out", type=Path, default=Path("puzzle.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    for seed in range(options.seeds):
        Cells(seed, options, rows).run()
    summary(rows)


if __name__ == "__main__":
    main()
