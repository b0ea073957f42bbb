"""What came out, in one sentence and a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archwright.durations import count_of, duration
from archwright.experiments import Stage
from archwright.experiments.finalists import HAND_MADE, ORIGINAL
from archwright.experiments.judgement import judgement_sentence
from archwright.objectives import Direction, direction_of
from archwright.reports.failures import failure_groups
from archwright.reports.finalists import ensemble_note, epochs_beside, how_long, limits_broken
from archwright.reports.judged import judgement_to_show
from archwright.reports.ranking import completed, first_objective, value_of
from archwright.reports.supernet import (
    BY_SHARED_WEIGHTS,
    is_by_shared_weights,
    searched_metric,
    supernet_progress,
)
from archwright.reports.wording import capital, is_share, metric_name, metric_text
from archwright.trials import Trial, TrialState

if TYPE_CHECKING:
    from archwright.experiments import Judgement, Run

__all__ = ["REFIT", "KeyNumber", "headline", "key_numbers", "shown_trial", "trial_counts"]


REFIT = (
    "The delivered weights were trained once more, on training and validation data together, and were not validated: "
    "all scores are of the same network trained on the training data alone."
)


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One number at the top of the page.

    Args:
        label: What it is.
        value: The number with its unit.
        note: What to compare it with; may be empty.
        trend: "better", "worse" or "" beside the hand-made network.
    """

    label: str
    value: str
    note: str = ""
    trend: str = ""


def shown_trial(run: Run) -> Trial | None:
    """The network that the report is about: the winner after retraining, else the best of the search."""
    return run.winner or run.best


def trial_counts(run: Run) -> dict[str, int]:
    """State to number of trials of the search, in the order of `TrialState`."""
    counts = Counter(trial.state for trial in run.trials)
    return {str(state): counts[state] for state in TrialState}


def headline(run: Run) -> str:
    """What came out, in one sentence; another on an ensemble, and on delivered weights that were not tested."""
    more = [ensemble_note(run) if run.test else "", REFIT if run.is_refit else ""]
    return " ".join(filter(None, [capital(_sentence(run)), *more]))


def _sentence(run: Run) -> str:
    if run.config.judge is not None and completed(run):
        return f"{judgement_sentence(run)}."
    best = shown_trial(run)
    if best is None:
        return _nothing(run)
    if run.test:
        name = _headline_metric(run, run.test)
        text = f"{_measured(name, run.test[name], 'test')}{_with_params(best)}"
        if run.ensemble_won:
            return f"{text}{_together(run)}{_given(run, name)}{_hand_made(run, name)}."
        if run.winning_number is None:
            return (
                f"no better network than {_ours(run)} was found: {text}{_best_found(run)}{_given(run, name)}."
            )
        return f"{text}{_given(run, name)}{_hand_made(run, name)}{_how_sure(run)}."
    name = first_objective(run).name
    score = _measured(name, value_of(best, name), "validation")
    if run.winner is None and searched_metric(run, name) != metric_name(name):
        score += f" {BY_SHARED_WEIGHTS}"
    text = f"{score}{_with_params(best)}, by trial {best.number}"
    done = sum(trial.state is not TrialState.RUNNING for trial in run.trials)
    if run.state == "running":
        return f"Still running after {count_of(done, 'trial')}: the best has {text}."
    if run.state == "stopped":
        return f"Stopped after {count_of(done, 'trial')}: the best has {text}."
    return f"{text}; it was not retrained, so nothing is known of the test split."


def _hand_made(run: Run, name: str) -> str:
    if not run.baseline_test or name not in run.baseline_test:
        return ""
    both = epochs_beside(run)
    told = metric_text(name, run.baseline_test[name], 1)
    trained = "" if both is None else f", trained for {count_of(both[1], 'epoch')} rather than {both[0]}"
    params, broken = _with_params(run.baseline, short=True), _ruled_out(run, HAND_MADE)
    return f"; the hand-made network{trained}: {told}{params}{broken}"


def _given(run: Run, name: str) -> str:
    """What the network as it was given reaches in the same time, where it is not the winner."""
    score = run.compared_test.get(ORIGINAL, {}).get(name)
    if score is None or run.given is None or run.won_by == ORIGINAL:
        return ""
    told = f"{metric_text(name, score, 1)}{_with_params(run.given, short=True)}"
    return f"; {ORIGINAL}, fine-tuned {how_long(run)}: {told}{_ruled_out(run, ORIGINAL)}"


def _ruled_out(run: Run, name: str) -> str:
    broken = next((limits_broken(run, f) for f in run.finalists if f.name == name), [])
    return f", which {' and '.join(o.limit_text for o in broken)} rules out" if broken else ""


def _together(run: Run) -> str:
    """Of which networks the ensemble consists."""
    assert run.ensemble is not None
    counts = Counter(member.name for member in run.ensemble.members)
    told = ", ".join(f"{count} of {name}" if count > 1 else name for name, count in counts.items())
    return f", by {run.won_by} ({told})"


def _ours(run: Run) -> str:
    return str(run.won_by) if run.won_by == HAND_MADE else f"your own, {run.won_by},"


def _best_found(run: Run) -> str:
    """How far behind the best of what the search found is, by validation."""
    if run.choice is None:
        return ""
    found = {f.name for f in run.finalists if f.stage == Stage.RETRAIN}
    behind = [c for c in run.choice.comparisons if c.name in found]
    if not behind:
        return "; none that the search found could be trained at full length"
    nearest = min(behind, key=lambda comparison: comparison.difference)
    name, difference = run.choice.metric, abs(nearest.difference)
    far = f"{100 * difference:.2f} points" if is_share(name) else metric_text(name, difference)
    return (
        f"; the best that the search found, {nearest.name}, is {far} of validation {metric_name(name)} behind"
    )


def _how_sure(run: Run) -> str:
    """The probability that the winner is better than the hand-made network."""
    known = run.choice.comparisons if run.choice else ()
    probability = next((c.probability for c in known if c.name == HAND_MADE), None)
    if probability is None:
        return ""
    shown = f"{min(max(probability, 0.01), 0.99):.2f}".lstrip("0")
    alike = "" if epochs_beside(run) is None else ", after as many epochs,"
    return f"; by validation{alike} it is better than that with probability {shown}"


def _headline_metric(run: Run, test: Mapping[str, float]) -> str:
    wanted = [first_objective(run).name, run.config.task.metric, *test]
    return next(str(name) for name in wanted if name in test)


def _measured(name: str, value: float | None, split: str) -> str:
    text = metric_text(name, value, 1)
    if name in ("params", "flops"):
        return f"{text} {metric_name(name)}"
    return f"{text} {split} {metric_name(name)}" if is_share(name) else f"{split} {metric_name(name)} {text}"


def _with_params(trial: Trial | None, short: bool = False) -> str:
    params = value_of(trial, "params") if trial else None
    if params is None:
        return ""
    return f" with {metric_text('params', params)}" + ("" if short else " parameters")


def _nothing(run: Run) -> str:
    counts = trial_counts(run)
    ended = sum(counts.values()) - counts["running"]
    if not ended and (told := _training(run)) is not None:
        return told
    if not ended:
        return "No trial has finished yet." if run.state == "running" else "No trial was finished."
    if counts["failed"] == ended:
        reason = failure_groups(run.trials)[0].reason.rstrip(".")
        every = "The only trial failed" if ended == 1 else f"All {ended:,} trials failed"
        return f"{every}; {'the reason' if ended == 1 else 'most often'}: {reason}."
    if counts["infeasible"] == ended:
        return f"{_all(ended)} over a limit before any training."
    parts = _by_state(
        counts,
        completed="completed outside the limits or without a score",
        pruned="pruned",
        failed="failed",
        infeasible="over a limit before any training",
    )
    return f"No network of {count_of(ended, 'trial')} can be chosen: {parts}."


def _by_state(counts: Mapping[str, int], **told: str) -> str:
    """How many trials are in some states, those without any left out."""
    return ", ".join(f"{counts[state]:,} {words}" for state, words in told.items() if counts[state])


def _training(run: Run) -> str | None:
    """How far the supernet is, where its training is what the run does, or did last."""
    progress = supernet_progress(run)
    if progress is None:
        return None
    if progress.ended is not None:
        begun = "the search on it begins" if run.state == "running" else "no architecture was scored yet"
        return f"The supernet is trained ({progress.ended}); {begun}."
    whole = f" of {progress.planned}" if progress.planned else ""
    if run.state == "failed":
        return f"The training of the supernet failed in epoch {progress.done + 1}{whole}."
    if run.state != "running":
        done = f"epoch {progress.done}{whole}" if progress.done else "the end of the first epoch"
        return f"Stopped in the training of the supernet, {'after' if progress.done else 'before'} {done}."
    if not progress.done:
        return f"Training the supernet: the first epoch{whole} is not over yet."
    return f"Training the supernet: epoch {progress.done}{whole} is over."


def _all(number: int) -> str:
    return "The only candidate was" if number == 1 else f"All {number:,} candidates were"


def key_numbers(run: Run) -> list[KeyNumber]:
    """The numbers at the top of the page, the score first; of a run that judges, the verdict's."""
    if (judgement := judgement_to_show(run)) is not None:
        return _judged_numbers(run, judgement)
    best = shown_trial(run)
    found = []
    if best is not None:
        if run.test:
            name = _headline_metric(run, run.test)
            base = (run.baseline_test or {}).get(name)
            found.append(_compared(f"test {metric_name(name)}", name, run.test[name], base))
        else:
            name = first_objective(run).name
            base = value_of(run.baseline, name) if run.baseline and not is_by_shared_weights(run) else None
            told = metric_name(name) if run.winner else searched_metric(run, name)
            found.append(_compared(f"validation {told}", name, value_of(best, name), base))
        for cost in ("params", "flops"):
            value = value_of(best, cost)
            if value is not None and cost != name:
                base = value_of(run.baseline, cost) if run.baseline else None
                found.append(_compared(metric_name(cost), cost, value, base))
    if (progress := supernet_progress(run)) is not None:
        planned = f"of {progress.planned:,}, " if progress.planned else ""
        note = f"{planned}{duration(progress.seconds)}"
        found.append(KeyNumber("supernet epochs", f"{progress.done:,}", note))
    counts = trial_counts(run)
    others = _by_state(counts, pruned="pruned", failed="failed", infeasible="over a limit", running="running")
    found.append(KeyNumber("trials completed", f"{counts['completed']:,}", others or "none failed"))
    after = "search and retraining" if run.retrained else "search"
    return [*found, KeyNumber("wall time", duration(run.seconds), after)]


def _judged_numbers(run: Run, found: Judgement) -> list[KeyNumber]:
    best = found.cheapest
    numbers = [KeyNumber("cheapest that suffices", best.name if best else "none")]
    if best is not None:
        numbers.append(KeyNumber("Spearman's correlation", *best.cells[1].split(" ", 1)))
        numbers.append(KeyNumber("this estimate of a network", duration(best.cost)))
    numbers.append(KeyNumber("full training of a network", duration(found.seconds)))
    failed = _by_state(trial_counts(run), failed="failed", infeasible="over a limit")
    numbers.append(KeyNumber("networks trained fully", f"{found.networks:,}", failed or "none failed"))
    return [*numbers, KeyNumber("wall time", duration(run.seconds), "of the full training")]


def _compared(label: str, name: str, value: float | None, base: float | None) -> KeyNumber:
    text = metric_text(name, value)
    if value is None or base is None:
        return KeyNumber(label, text)
    told = metric_text(name, base)
    if metric_text(name, value) == told:
        return KeyNumber(label, text, "as the hand-made network")
    direction = direction_of(name)
    trend = ""
    if direction is not None:
        trend = "better" if (value > base) == (direction is Direction.MAXIMIZE) else "worse"
    return KeyNumber(label, text, f"{_difference(name, value, base)} the hand-made {told}", trend)


def _difference(name: str, value: float, base: float) -> str:
    if is_share(name):
        points = abs(round(100 * value, 2) - round(100 * base, 2))
        return f"{points:.2f} points {'above' if value > base else 'below'}"
    if base <= 0 or value <= 0:
        return "above" if value > base else "below"
    if value > 2 * base:
        return f"{value / base:.1f} times"
    percent = 100 * abs(value - base) / base
    return f"{percent:.{0 if percent >= 10 else 1}f}\u00a0% {'above' if value > base else 'below'}"
