"""What the networks that were trained at full length are called, and what is to be said of them in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archwright.durations import count_of, duration
from archwright.experiments.finalists import HAND_MADE, LONGER, ORIGINAL, REPEAT, Finalist
from archwright.objectives import Objective, optimized
from archwright.references import is_object_reference
from archwright.reports.wording import capital, metric_name, metric_text

if TYPE_CHECKING:
    from archwright.experiments import Run
    from archwright.trials import Trial

__all__ = [
    "ensemble_note",
    "epochs_beside",
    "finalist_notes",
    "how_long",
    "limits_broken",
    "short_names",
    "training_note",
]

_AS_LONG = 1.25
"""Times that differ by less, or by less than an epoch, are told as the same."""


def short_names(run: Run) -> dict[str, str]:
    """What finalists are called over a column: of a reference the file without its folders, where that is enough."""
    names = [finalist.name for finalist in run.finalists]
    short = {
        name: name.replace("\\", "/").rpartition("/")[2] if is_object_reference(name) else name
        for name in names
    }
    counts = Counter(short.values())
    return {name: short[name] if counts[short[name]] == 1 else name for name in names}


def limits_broken(run: Run, finalist: Finalist) -> list[Objective]:
    """The limits that a finalist does not keep, so that it cannot be chosen."""
    metrics = finalist.first.metrics if finalist.first else {}
    return [o for o in run.config.objectives if o.name in metrics and o.violation(metrics[o.name]) > 0]


def ensemble_note(run: Run) -> str:
    """What an ensemble gains by validation, or loses; "" where none is delivered."""
    if not run.ensemble_won or run.ensemble is None:
        return ""
    first = optimized(run.config.objectives)[0]
    both, alone = run.ensemble.validation[first.name], run.ensemble.single[first.name]
    told = f"By validation its {metric_name(first.name)} is {metric_text(first.name, both)}"
    other = f"of the chosen network alone, {metric_text(first.name, alone)}"
    if first.loss(both) <= first.loss(alone):
        return f"{told}, that {other}."
    losses = [scores.get("loss") for scores in (run.ensemble.validation, run.ensemble.single)]
    shown = " and ".join(metric_text("loss", loss) for loss in losses if loss is not None)
    return (
        f"{told}, worse than that {other}: the ensemble is delivered since one was asked for, and its members were "
        f"selected by their loss together{f' ({shown})' if shown else ''}."
    )


def is_int8_score(name: str) -> bool:
    """Whether what was measured of the winner is a test score in INT8, rather than a size."""
    return name.startswith("int8_") and name != "int8_size"


def finalist_notes(run: Run) -> list[str]:
    """What a reader of the choice should know; a sentence each.

    What the winner was predicted to take and what it takes; how long it, and the network as it was given, were
    trained; why finalists could not be chosen, or are compared by fewer trainings than others.
    """
    notes = [
        f"{metric_name(name)} of the chosen network: {metric_text(name, told['predicted'])} predicted, "
        f"{metric_text(name, told['measured'])} measured at the end on the machine of the run."
        for name, told in (run.measured or {}).items()
        if not is_int8_score(name)
    ]
    notes += [
        f"{metric_name(score)} of the chosen network on the test split after quantisation to INT8: "
        f"{metric_text(score, told['measured'])}; as it is {metric_text(score, told['predicted'])}."
        for name, told in (run.measured or {}).items()
        if is_int8_score(name) and (score := name.removeprefix("int8_")) in (run.test or {})
    ]
    notes += _origin_note(run) + training_note(run)
    for finalist in run.finalists:
        name = capital(finalist.name) if not is_object_reference(finalist.name) else finalist.name
        if broken := limits_broken(run, finalist):
            assert finalist.first is not None
            has = " and ".join(
                f"{metric_text(o.name, finalist.first.metrics[o.name])} {metric_name(o.name)}" for o in broken
            )
            limits = " and ".join(o.limit_text for o in broken)
            notes.append(
                f"{name} could not be chosen, it is shown for comparison: it has {has}, and {limits} was asked for."
            )
        failed = finalist.failed
        if not failed:
            continue
        why = (next(iter(failed.values())).error or "no reason was recorded").splitlines()[0].rstrip(".")
        if finalist.first is None:
            notes.append(f"{name} could not be trained at full length: {why}.")
        else:
            trainings = count_of(len(failed) + len(finalist.measured), "training")
            notes.append(
                f"{name} failed in {len(failed)} of {trainings}, and is compared by the others: {why}."
            )
    return notes


def _origin_note(run: Run) -> list[str]:
    if run.choice is None or run.choice.name != HAND_MADE or ORIGINAL not in run.config.compare:
        return []
    return [
        "The hand-made network is not made from yours; where what is delivered must be, leave it out by --no-baseline."
    ]


def epochs_beside(run: Run) -> tuple[int, int] | None:
    """For how many epochs the winner was trained, and the hand-made network; None unless the winner was for longer."""
    if run.winner is None or run.baseline is None or run.won_by == HAND_MADE:
        return None
    if run.winner.number // REPEAT < LONGER:
        return None
    longer, usual = run.winner.candidate.effort.epochs, run.baseline.candidate.effort.epochs
    return longer or run.config.recipe.epochs, usual or run.config.recipe.epochs


def training_note(run: Run) -> list[str]:
    """How long the winner, and the hand-made network or the one as it was given, were trained."""
    if (both := epochs_beside(run)) is not None:
        told = (
            f"The chosen network was trained once more for what is delivered, for {count_of(both[0], 'epoch')}; the "
            f"hand-made network was trained for {both[1]}, as both were when one was chosen."
        )
        return [told, *_given_note(run)]
    return _given_note(run)


def _given_note(run: Run) -> list[str]:
    if run.given is None or run.winner is None or run.won_by == ORIGINAL:
        return []
    pair = run.winner, run.given
    both = [
        f"{count_of(len(trial.measurement.curve), 'epoch')} in {duration(_trained_seconds(trial))}"
        for trial in pair
        if trial.measurement is not None
    ]
    if len(both) < 2:
        return []
    verb = "fine-tuned" if run.winning_number is not None else "trained"
    return [f"The chosen network was {verb} for {both[0]}, {ORIGINAL} fine-tuned {how_long(run)}: {both[1]}."]


def how_long(run: Run) -> str:
    """For how long the network as it was given was fine-tuned, beside the winner, in words."""
    if run.given is None or run.winner is None or run.given.measurement is None:
        return "by the same recipe"
    epochs, own = len(run.given.measurement.curve), _trained_seconds(run.winner)
    longer = _trained_seconds(run.given) - own
    near = (_AS_LONG - 1) * own
    if epochs == 1 and longer > near:
        return "for a single epoch, which takes longer"
    if abs(longer) <= max(near, _trained_seconds(run.given) / max(1, epochs)):
        return "for as long"
    return "for longer" if longer > 0 else "for a shorter time"


def _trained_seconds(trial: Trial) -> float:
    """Seconds that a training took, without those in which its process was dead or waited for another."""
    return trial.measurement.seconds if trial.measurement else 0.0
