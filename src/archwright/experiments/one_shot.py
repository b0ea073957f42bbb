"""The stage before a one-shot search: training the supernet, so that it goes on in mid-epoch after any end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.atomic_writing import load_state, save_state
from archwright.durations import count_of
from archwright.errors import RunError, SearchError, TrialError, UsageError
from archwright.experiments.interrupts import Interrupts
from archwright.experiments.listener import Listener
from archwright.experiments.store import Stage, Store
from archwright.spaces import Architecture, Space

if TYPE_CHECKING:
    from archwright.learning import Trainer
    from archwright.learning.ranks import Ranks
    from archwright.supernets import OneShot
    from archwright.tasks import Task

__all__ = ["CHECKPOINT", "SUPERNET", "SupernetTraining", "read_epochs"]

CHECKPOINT = Path("checkpoints") / "one_shot.pt"
"""Where the method's state is, and what its epochs left, relative to the run's folder."""
SUPERNET = Path("checkpoints") / "supernet.pt"
"""Where the trained supernet is, for estimates by shared weights."""
_PERIOD = 60.0
"""Seconds between checkpoints in mid-epoch."""
_ON, _SAVE, _STOP = 0, 1, 2
"""What the first rank says after each step: go on, keep a checkpoint first, or keep one and stop."""


class SupernetTraining:
    """Trains a supernet by a one-shot method and keeps its state, after every epoch and in its middle.

    Args:
        method: As it was made.
        space: The space.
        task: What to learn.
        folder: The run's folder.
        seed: Of the supernet's first weights.
        accelerator: Lightning Fabric's name of a device.
        devices: How many devices train it together, or their indices.
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
        devices: int | Sequence[int] = 1,
    ) -> None:
        self.method, self.space, self.task, self.folder = method, space, task, folder
        self.seed, self.accelerator, self.devices = seed, accelerator, devices
        self._trainer: Trainer | None = None
        self._epochs: list[dict[str, Any]] = []
        self._seconds = 0.0  # of the epoch that has begun
        self._has_ended = False

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
            SearchError: When a loss is not finite, or one of several processes dies.
        """
        from archwright.learning.devices import devices_of, make_fabric
        from archwright.learning.ranks import joined

        if (reason := store.get("supernet_ended")) is not None:
            self._has_ended = True
            return str(reason)
        found = devices_of(self.devices, self.accelerator)
        places = [make_fabric(self.accelerator, one, "32-true").device for one in found]
        follower = SupernetTraining(
            self.method,
            self.space,
            self.task,
            self.folder.absolute(),
            seed=self.seed,
            accelerator=self.accelerator,
            devices=self.devices,
        )
        try:
            with joined(len(places), follower.follow, places) as ranks:
                return self._lead(ranks, store, listener, interrupts, minutes)
        except TrialError as error:
            if len(places) == 1:
                raise
            raise SearchError(
                f"the training of the supernet ended: {error}; archwright resume {self.folder} goes on from its last "
                "checkpoint"
            ) from error

    def follow(self, ranks: Ranks) -> None:
        """Train as a rank after the first, which says when to stop, and keep nothing."""
        trainer = self._set_up(ranks)
        if ranks.agree(False):
            return
        with trainer.randomness.drawing():
            for _ in trainer.run():
                told = ranks.agree(_ON)
                if told != _ON:
                    trainer.state_dict()
                if told == _STOP:
                    return

    def _lead(
        self,
        ranks: Ranks,
        store: Store,
        listener: Listener,
        interrupts: Interrupts,
        minutes: float | None,
    ) -> str | None:
        """What `run` does, as the first rank."""
        from archwright.learning.ranks import ALONE
        from archwright.supernets.storage import save_supernet

        trainer = self._set_up(ranks)
        for entry in self._epochs[len(read_epochs(store)) :]:  # what the store has lost of earlier sessions
            store.set_fact(_key(entry["epoch"]), entry)
        listener.stage_started(Stage.SUPERNET, self.method.epochs, trainer.epoch, minutes)
        # All epochs may be done already: an earlier session can have ended just before it could say so.
        ended = self._reason(minutes) if trainer.epoch else None
        try:
            if not ranks.agree(ended is not None):
                with trainer.randomness.drawing():
                    ended = self._train(trainer, store, listener, interrupts, minutes)
        finally:
            listener.stage_finished(Stage.SUPERNET)
        trainer.ranks = ALONE  # the other processes have gone
        if ended is not None:
            save_supernet(self.method.supernet, self.folder / SUPERNET)
            store.set_fact("supernet_ended", ended)
            text = f"supernet trained: {ended}"
            store.log(text)
            listener.log(text)
        return ended

    def proposals(self) -> Iterator[Architecture]:
        """What the trained method proposes."""
        self._set_up()
        return self.method.proposals()

    def _train(
        self,
        trainer: Trainer,
        store: Store,
        listener: Listener,
        interrupts: Interrupts,
        minutes: float | None,
    ) -> str | None:
        """Train, and save after every epoch, every minute and before an interruption."""
        from archwright.supernets.methods.one_shot import finite
        from archwright.supernets.monitors import watch

        ranks, now = trainer.ranks, time.perf_counter()
        saved = now
        for event in trainer.run():
            if event.kind == "step":
                listener.step_done(Stage.SUPERNET, event.step, event.steps)
                before, now = now, time.perf_counter()
                self._seconds += now - before
                told = _STOP if interrupts.asked else _SAVE if now - saved > _PERIOD else _ON
                if ranks.agree(told) != _ON:
                    self._save(trainer)
                    saved = now
                if told == _STOP:
                    return None
                continue
            metrics = {**finite(event.metrics, event.epoch), **watch(self.method, self.task)}
            before, now = now, time.perf_counter()
            entry = {
                "epoch": event.epoch,
                "seconds": self._seconds + now - before,
                "metrics": metrics,
                "probabilities": self.method.probabilities(),
            }
            self._epochs.append(entry)
            self._seconds = 0.0
            ended = self._reason(minutes)
            is_over = ended is not None or interrupts.asked
            ranks.agree(_STOP if is_over else _SAVE)
            # In one file, so that whatever happens in between, neither is there without the other.
            self._save(trainer)
            saved = now
            store.set_fact(_key(event.epoch), entry)
            listener.epoch_finished(entry, self.method.epochs)
            if is_over:
                return ended
        return None

    def _save(self, trainer: Trainer) -> None:
        epochs = json.dumps(self._epochs)
        state = {"trainer": trainer.state_dict(), "epochs": epochs, "seconds": self._seconds}
        save_state(state, self.folder / CHECKPOINT)

    def _reason(self, minutes: float | None) -> str | None:
        """Why the training is over, if it is."""
        method, done = self.method, len(self._epochs)
        if done >= method.epochs:
            return count_of(method.epochs, "epoch")
        if (early := method.stops_early()) is not None:
            return f"stopped after epoch {done} of {method.epochs}: {early}"
        spent = sum(entry["seconds"] for entry in self._epochs) + self._seconds
        if minutes is not None and spent >= minutes * 60:
            return f"{minutes:g} minutes, in epoch {done} of {method.epochs}"
        return None

    def _set_up(self, ranks: Ranks | None = None) -> Trainer:
        """The trainer with its supernet, at its last checkpoint where there is one."""
        if self._trainer is None:
            from archwright.learning import seeded
            from archwright.learning.devices import devices_of, make_fabric
            from archwright.learning.ranks import ALONE
            from archwright.supernets import Supernet

            ranks = ranks or ALONE
            place = devices_of(self.devices, self.accelerator)[ranks.rank]
            device = make_fabric(self.accelerator, place, "32-true").device
            where: dict[str, Any] = {"accelerator": self.accelerator, "device": place, "ranks": ranks}
            with seeded(self.seed, device):
                supernet = Supernet(self.space, self.task.example_arguments())
                trainer = self.method.trainer(supernet, self.task, **where)
            if (self.folder / CHECKPOINT).exists():
                state = load_state(self.folder / CHECKPOINT, "checkpoint", "; search anew with another --out")
                if {"method", "epochs"} <= state.keys():
                    state = self._upgraded(state, trainer)
                if not {"trainer", "epochs", "seconds"} <= state.keys():
                    raise RunError(
                        f"{self.folder / CHECKPOINT} is no checkpoint of this version's; search anew with another --out"
                    )
                trainer.load_state_dict(state["trainer"])
                self._epochs, self._seconds = json.loads(state["epochs"]), state["seconds"]
            self._trainer = trainer
        return self._trainer

    def _upgraded(self, old: dict[str, Any], trainer: Trainer) -> dict[str, Any]:
        """A checkpoint of a training that ended in format 1 (Archwright 0.1), for what the method proposes.

        Raises:
            RunError: When the training had not ended: its streams of data cannot be told.
        """
        if not self._has_ended:
            raise RunError(
                f"{self.folder / CHECKPOINT} was written by Archwright 0.1.0 before the supernet was trained, and this "
                "version cannot go on from there; search anew with another --out"
            )
        method = old["method"]
        search = method.get("search", method)
        drawn = {"generator": search["randomness"]["gates"], "sampler": search["randomness"]["sampler"]}
        step: dict[str, Any] = {"early_stop": None, **search, **drawn}
        if search is not method:
            step = {"stage": method["stage"], "allowed": method["allowed"], "dropped": 0.0, "search": step}
        optimizers = {name: search[name] for name in ("weights", "architecture") if name in search}
        new = {
            "epoch": method["done"],
            "network": search["supernet"],
            "optimizers": optimizers,
            "method": step,
        }
        return {"trainer": {**trainer.state_dict(), **new}, "epochs": old["epochs"], "seconds": 0.0}


def read_epochs(store: Store) -> list[dict[str, Any]]:
    """What each epoch of the supernet left, in order: "epoch" (from 1), "seconds", "metrics", "probabilities"."""
    found: list[dict[str, Any]] = []
    while (entry := store.get(_key(len(found) + 1))) is not None:
        found.append(entry)
    return found


def _key(epoch: int) -> str:
    return f"supernet.epoch.{epoch}"
