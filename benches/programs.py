"""AutoML-Zero: programs a processor second, cores that islands use, seconds to the linear solution, accuracy on pairs.

    python benches/programs.py speed threads linear random pairs --out programs.jsonl

A line a finished cell; what a file has already is not measured again. Time is processor time of this process: on a
machine that does other work beside, hyper-threads and caches are shared, so that figures are lower than on an idle one;
each line has the load of the machine. The reference implementation in C++ (Real et al. 2020, arXiv:2003.03384), quoted
and not run here: 32,000 to 36,000 programs a second with its cache and 22,000 without in the demonstration, 3,800 and
850 with all operations, 16 features and 1,000 examples.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from archwright.objectives import Objective
from archwright.programs import Lanes, Program, Runner, program_of, program_settings, program_space
from archwright.programs.island import Island, IslandOptions
from archwright.programs.judging import Judge
from archwright.programs.simplifying import simplify
from archwright.strategies.evolution.programs import ProgramEvolution
from archwright.tasks import make_task

LINEAR = Program.parse("""
setup:
  s2 = 0.01
predict:
  s1 = dot(v0, v1)
learn:
  s3 = s0 - s1
  s3 = s3 * s2
  v2 = s3 * v0
  v1 = v1 + v2
""")
NETWORK = Program.parse("""
setup:
  s3 = 0.05
  v3 = gaussian(0.0, 0.3)
  m0 = gaussian(0.0, 0.3)
predict:
  v1 = dot(m0, v0)
  v2 = maximum(v1, v8)
  s1 = dot(v2, v3)
learn:
  s2 = s0 - s1
  s2 = s3 * s2
  v4 = s2 * v2
  v5 = heaviside(v1)
  v6 = s2 * v3
  v6 = v6 * v5
  m1 = outer(v6, v0)
  v3 = v3 + v4
  m0 = m0 + m1
""")
"""A linear classifier or regression, and a network with one hidden layer, each learned by stochastic gradients."""


def island_for(
    setting: str, features: int, examples: tuple[int, int], cache: bool, seed: int, programs: int
) -> Island:
    """An island of random programs, after its first ones."""
    family = make_task("linear_regression", features=features, examples=examples[0]).family
    tasks = [(x, y, v[: examples[1]], w[: examples[1]]) for x, y, v, w in family.tasks("search", 10, seed)]
    # Random programs as long as those of the demonstration, whatever the setting begins with.
    changes = {"empty": False, "initial": (10, 2, 8), "mutations": ("alter", "instruction", "function")}
    settings = program_settings(setting, features, **changes)
    island = Island(
        settings,
        Lanes.of(tasks, False),
        IslandOptions(population=settings.population, tournament=settings.tournament, cache=cache),
        seed,
    )
    island.begin()
    island.evolve(programs // 10)
    return island


def rate(
    setting: str, features: int, examples: tuple[int, int], cache: bool, seed: int, programs: int
) -> float:
    """Programs a processor second, the best of three, after the first ones."""
    island, best = island_for(setting, features, examples, cache, seed, programs), 0.0
    for _ in range(3):
        began = time.process_time()
        island.evolve(programs)
        best = max(best, programs / (time.process_time() - began))
    return best


def threads(programs: int = 20_000) -> dict[str, float]:
    """Cores that one and two islands keep busy, a thread each: processor seconds a second, the best of five.

    And the steps that Python takes in another thread while 20,000 programs run; next to none if these held its lock.
    """
    islands = [island_for("linear", 4, (100, 100), False, seed, programs) for seed in range(2)]
    found = {"one": 0.0, "two": 0.0}
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            for name, some in (("one", islands[:1]), ("two", islands)):
                began, used = time.perf_counter(), time.process_time()
                list(pool.map(lambda island: island.evolve(programs), some))
                busy = (time.process_time() - used) / (time.perf_counter() - began)
                found[name] = max(found[name], busy)
        steps, running = 0, pool.submit(islands[0].evolve, programs)
        while not running.done():
            steps += 1
    return {**found, "steps": steps}


def solved(seed: int, most: int = 20_000_000) -> dict[str, float]:
    """Processor seconds and programs until a program reaches .9999 on the tasks of selection, compiling left out."""
    task, settings = make_task("linear_regression", seed=seed), program_settings("linear", 4)
    judge = Judge(task, settings, seed)
    lanes, programs, experiments = judge.lanes("search")[0], 0, 0
    judge.fitness(LINEAR, "select")
    warm = Island(settings, lanes, IslandOptions(population=100, tournament=10), 0)
    warm.begin()
    warm.evolve(100)
    began, best = time.process_time(), 0.0
    while programs < most:
        key = int(np.random.SeedSequence([seed, experiments]).generate_state(1, np.uint64)[0])
        island = Island(settings, lanes, IslandOptions(population=1000, tournament=10), key)
        island.begin()
        experiments += 1
        while island.age < settings.experiment:
            if island.evolve(min(50_000, settings.experiment - island.age), 0.9999):
                best = max(best, judge.fitness(island.best()[0][1], "select"))
            if best > 0.9999:
                break
        programs += island.age
        if best > 0.9999:
            break
    seconds = time.process_time() - began
    return {"seconds": seconds, "programs": programs, "experiments": experiments, "fitness": best}


def drawn(seed: int, programs: int = 1_000_000) -> dict[str, float]:
    """The best fitness on the tasks of the search among random programs: what evolution is compared with."""
    settings = program_settings("linear", 4)
    (lanes, *_) = Judge(make_task("linear_regression", seed=seed), settings, seed).lanes("search")
    began, best, options = time.process_time(), 0.0, IslandOptions(population=50_000, tournament=1)
    for turn in range(programs // options.population):
        key = int(np.random.SeedSequence([seed, turn]).generate_state(1, np.uint64)[0])
        island = Island(settings, lanes, options, key)
        island.begin()
        best = max(best, float(island.scores.max()))
    return {"seconds": time.process_time() - began, "programs": programs, "fitness": best}


def tuned(program: str, judge: Judge, runner: Runner) -> float:
    """Accuracy of a hand-written program on the final tasks, its learning rate chosen on the tasks of selection."""
    rates = {}
    for value in (0.003, 0.01, 0.03, 0.1, 0.3):
        made = Program.parse(program.replace("RATE", str(value)))
        rates[value] = np.mean([runner.fitness(made, lanes)[0] for lanes in judge.lanes("select")])
    best = Program.parse(program.replace("RATE", str(max(rates, key=rates.get))))
    return float(np.mean([runner.fitness(best, lanes)[0] for lanes in judge.lanes("final")]))


def pairs(source: str, seed: int, seconds: float) -> dict[str, object]:
    """Evolve from empty programs, as a search does by itself, and compare on pairs that nothing was chosen by."""
    task, settings = make_task("digit_pairs", source=source, seed=seed), program_settings("network", 16)
    judge = Judge(task, settings, seed)
    strategy = ProgramEvolution(
        program_space(settings, True), [Objective(task.metric)], seed, judge=judge, programs=5000
    )
    judge.fitness(strategy_program(strategy), "select")  # compiles
    began, best, value, reached = time.process_time(), Program(), 0.0, []
    while (spent := time.process_time() - began) < seconds:
        found = strategy_program(strategy)
        if (fitness := judge.fitness(found, "select")) > value:
            best, value = found, fitness
            reached.append((round(spent), round(value, 4)))
    short, _ = simplify(best, lambda program: judge.fitness(program, "select"))
    runner = Runner(16, settings.memory, 10)
    return {
        **strategy.counts(),
        "reached": reached,
        "evolved": judge.fitness(best, "final"),
        "linear": tuned(str(LINEAR).replace("0.01", "RATE"), judge, runner),
        "network": tuned(str(NETWORK).replace("0.05", "RATE"), judge, runner),
        "program": str(short),
    }


def strategy_program(strategy: ProgramEvolution) -> Program:
    """The program that it proposes next."""
    return program_of(strategy.ask().architecture)


def cells(wanted: list[str], seconds: float) -> dict[str, object]:
    """Name to what measures it."""
    found: dict[str, object] = {}
    if "speed" in wanted:
        for seed in range(3):
            for cache in (True, False):
                told = "cache" if cache else "plain"
                found[f"demo {told} {seed}"] = lambda c=cache, s=seed: {
                    "rate": rate("linear", 4, (100, 100), c, s, 100_000 if c else 20_000)
                }
                found[f"all {told} {seed}"] = lambda c=cache, s=seed: {
                    "rate": rate("all", 16, (1000, 100), c, s, 5_000 if c else 1_000)
                }
    if "threads" in wanted:
        found["threads"] = threads
    if "linear" in wanted:
        found |= {f"linear {seed}": lambda s=seed: solved(s) for seed in range(10)}
    if "random" in wanted:
        found |= {f"random {seed}": lambda s=seed: drawn(s) for seed in range(10)}
    if "pairs" in wanted:
        for source in ("digits", "fashion_mnist"):
            found |= {f"{source} {seed}": lambda o=source, s=seed: pairs(o, s, seconds) for seed in range(3)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=["speed", "threads", "linear", "random", "pairs"])
    parser.add_argument("--out", type=Path, default=Path("programs.jsonl"))
    parser.add_argument("--seconds", type=float, default=1200.0, help="processor seconds of a cell of pairs")
    given = parser.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    done = {json.loads(line)["cell"] for line in lines}
    for name, measure in cells(given.what, given.seconds).items():
        if name not in done:
            line = {"cell": name, **measure(), "load": os.getloadavg()[0]}
            with given.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)


if __name__ == "__main__":
    main()
