"""Generated networks: do they all train, and does a generator that learns find better ones in as many trials?

`search`: NAS-Bench-201 (CIFAR-10, validation accuracy, mean of the runs), replayed. The strategy `generator` beside
random search and beside generate-and-filter: as many random architectures as the generator values for an ask, of which
the same surrogate's largest expected improvement is tried. Paired by seed; printed are the regret after a quarter, a
half and all of the trials, in percentage points, and the paired differences, with standard errors.

`train`: networks of `randomly_wired`, of `nago` and of the learned generator (on the cells of NAS-Bench-201): how many
are built and take a step of training in which every parameter gets a finite gradient.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/generators.py [search] [train] [--seeds 20] [--trials 100] [--samples 1000]
           [--out generators.jsonl]
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTESTANTS = ("random", "filter", "generator")
FAMILIES = ("randomly_wired", "nago", "generator")
BLOCK = 50
"""Networks in a cell of `train`."""


@functools.cache
def table() -> Any:
    """The table, loaded once."""
    from archwright.benchmarks import nasbench201

    return nasbench201()


def strategy_of(name: str, space: Any, objective: Any, seed: int) -> Any:
    """A contestant."""
    from archwright.strategies import STRATEGIES, make_strategy

    if name != "filter":
        return make_strategy(name, space, [objective], seed)
    given = STRATEGIES.defaults("generator")
    valued = given["chains"] * given["proposals"] * given["steps"]
    options = {"mutants": 0, "samples": valued, "initial": given["initial"], "every": given["every"]}
    return make_strategy(given["surrogate"], space, [objective], seed, **options)


def search(name: str, seed: int, trials: int) -> dict[str, Any]:
    """The regrets of a search after each trial, in percentage points, and its processor seconds."""
    from archwright.trials import Measurement, Trial, TrialState

    found = table()
    space = found.space.scale(cells=1)  # the same decisions, whose graphs are read in a third of the time
    objective = found.objectives[0]
    values = found.values([objective.name])[:, 0]
    least = min(map(objective.loss, values.tolist()))
    strategy = strategy_of(name, space, objective, seed)
    best, regrets, begin = math.inf, [], time.process_time()
    for number in range(trials):
        candidate = strategy.ask()
        value = float(values[found.positions[space.canonical(candidate.architecture)]])
        best = min(best, objective.loss(value))
        regrets.append(round(100 * (best - least), 6))
        measured = Measurement({objective.name: value})
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
    return {"regrets": regrets, "seconds": round(time.process_time() - begin, 2)}


def drawn(family: str, block: int) -> Iterator[tuple[Any, Any]]:
    """Spaces and architectures of a cell of `train`."""
    from archwright.objectives import Direction, Objective
    from archwright.spaces.zoo import make_space
    from archwright.strategies import make_strategy
    from archwright.trials import Measurement, Trial, TrialState

    if family != "generator":
        space = make_space(family, (3, 8, 8), 10, channels=4, last_channels=16)
        for number in range(BLOCK):
            yield space, space.sample(block * BLOCK + number)
        return
    space = make_space("nasbench201", (3, 8, 8), 10, channels=4, cells=1)
    strategy = make_strategy(family, space, [Objective("score", Direction.MAXIMIZE)], block, initial=5)
    for number in range(BLOCK + 5):
        candidate = strategy.ask()
        score = float(sum(value == "nor_conv_3x3" for value in candidate.architecture.values()))
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": score})))
        if number >= 5:
            yield space, candidate.architecture


def train(family: str, block: int) -> dict[str, Any]:
    """How many networks of a cell took a step, and what was wrong with the others."""
    import torch

    trained, wrong = 0, []
    torch.manual_seed(block)
    for space, architecture in drawn(family, block):
        try:
            network = space.build(architecture)
            optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
            images, labels = torch.randn(4, 3, 8, 8), torch.randint(10, (4,))
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            gradients = [parameter.grad for parameter in network.parameters()]
            if any(gradient is None or not gradient.isfinite().all() for gradient in gradients):
                raise ValueError("a parameter has no finite gradient")
            optimizer.step()
            if not torch.nn.functional.cross_entropy(network(images), labels).isfinite():
                raise ValueError("the loss after a step is not finite")
            trained += 1
        except Exception as error:
            wrong.append(f"{architecture!r}: {type(error).__name__}: {error}")
    return {"trained": trained, "wrong": wrong}


def cells(out: Path, wanted: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What was found in each cell, those of the file first."""
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {tuple(line["cell"]): line for line in lines}
    for cell in wanted:
        if cell not in done:
            kind, *given = cell
            done[cell] = {"cell": cell, **(search if kind == "search" else train)(*given)}
            with out.open("a") as file:
                file.write(json.dumps(done[cell]) + "\n")
            told = {key: value for key, value in done[cell].items() if key not in ("cell", "regrets")}
            print(*cell, told, flush=True)
    return {cell: done[cell] for cell in wanted}


def mean_and_error(values: list[float]) -> str:
    """The mean and its standard error."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):+.3f} ± {error:.3f}"


def main() -> None:
    """Run what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=["search", "train"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("generators.jsonl"))
    options = parser.parse_args()
    seeds, trials = range(options.seeds), options.trials
    if "search" in options.parts:
        wanted = [("search", name, seed, trials) for seed in seeds for name in CONTESTANTS]
        found = cells(options.out, wanted)
        for budget in (trials // 4, trials // 2, trials):
            regret = {
                name: [found["search", name, seed, trials]["regrets"][budget - 1] for seed in seeds]
                for name in CONTESTANTS
            }
            print(
                f"regret after {budget} trials: "
                + ", ".join(f"{n} {mean_and_error(regret[n])}" for n in CONTESTANTS)
            )
            for other in CONTESTANTS[:-1]:
                paired = [a - b for a, b in zip(regret["generator"], regret[other], strict=True)]
                print(f"  generator less {other}: {mean_and_error(paired)}")
    if "train" in options.parts:
        blocks = range(options.samples // BLOCK)
        for family in FAMILIES:
            told = cells(options.out, [("train", family, block) for block in blocks]).values()
            print(f"{family}: {sum(cell['trained'] for cell in told)} of {BLOCK * len(blocks)} train")
            print(*[text for cell in told for text in cell["wrong"]], sep="\n", end="")


if __name__ == "__main__":
    main()
