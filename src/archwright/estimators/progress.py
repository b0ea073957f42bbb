"""What a training tells its trial, and what it takes up from an earlier one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from archwright.errors import TrialError
from archwright.learning.best import BestEpoch
from archwright.learning.trainer import Event, Trainer
from archwright.trials import Candidate, TrialContext, Verdict
from archwright.trials.context import plain_metrics

__all__ = ["TrialProgress", "told_before"]

_CURE = "use a smaller learning_rate, a warm-up or gradient_clip"


class TrialProgress:
    """A training in conversation with its trial: curve, best epoch, checkpoints, verdicts.

    Args:
        trainer: What trains.
        trial: Is told.
        architecture: What is trained, as JSON's own types; kept for whoever inherits the weights.
        epochs: How many epochs there are in all.
        started: When the training began, by `time.perf_counter`.
        checkpoint_seconds: At least so many lie between two checkpoints.

    Attributes:
        curve: An entry for each epoch of this trial.
        earlier: The entries of the trials that it continues.
        started: When its first attempt would have begun, had it not been interrupted.
        ended: True when no further epoch is to be trained.
    """

    def __init__(
        self,
        trainer: Trainer,
        trial: TrialContext,
        architecture: dict[str, Any],
        epochs: int,
        started: float,
        checkpoint_seconds: float,
    ) -> None:
        self.trainer, self.trial, self.architecture, self.epochs = trainer, trial, architecture, epochs
        self.started, self.checkpoint_seconds = started, checkpoint_seconds
        self.curve: list[dict[str, float]] = []
        self.earlier: list[dict[str, float]] = []
        self.scores: dict[str, float] = {}
        self.best = BestEpoch(trainer.task.metric)
        self.ended = False
        self._saved = started

    def resume(self, candidate: Candidate) -> None:
        """Go on from this trial's own checkpoint, or else from that of the parent which the candidate continues.

        Raises:
            TrialError: When the parent left none, or one of another network.
        """
        ranks = self.trainer.ranks
        own = ranks.share(self.trial.own is not None)  # the other processes have no trial to ask
        checkpoint = self.trial.own or (self.trial.parent if candidate.continues else None)
        if ranks.is_first and candidate.continues and checkpoint is None:
            raise TrialError(f"trial {candidate.parent} left no checkpoint that could be continued")
        state = ranks.share(checkpoint.load() if ranks.is_first and checkpoint is not None else None)
        if state is None:
            return
        try:
            self.trainer.load_state_dict(state["trainer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrialError(
                f"the checkpoint is of another network or another version: {str(error).partition(chr(10))[0]}"
            ) from error
        self.best.load_state_dict(state["best"])
        self.scores = dict(state["scores"])
        self.earlier = told_before(state, is_own=own)
        if own:
            self.curve = [dict(entry) for entry in state["curve"]]
            self.started -= state["seconds"]
            if self.curve and not self.trainer.is_in_epoch:
                # The answer may have been lost with the attempt; it is given again.
                self.ended = self._ends(self.trainer.epoch, self._report(None))
        elif self.trainer.epoch >= self.epochs:  # nothing is left to train, but something to go on from
            self.ended, left = True, self._state()
            if ranks.is_first:
                self.trial.save(self.trainer.updates, left)

    def step(self) -> None:
        """After a step: keep a checkpoint where the last one is old."""
        ranks = self.trainer.ranks
        if ranks.agree(self._is_due()):
            state = self._state()
            if ranks.is_first:
                self.trial.save(self.trainer.updates, state)

    def epoch(self, event: Event) -> None:
        """After an epoch: score, tell the trial, keep a checkpoint where one is due, see whether to go on.

        Raises:
            TrialError: When a loss is not finite.
        """
        ranks, patience = self.trainer.ranks, self.trainer.recipe.early_stopping
        _check_finite("training", {"loss": event.metrics["train_loss"]}, event.epoch)
        if ranks.is_first:
            self.scores = plain_metrics(self.trainer.evaluate())  # a checkpoint holds plain numbers alone
            _check_finite("validation", self.scores, event.epoch)
            entry: dict[str, float] = {
                "epoch": event.epoch,
                "train_loss": event.metrics["train_loss"],
                "learning_rate": self.trainer.optimizers["weights"].param_groups[0]["lr"],
                "seconds": time.perf_counter() - self.started,
                **self.scores,
            }
            self.curve.append(entry)
            if patience is not None:
                self.best.update(event.epoch, self.scores, self.trainer.network)
        keeps = self._ends(event.epoch, Verdict.GO_ON) or ranks.agree(self._is_due())
        verdict = self._report(self._state() if keeps else None)
        self.ended = self._ends(event.epoch, verdict)

    def finish(self) -> dict[str, float]:
        """The scores of the network, which goes back to its best epoch where that was asked for."""
        if self.trainer.recipe.early_stopping is not None and self.trainer.ranks.is_first:
            return self.best.restore(self.trainer.network)
        return self.scores

    def _ends(self, epoch: int, verdict: Verdict) -> bool:
        """True if no further epoch is to be trained: the first rank's word."""
        patience = self.trainer.recipe.early_stopping
        is_over = patience is not None and epoch - self.best.epoch >= patience
        return bool(self.trainer.ranks.agree(is_over or epoch >= self.epochs or verdict is Verdict.STOP))

    def _report(self, state: dict[str, Any] | None) -> Verdict:
        if not self.trainer.ranks.is_first:
            return Verdict.GO_ON
        return self.trial.report(self.trainer.updates, self.curve[-1], state)

    def _is_due(self) -> bool:
        return time.perf_counter() - self._saved >= self.checkpoint_seconds

    def _state(self) -> dict[str, Any]:
        self._saved = time.perf_counter()
        return {
            "trainer": self.trainer.state_dict(),
            "architecture": self.architecture,
            "best": self.best.state_dict(),
            "scores": self.scores,
            "curve": self.curve,
            "earlier": self.earlier,
            "seconds": self._saved - self.started,
        }


def told_before(state: Mapping[str, Any], *, is_own: bool) -> list[dict[str, float]]:
    """The curve of the trials that one continues which has a checkpoint of its own, or only that of its parent."""
    curve = [
        *state.get("earlier", ()),
        *(() if is_own else state["curve"]),
    ]  # older checkpoints have no "earlier"
    return [dict(entry) for entry in curve]


def _check_finite(part: str, scores: Mapping[str, float], epoch: int) -> None:
    loss = scores.get("loss", 0.0)  # a task with an evaluate() of its own may give none
    if not math.isfinite(loss):
        told = "NaN" if math.isnan(loss) else "infinite"
        raise TrialError(f"the {part} loss became {told} in epoch {epoch}; {_CURE}")
