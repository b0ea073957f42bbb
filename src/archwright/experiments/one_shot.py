"""The stage before a one-shot search: training the supernet, one durable epoch after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import RunError, UsageError
from archwright.experiments.interrupts import Interrupts
from archwright.experiments.listener import Listener
from archwright.experiments.store import Stage, Store
from archwright.spaces import Architecture, Space

if TYPE_CHECKING:
    from archwright.supernets import OneShot
    from archwright.tasks import Task

__all__ = ["CHECKPOINT", "SUPERNET", "SupernetTraining", "read_epochs"]

CHECKPOINT = Path("checkpoints") / "one_shot.pt"
"""Where the method's state is, and what its epochs left, relative to the run's folder."""
SUPERNET = Path("checkpoints") / "supernet.pt"
"""Where the trained supernet is, for estimates by shared weights."""


class SupernetTraining:
    """Trains a supernet by a one-shot method and keeps its state after every epoch.

    Args:
        method: As it was made.
        space: The space.
        task: What to learn.
        folder: The run's folder.
        seed: Of the supernet's first weights.
        accelerator: Lightning Fabric's name of a device.
    """

    def __init__(
        self,
        method: OneShot,
        space: Space,
        task: Task,
        folder: Path,
        *,
        seed: int = 0,
        accelerator: str = "auto",
    ) -> None:
        self.method, self.space, self.task, self.folder = method, space, task, folder
        self.seed, self.accelerator = seed, accelerator
        self._is_set_up = False
        self._epochs: list[dict[str, Any]] = []

    def check(self) -> None:
        """Refuse a space whose decisions the method cannot share.

        Raises:
            UsageError: Names each of them, with the cure.
        """
        from archwright.supernets import check

        if problems := check(self.space, self.method, self.task.example_arguments()):
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise UsageError(f"the method cannot share weights over all decisions of this space:\n{listed}")

    def run(
        self, store: Store, listener: Listener, interrupts: Interrupts, minutes: float | None
    ) -> str | None:
        """Train, or go on with the training, until all epochs are done, the method stops or the time is over.

        Args:
            store: Open and locked; each epoch becomes a fact in it.
            listener: Is told of every step and epoch.
            interrupts: Says when to stop early.
            minutes: Of training over all sessions; None is no bound. At least one epoch is trained.

        Returns:
            Why it ended, in words; None when it was interrupted, and can go on.

        Raises:
            SearchError: When a loss is not finite.
        """
        from archwright.supernets.monitors import watch
        from archwright.supernets.storage import save_state, save_supernet

        if (reason := store.get("supernet_ended")) is not None:
            return str(reason)
        method = self._set_up()
        listener.stage_started(Stage.SUPERNET, method.epochs, method.done, minutes)
        method.on_step = lambda step, steps: listener.step_done(Stage.SUPERNET, step, steps)
        entries = self._restored(store)
        spent = sum(entry["seconds"] for entry in entries)
        # All epochs may be done already: an earlier session can have ended just before it could say so.
        ended = self._reason(spent, minutes) if method.done else None
        while ended is None and not interrupts.asked:
            begin = time.perf_counter()
            trained = method.epoch()
            metrics = {**trained.metrics, **watch(method, self.task)}
            seconds = time.perf_counter() - begin
            spent += seconds
            entry = {
                "epoch": method.done,
                "seconds": seconds,
                "metrics": metrics,
                "probabilities": method.probabilities(),
            }
            entries.append(entry)
            # In one file, so that whatever happens in between, neither is there without the other.
            state = {"method": method.state_dict(), "epochs": json.dumps(entries)}
            save_state(state, self.folder / CHECKPOINT)
            store.put(_key(method.done), entry)
            listener.epoch_finished(entry, method.epochs)
            ended = self._reason(spent, minutes)
        method.on_step = None
        listener.stage_finished(Stage.SUPERNET)
        if ended is not None:
            save_supernet(method.supernet, self.folder / SUPERNET)
            store.put("supernet_ended", ended)
            text = f"supernet trained: {ended}"
            store.say(text)
            listener.said(text)
        return ended

    def proposals(self) -> Iterator[Architecture]:
        """What the trained method proposes."""
        return self._set_up().proposals()

    def _restored(self, store: Store) -> list[dict[str, Any]]:
        """What the epochs of earlier sessions left; the store gets what it has lost of them."""
        for entry in self._epochs[len(read_epochs(store)) :]:
            store.put(_key(entry["epoch"]), entry)
        return list(self._epochs)

    def _reason(self, spent: float, minutes: float | None) -> str | None:
        method = self.method
        if method.done >= method.epochs:
            return f"{method.epochs} epoch{'s' * (method.epochs != 1)}"
        if (early := method.stops_early()) is not None:
            return f"stopped after epoch {method.done} of {method.epochs}: {early}"
        if minutes is not None and spent >= minutes * 60:
            return f"{minutes:g} minutes, in epoch {method.done} of {method.epochs}"
        return None

    def _set_up(self) -> OneShot:
        """The method with its supernet, at its last checkpoint where there is one."""
        if not self._is_set_up:
            from archwright.learning.devices import make_fabric
            from archwright.learning.randomness import seeded
            from archwright.supernets import Supernet
            from archwright.supernets.storage import load_state

            device = make_fabric(self.accelerator, 1, "32-true").device
            with seeded(self.seed, device):
                supernet = Supernet(self.space, self.task.example_arguments()).to(device)
                self.method.setup(supernet, self.task)
            if (self.folder / CHECKPOINT).exists():
                state = load_state(self.folder / CHECKPOINT)
                if not {"method", "epochs"} <= state.keys():
                    raise RunError(
                        f"{self.folder / CHECKPOINT} is no checkpoint of this version's; search anew with another --out"
                    )
                self.method.load_state_dict(state["method"])
                self._epochs = json.loads(state["epochs"])
            self._is_set_up = True
        return self.method


def read_epochs(store: Store) -> list[dict[str, Any]]:
    """What each epoch of the supernet left, in order: "epoch" (from 1), "seconds", "metrics", "probabilities"."""
    found: list[dict[str, Any]] = []
    while (entry := store.get(_key(len(found) + 1))) is not None:
        found.append(entry)
    return found


def _key(epoch: int) -> str:
    return f"supernet.epoch.{epoch}"
