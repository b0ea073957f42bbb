"""Random `kill -9` of searches and of their workers: what is lost, what is doubled, what cannot be resumed.

Each cell is one search, inline or in two workers, whose process is killed after a random time and resumed, again and
again, until it has ended. A finished cell is one line of JSON in the results' file; a second call goes on with the
cells that are missing.

After every kill it is checked that each trial that had ended is as it was, with what it reported; at the end that no
configuration was proposed twice, that the budget was kept, that no checkpoint is left over, and, with one trial at a
time, that the whole search is the one that an uninterrupted process makes. Now and then a worker is killed instead: its
trial goes on from its checkpoint, or, where it died before it had left one, fails.

Usage: python benches/kills.py [--cells 40] [--seconds 600] [--out kills.jsonl]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch  # here, so that a forked process need not load it

from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Executor,
    Experiment,
    InlineExecutor,
    ProcessesExecutor,
    SQLStore,
    Stage,
    TrialRunner,
)
from archwright.spaces import Space
from archwright.strategies import Strategy, make_strategy
from archwright.strategies.pruners import MedianPruner
from archwright.strategies.randomness import random_for
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Fidelity, Trial, TrialState

SPACE = flat(decisions=12, options=4)
OBJECTIVES = ToyEstimator.objectives[:1]
TRIALS = 12


class Halving(Strategy):
    """Of every three architectures at one epoch the best goes on to four, from its checkpoint."""

    inherits = True

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed, self.asked = space, seed, 0
        self.done: list[tuple[int, float, dict[str, Any]]] = []

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """A continuation where three are done, else a new architecture."""
        if len(self.done) >= 3:
            first, self.done = self.done[:3], self.done[3:]
            number, _, data = max(first, key=lambda item: item[1])
            return Candidate(self.space.architecture(data), Fidelity(4, horizon=4), number, "continue")
        self.asked += 1
        architecture = self.space.sample(random_for(self.seed, self.asked))
        return Candidate(architecture, Fidelity(1, horizon=4))

    def tell(self, trial: Trial) -> None:
        """Note what was measured."""
        if trial.metrics and not trial.candidate.continues:
            self.done.append((trial.number, trial.metrics["score"], trial.architecture.to_json()))

    def needed(self) -> set[int]:
        """Those that wait for a decision."""
        return {number for number, _, _ in self.done}

    def state_dict(self) -> dict[str, Any]:
        """How many were asked for, and who waits."""
        return {"asked": self.asked, "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.asked, self.done = state["asked"], [(n, score, data) for n, score, data in state["done"]]


def search(folder: Path, executor: str, strategy: str, seed: int, sleep: float) -> None:
    """A search, or the rest of one."""
    path, begun = folder / "trials.sqlite", folder / "experiment.json"
    made = Halving(SPACE, seed) if strategy == "halving" else make_strategy(strategy, SPACE, OBJECTIVES, seed)
    workers: Executor[Any, Any]
    workers = InlineExecutor() if executor == "inline" else ProcessesExecutor(2, threads=1)
    with SQLStore(f"sqlite:///{path}", "run", create=not begun.exists()) as store:
        begun.touch()  # as a run does: from here on it is resumed
        store.lock()
        experiment = Experiment(
            store=store,
            executor=workers,
            objectives=OBJECTIVES,
            pruner=MedianPruner(OBJECTIVES, minimum_trials=3),
            checkpoints=CheckpointFolder(folder / "checkpoints"),
        )
        estimator = ToyEstimator(SPACE, sleep=sleep, converses=True)
        evaluation = Evaluation(SPACE, estimator, OBJECTIVES, None)
        workers.open(TrialRunner({Stage.SEARCH: evaluation}, OBJECTIVES), experiment.answer)
        try:
            experiment.search(made, Budget(trials=TRIALS))
        finally:
            workers.close(now=True)


def forked(*arguments: Any) -> int:
    """A process that searches. It ends with 0 when the search has ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            search(*arguments)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def ended_within(pid: int, seconds: float) -> int | None:
    """The exit status of a process, None when it is still there."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def workers_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(word) for word in children.read().split()]


def recorded(folder: Path) -> tuple[dict[int, Trial], dict[int, list[Any]], list[Any]]:
    """Trials, reports and events as a reader sees them."""
    if not (folder / "experiment.json").exists():
        return {}, {}, []
    with SQLStore(f"sqlite:///{folder / 'trials.sqlite'}", "run", create=False) as store:
        return {t.number: t for t in store.trials()}, store.reports(), store.events()


def comparable(folder: Path) -> list[Any]:
    """What a search did, without what the clock says."""
    trials, reports, _ = recorded(folder)
    return [
        (t.candidate, t.state, t.metrics, [(r.step, r.metrics, r.verdict) for r in reports.get(t.number, [])])
        for t in trials.values()
    ]


def cell(executor: str, strategy: str, seed: int) -> dict[str, Any]:
    """One search that is killed until it has ended."""
    rng = random.Random(f"{executor} {strategy} {seed}")
    counts = dict.fromkeys(
        ("kills", "worker_kills", "lost", "doubled", "unresumable", "left_over", "failed"), 0
    )
    sleep = 0.004 if executor == "inline" else 0.03
    with tempfile.TemporaryDirectory() as name:
        folder, known, rows = Path(name), {}, {}  # type: ignore[var-annotated]
        while True:
            pid = forked(folder, executor, strategy, seed, sleep)
            longest = 0.35 if executor == "inline" else rng.choice([2.0, 12.0])
            status = ended_within(pid, rng.uniform(0.0, longest))
            if status is None and executor == "processes" and rng.random() < 0.15:
                workers = workers_of(pid)
                if workers:
                    os.kill(rng.choice(workers), signal.SIGKILL)
                    counts["worker_kills"] += 1
                status = ended_within(pid, rng.uniform(0.0, longest))
            if status is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                counts["kills"] += 1
            trials, reports, events = recorded(folder)
            counts["lost"] += sum(trials.get(n) != t for n, t in known.items())
            counts["lost"] += sum(len(reports.get(n, [])) < len(kept) for n, kept in rows.items())
            known = {n: t for n, t in trials.items() if t.state is not TrialState.RUNNING}
            rows = {n: [r for r in kept if r.verdict is not None] for n, kept in reports.items()}
            asked = [(kind, trial.number) for kind, trial in events]
            looks = [(SPACE.canonical(t.architecture), t.candidate.fidelity) for t in trials.values()]
            counts["doubled"] += len(asked) - len(set(asked)) + len(looks) - len(set(looks))
            if status == 0:
                break
            if status is not None:
                counts["unresumable"] += 1
                break
        new = sum(not trial.candidate.continues for trial in known.values())
        counts["unresumable"] += new != TRIALS
        counts["failed"] = sum(trial.state is TrialState.FAILED for trial in known.values())
        counts["left_over"] = len(list((folder / "checkpoints").glob("*"))) if strategy != "halving" else 0
        found = comparable(folder)
    differs = False
    if executor == "inline":
        with tempfile.TemporaryDirectory() as name:
            search(Path(name), executor, strategy, seed, 0.0)
            differs = comparable(Path(name)) != found
    return {"executor": executor, "strategy": strategy, "seed": seed, **counts, "differs": differs}


def main() -> None:
    """Run the cells that are missing, then sum up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--out", type=Path, default=Path("kills.jsonl"))
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    lines = wanted.out.read_text().splitlines() if wanted.out.exists() else []
    done = [json.loads(line) for line in lines]
    finished = {(line["executor"], line["strategy"], line["seed"]) for line in done}
    deadline = time.monotonic() + wanted.seconds
    strategies = ("halving", "evolution")
    for number in range(wanted.cells):
        executor = "inline" if number < wanted.cells // 2 else "processes"
        key = (executor, strategies[number % 2], number // 2)
        if key in finished or time.monotonic() > deadline:
            continue
        done.append(cell(*key))
        with wanted.out.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
            os.fsync(file.fileno())
    for executor in ("inline", "processes"):
        mine = [line for line in done if line["executor"] == executor]
        names = ["kills", "worker_kills", "lost", "doubled", "unresumable", "left_over", "failed", "differs"]
        told = ", ".join(f"{name.replace('_', ' ')} {sum(line[name] for line in mine)}" for name in names)
        print(f"{executor}: {len(mine)} searches, {told}")


if __name__ == "__main__":
    main()
