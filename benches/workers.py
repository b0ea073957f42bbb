"""Random `kill -9` of workers that share a search on PostgreSQL, whose server is restarted; and what workers cost.

A run is one search of three workers on a server of its own. At random moments one of them is killed and another one
joins, and the server is restarted in the midst of it (`pg_ctl -m immediate`). Then it is checked that each trial that
had ended stayed as it was (lost), that no configuration and no number is there twice (doubled), that no attempt of a
trial was begun by two workers and the budget is kept to the trial (granted twice), and that a trial that was taken over
went on from its last state. A finished run is one line of JSON; a second call goes on until there are enough kills.

The overhead is the wall time of a trial that takes no time itself, and the processor time of its worker, on a server
with its settings as installed.

Usage: python benches/workers.py [--kills 100] [--restarts 2] [--out workers.jsonl] [--overhead 300]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - here, so that a forked process need not load it

from archwright.errors import RunError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Experiment,
    InlineExecutor,
    Stage,
    TrialRunner,
)
from archwright.experiments.records import encode
from archwright.experiments.store import SharedStore
from archwright.objectives import Objective
from archwright.strategies import make_strategy
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Measurement, Trial, TrialContext

SPACE = flat(decisions=12, options=4)
OBJECTIVES = (Objective("accuracy"),)
WORKERS, STEPS, LEASE = 3, 4, 3.0
KILLS_A_RUN = 20


class Server:
    """A PostgreSQL server in a folder of its own."""

    def __init__(self) -> None:
        found = shutil.which("initdb") or sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1]
        self.binaries, self.home = (
            Path(found).resolve().parent,
            Path(tempfile.mkdtemp(prefix="archwright-workers-")),
        )
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.home, "postgres", "postgres")
            self.user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-A", "trust", "-U", "archwright")
        self.start()
        self.url = f"postgresql://archwright@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.home}"
        self._run("pg_ctl", "-o", options, "-w", "-t", "300", "start")

    def stop(self) -> None:
        """As in a crash."""
        self._run("pg_ctl", "-m", "immediate", "-w", "-t", "300", "stop")

    def remove(self) -> None:
        """Stop it and delete what it holds."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.home}
        command = [self.binaries / program, "-D", self.home / "data", *words]
        subprocess.run(command, check=True, **quiet, **self.user)


class Stepping(Estimator):
    """Takes some steps, saves its state after each, and notes in a ledger which attempt began where."""

    def __init__(self, ledger: Path, seconds: float) -> None:
        self.ledger, self.seconds = ledger, seconds

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """The sum of the decisions, after all steps."""
        first = 0 if trial.own is None else int(trial.own.load()["step"])
        self._note(trial, f"from {first}")
        score = sum(map(float, candidate.architecture.values()))
        for step in range(first + 1, STEPS + 1):
            time.sleep(random.uniform(0.5, 1.5) * self.seconds / STEPS)
            trial.report(step, {"accuracy": score * step / STEPS}, {"step": step})
            self._note(trial, f"saved {step}")
        return Measurement({"accuracy": score})

    def _note(self, trial: TrialContext, what: str) -> None:
        with self.ledger.open("a") as file:
            file.write(f"{trial.number} {trial.attempt} {os.getpid()} {what}\n")


class Instant(Estimator):
    """Takes no time."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """The sum of the decisions."""
        return Measurement({"accuracy": sum(map(float, candidate.architecture.values()))})


def begin(url: str, name: str, trials: int) -> None:
    with SharedStore(url, name, create=True) as store:
        store.publish(b"", "", "{}")
        store.set_fact("budget", encode(Budget(trials=trials)))


def opened(url: str, name: str) -> SharedStore:
    """The store, as soon as the server is there: a worker may come while it is restarted."""
    for _ in range(300):
        try:
            return SharedStore(url, name, create=False)
        except RunError:
            time.sleep(0.2)
    return SharedStore(url, name, create=False)


def work(
    url: str, name: str, strategy: str, estimator: Estimator, folder: Path | None, lease: float = LEASE
) -> tuple[float, float]:
    """What a worker does; wall and processor seconds of the search."""
    executor = InlineExecutor[Any, Any]()
    evaluation = Evaluation(SPACE, estimator, OBJECTIVES, None)
    checkpoints = None if folder is None else CheckpointFolder(folder)
    with opened(url, name) as store, store.joined(1, lease):
        experiment = Experiment(
            store=store, executor=executor, objectives=OBJECTIVES, checkpoints=checkpoints
        )
        executor.open(TrialRunner({Stage.SEARCH: evaluation}, OBJECTIVES), experiment.answer)
        began = time.perf_counter(), time.process_time()
        experiment.search(make_strategy(strategy, SPACE, OBJECTIVES, seed=0), Budget())
        return time.perf_counter() - began[0], time.process_time() - began[1]


def forked(target: Any, *arguments: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    return process


def ended_trials(url: str, name: str) -> dict[int, Trial]:
    with opened(url, name) as store:
        return {trial.number: trial for trial in store.trials() if trial.finished is not None}


def killed_run(seed: int, kills: int, restarts: int) -> dict[str, Any]:
    """One search, with so many kills and restarts at random moments."""
    draw, server = random.Random(seed), Server()
    folder, name, trials = Path(tempfile.mkdtemp(prefix="archwright-ledger-")), "run", 6 * kills
    ledger, began = folder / "ledger", time.time()
    strategy = draw.choice(["random", "evolution"])
    begin(server.url, name, trials)
    how = (server.url, name, strategy, Stepping(ledger, 1.0), folder / "checkpoints")
    workers = [forked(work, *how) for _ in range(WORKERS)]
    happens = ["kill"] * kills + ["restart"] * restarts
    draw.shuffle(happens)
    seen: dict[int, Trial] = {}
    changed: set[int] = set()
    done: Counter[str] = Counter()
    failed = 0
    try:
        for event in happens:
            time.sleep(draw.expovariate(1 / 1.5))
            if not any(worker.is_alive() for worker in workers):
                break  # the search was over before
            if event == "restart":
                server.stop()
                time.sleep(draw.uniform(0.0, 2.0))
                server.start()
            else:
                place = draw.randrange(WORKERS)
                if workers[place].is_alive():
                    os.kill(workers[place].pid, signal.SIGKILL)
                else:
                    failed += workers[place].exitcode != 0
                workers[place].join()
                workers[place] = forked(work, *how)
            done[event] += 1
            now = ended_trials(server.url, name)
            changed |= {number for number, trial in seen.items() if now.get(number) != trial}
            seen = now
        for worker in workers:
            worker.join()
        failed += sum(worker.exitcode != 0 for worker in workers)
        with opened(server.url, name) as store:
            told = checked(store, trials, seen, changed, ledger)
    finally:
        for worker in workers:
            worker.kill()
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
    facts = {"seed": seed, "strategy": strategy, "kills": done["kill"], "restarts": done["restart"]}
    return {
        **facts,
        "failed_workers": failed,
        "seconds": round(time.time() - began),
        **told,
    }


def checked(
    store: SharedStore, asked: int, seen: dict[int, Trial], changed: set[int], ledger: Path
) -> dict[str, Any]:
    """What is wrong with a search that has ended."""
    trials = store.trials()
    lines = [line.split() for line in ledger.read_text().splitlines()]
    begun = Counter((int(number), int(attempt)) for number, attempt, _, what, _ in lines if what == "from")
    last: dict[
        int, tuple[int, int]
    ] = {}  # number to the attempt and the last step that it is known to have saved
    behind = 0
    for number, attempt, _, what, step in lines:
        key, now = int(number), (int(attempt), int(step))
        if what == "saved":
            last[key] = max(last.get(key, now), now)
        elif key in last and last[key][0] < now[0] and now[1] < last[key][1]:
            behind += 1
    now = {trial.number: trial for trial in trials}
    events = Counter((kind, trial.number) for kind, trial in store.events())
    return {
        "trials": len(trials),
        "lost": len(changed | {n for n, trial in seen.items() if now.get(n) != trial})
        + sum(trial.state != "completed" for trial in trials)
        + max(0, asked - len(trials)),
        "doubled": len(trials)
        - len({trial.architecture for trial in trials})
        + sum(count > 1 for count in events.values()),
        "granted_twice": sum(count > 1 for count in begun.values()) + max(0, len(trials) - asked),
        "taken_over": sum(trial.attempt for trial in trials),
        "began_behind_its_state": behind,
        "strayed": sum("did not repeat" in text for _, text in store.messages()),
    }


def overhead(trials: int) -> dict[str, Any]:
    """Milliseconds of a trial that takes none: wall time, and processor time of the worker."""
    server, found = Server(), {}
    try:
        for strategy in ("random", "evolution"):
            begin(server.url, strategy, trials)
            wall, cpu = work(server.url, strategy, strategy, Instant(), None, 60.0)
            found[strategy] = {"wall": round(1e3 * wall / trials, 2), "cpu": round(1e3 * cpu / trials, 2)}
        begin(server.url, "three", trials)
        began = time.perf_counter()
        several = [forked(work, server.url, "three", "random", Instant(), None, 60.0) for _ in range(WORKERS)]
        for worker in several:
            worker.join()
        found["random, three workers"] = {"wall": round(1e3 * (time.perf_counter() - began) / trials, 2)}
    finally:
        server.remove()
    return {"overhead_ms": found, "trials": trials, "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=2, help="in each run")
    parser.add_argument("--out", type=Path, default=Path("workers.jsonl"))
    parser.add_argument("--overhead", type=int, default=300, help="trials for the overhead; 0 leaves it out")
    options = parser.parse_args()
    if options.overhead:
        print(json.dumps(overhead(options.overhead)), flush=True)
    runs = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    while (left := options.kills - sum(run["kills"] for run in runs)) > 0:
        run = killed_run(len(runs), min(left, KILLS_A_RUN), options.restarts)
        with options.out.open("a") as file:
            file.write(json.dumps(run) + "\n")
        print(json.dumps(run), flush=True)
        runs.append(run)
    bad = {
        what: sum(run[what] for run in runs)
        for what in ("lost", "doubled", "granted_twice", "failed_workers")
    }
    kills, restarts = (sum(run[what] for run in runs) for what in ("kills", "restarts"))
    print(
        f"{kills} kills, {restarts} restarts, {sum(r['trials'] for r in runs)} trials: {bad}; target: 0 of each"
    )


if __name__ == "__main__":
    main()
