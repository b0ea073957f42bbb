"""What a search on a Ray cluster loses when workers, nodes and the head are killed, and what a trial costs there.

    python benches/cluster.py --runs 20 --out runs/cluster.jsonl

Each run is a cluster of three nodes on this machine, as processes, and a search whose trials report and save several
times. While it goes on, a worker is killed, then a node, then the head; nodes that ended are started again, as their
supervisor would. A line of JSON a run: of the trials asked for, how many are done, how many that had been completed
before a kill are not as they were, and how many ended twice. Runs that the file holds already are not run again.

`--overhead` prints milliseconds a job: one bare task of Ray, one job of the executor, and one trial of a search.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Experiment,
    Listener,
    SQLStore,
    Stage,
    TrialRunner,
)
from archwright.experiments.executors.ray import RayExecutor
from archwright.experiments.memory import PROCESSES, with_descendants
from archwright.objectives import Objective
from archwright.spaces import Space, choice, integer, layer
from archwright.strategies import make_strategy
from archwright.testing.ray_nodes import RayNode
from archwright.trials import Candidate, Measurement, Trial, TrialContext, TrialState

OBJECTIVES = (Objective("accuracy"),)
SPACE = Space(
    layer(
        dict, width=integer(1, 50, name="width"), **{f"d{i}": choice(0, 1, 2, name=f"d{i}") for i in range(4)}
    )
)


class Steps(Estimator):
    """Reports and saves in each of several steps; the score is the mean of the decisions."""

    def __init__(self, steps: int = 6, seconds: float = 0.3) -> None:
        self.steps, self.seconds = steps, seconds

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """See `Estimator.estimate`."""
        values = list(candidate.architecture.values())
        score = sum(values) / (58.0)
        begun = 0 if trial.own is None else trial.own.load()["step"]
        for step in range(begun + 1, self.steps + 1):
            time.sleep(self.seconds / self.steps)
            trial.report(step, {"accuracy": score * step / self.steps}, {"step": step})
        return Measurement({"accuracy": score}, seconds=self.seconds)


class Cluster:
    """Three nodes, each with one CPU; the first is the head."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.nodes: list[RayNode] = []
        while len(self.nodes) < 3:
            self._start(len(self.nodes))
        self.is_supervised = True
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    @property
    def address(self) -> str:
        """Of the head."""
        return self.nodes[0].address

    def kill(self, place: int) -> None:
        """End all processes of a node at once."""
        self.nodes[place].kill()

    def kill_worker(self) -> None:
        """One actor's process, of those that run."""
        for node in random.sample(self.nodes, len(self.nodes)):
            for process in with_descendants(PROCESSES / str(node.process.pid)):
                if (process / "cmdline").read_text().startswith("ray::RayActor"):
                    os.kill(int(process.name), signal.SIGKILL)
                    return
        raise RuntimeError("no worker runs")

    def _supervise(self) -> None:
        """Start again what has ended, the head first."""
        while self.is_supervised:
            for place, node in enumerate(self.nodes):
                if node.process.poll() is not None:
                    self._start(place)
                    break
            time.sleep(0.5)

    def close(self) -> None:
        """End all nodes."""
        self.is_supervised = False
        self._supervisor.join()
        for node in reversed(self.nodes):
            node.close()

    def _start(self, place: int) -> None:
        try:
            head = self.nodes[0] if place else None
            self.nodes[place : place + 1] = [RayNode(head, port=self.port, cpus=1)]
        except RuntimeError as error:  # the head is not up yet
            print(f"node {place}: {str(error)[-300:]}", flush=True)


class Killer(Listener):
    """Kills when so many trials have ended, and counts how often each has."""

    def __init__(self, cluster: Cluster, trials: int) -> None:
        self.cluster = cluster
        self.plan = {trials // 5: "worker", 2 * trials // 5: "node", 3 * trials // 5: "head"}
        self.ended: Counter[int] = Counter()
        self.said: list[str] = []
        self.killed: list[tuple[str, float]] = []

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """Kill what the plan says."""
        self.ended[trial.number] += 1
        what = self.plan.pop(len(self.ended), None)
        if what is None:
            return
        self.killed.append((what, time.time()))
        if what == "worker":
            self.cluster.kill_worker()
        else:
            self.cluster.kill(0 if what == "head" else random.choice((1, 2)))

    def log(self, text: str) -> None:
        """Keep what is said."""
        self.said.append(text)


def search(
    store: SQLStore, folder: Path, executor: Any, trials: int, seed: int, listener: Listener, estimator: Steps
) -> str | None:
    """A search of random architectures."""
    evaluation = Evaluation(SPACE, estimator, OBJECTIVES, None)
    checkpoints = CheckpointFolder(folder / "checkpoints")
    experiment = Experiment(
        store=store, executor=executor, objectives=OBJECTIVES, listener=listener, checkpoints=checkpoints
    )
    executor.open(TrialRunner({Stage.SEARCH: evaluation}, OBJECTIVES), experiment.answer)
    try:
        return experiment.search(make_strategy("random", SPACE, OBJECTIVES, seed=seed), Budget(trials=trials))
    finally:
        executor.close(now=True)


def run(seed: int, trials: int) -> dict[str, Any]:
    """One run with three kills; what became of its trials."""
    random.seed(seed)
    began = time.time()
    cluster = Cluster()
    up = time.time() - began
    killer = Killer(cluster, trials)
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = SQLStore(f"sqlite:///{folder}/trials.sqlite", "cluster", create=True)
            with store:
                store.lock()
                executor = RayExecutor[Any, Any](3, address=cluster.address)
                reason = search(store, Path(folder), executor, trials, seed, killer, Steps())
                rows = store.trials()
    finally:
        cluster.close()
    done = [trial for trial in rows if trial.state is TrialState.COMPLETED]
    scores = all(t.metrics["accuracy"] == sum(t.architecture.values()) / 58.0 for t in done)
    return {
        "seed": seed,
        "asked": trials,
        "done": len(done),
        "lost": sum(1 for number in killer.ended if rows[number].state is not TrialState.COMPLETED),
        "doubled": sum(1 for times in killer.ended.values() if times > 1)
        + len(rows)
        - len({t.number for t in rows}),
        "scores_right": scores,
        "reason": reason,
        "begun_again": sum(trial.attempt for trial in rows),
        "from_checkpoint": sum("goes on from" in text for text in killer.said),
        "killed": [what for what, _ in killer.killed],
        "cluster_up_s": round(up, 1),
        "seconds": round(time.time() - began, 1),
    }


def overhead(jobs: int) -> dict[str, float]:
    """Milliseconds of a bare task, a job and a trial, one after another on one worker."""
    import ray

    cluster = Cluster()
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        bare = ray.remote(lambda number: number)
        ray.get([bare.remote(0) for _ in range(10)])
        found: dict[str, float] = {}
        begin = time.perf_counter()
        for number in range(jobs):
            ray.get(bare.remote(number))
        found["bare_task_ms"] = 1000 * (time.perf_counter() - begin) / jobs
        ray.shutdown()
        executor = RayExecutor[int, int](address=cluster.address)
        executor.open(lambda job, channel: job)
        list(executor.run_all(range(10)))
        begin = time.perf_counter()
        list(executor.run_all(range(jobs)))
        found["job_ms"] = 1000 * (time.perf_counter() - begin) / jobs
        executor.close()
        found["trial_ms"] = _trial_ms(cluster.address, jobs)
    finally:
        cluster.close()
    return {name: round(value, 2) for name, value in found.items()}


def _trial_ms(address: str, trials: int) -> float:
    ended: list[float] = []

    class Clock(Listener):
        """Notes when trials end."""

        def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
            """Note the time."""
            ended.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        store = SQLStore(f"sqlite:///{folder}/trials.sqlite", "cluster", create=True)
        with store:
            store.lock()
            executor = RayExecutor[Any, Any](address=address)
            search(store, Path(folder), executor, trials, 0, Clock(), Steps(steps=0))
    return 1000 * (ended[-1] - ended[0]) / (trials - 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("runs/cluster.jsonl"))
    parser.add_argument("--overhead", action="store_true")
    given = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    if given.overhead:
        print(json.dumps(overhead(200)))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    for seed in range(given.runs):
        if any(line["seed"] == seed for line in known):
            continue
        found = run(seed, given.trials)
        known.append(found)
        with given.out.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(json.dumps(found), flush=True)
    total = {name: sum(line[name] for line in known) for name in ("asked", "done", "lost", "doubled")}
    print(f"{len(known)} runs: {total}")


if __name__ == "__main__":
    main()
