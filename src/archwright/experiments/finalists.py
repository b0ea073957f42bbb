"""The networks that a run chooses from, each trained at full length once or several times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archwright.experiments.store import Stage
from archwright.trials import Trial, TrialState

__all__ = [
    "HAND_MADE",
    "LONGER",
    "MATCHED",
    "MEMBERS",
    "ORIGINAL",
    "OTHERS",
    "REPEAT",
    "Finalist",
    "finalists_of",
    "refit_number",
]

REPEAT = 10_000_000
"""Repetition r of the training number n of a stage has the number r · REPEAT + n."""

MEMBERS = 100
"""Repetitions from this one on were trained for an ensemble, and count in no choice."""

LONGER = 200
"""The repetitions from this one on train the chosen network for longer, by a variant of the recipe; they count in no
choice."""

MATCHED = LONGER - 1
"""The repetition in which the network as it was given is trained for as long as the chosen one, where its first
training was not; it counts in no choice. An ensemble, whose members are trainings of the chosen one, has none of it."""

OTHERS = REPEAT // 2
"""In `REFIT`, where all finalists meet, what has the number n in `BASELINE` has the number OTHERS + n."""

HAND_MADE = "the hand-made network"
ORIGINAL = "the network as it was given"
"""What the trained network is called from which the space was made; it is trained by the recipe as its members are, for
as many epochs as take as long."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """A network that was trained at full length, to be chosen or compared with.

    Args:
        name: What it is called: "trial 12", "the hand-made network", or as the user named it.
        stage: `RETRAIN` for those that the search found, `BASELINE` for the others.
        number: Of the search's trial, or its place among the others: 0 for the hand-made one.
        trials: Its trainings by repetition. The first has the task's own split, as all that keep their weights have.
    """

    name: str
    stage: Stage
    number: int
    trials: dict[int, Trial]

    @property
    def first(self) -> Trial | None:
        """The first training, where it was measured."""
        trial = self.trials.get(0)
        return trial if trial is not None and trial.is_measured else None

    @property
    def measured(self) -> dict[int, Trial]:
        """The trainings by which it is compared, as far as they were measured, by repetition."""
        return {r: trial for r, trial in self.trials.items() if trial.is_measured and r < MEMBERS}

    @property
    def failed(self) -> dict[int, Trial]:
        """Those that failed, by repetition."""
        return {r: t for r, t in self.trials.items() if t.state is TrialState.FAILED and r < MEMBERS}

    @property
    def on_own_split(self) -> dict[int, Trial]:
        """The trainings that were measured on the task's own validation data, by repetition."""
        return {
            repeat: trial
            for repeat, trial in self.trials.items()
            if trial.is_measured and trial.candidate.effort.folds is None
        }


def refit_number(stage: str, number: int) -> int:
    """The number that a training of a finalist has in `REFIT`.

    Args:
        stage: The training's.
        number: Its number there.
    """
    return number + (OTHERS if stage == Stage.BASELINE else 0)


def finalists_of(found: Iterable[Trial], others: Iterable[Trial], names: dict[int, str]) -> list[Finalist]:
    """The finalists of a run, those that the search found first.

    Args:
        found: The trials of `RETRAIN`, of any repetition.
        others: Those of `BASELINE`.
        names: What the others are called, by their places; without one it is the hand-made network.
    """
    groups: dict[tuple[Stage, int], dict[int, Trial]] = {}
    for stage, trials in ((Stage.RETRAIN, found), (Stage.BASELINE, others)):
        for trial in trials:
            repeat, number = divmod(trial.number, REPEAT)
            groups.setdefault((stage, number), {})[repeat] = trial
    return [
        Finalist(
            f"trial {number}" if stage is Stage.RETRAIN else names.get(number, HAND_MADE),
            stage,
            number,
            trials,
        )
        for (stage, number), trials in groups.items()
    ]
