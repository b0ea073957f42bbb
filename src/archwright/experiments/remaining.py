"""What is still to come of a search, by its trials so far."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.trials import Forecast, Trial, TrialState, forecast

__all__ = ["remaining"]


def remaining(
    trials: Sequence[Trial],
    *,
    now: float,
    workers: int,
    left: int | None = None,
    seconds: float | None = None,
    epochs: int | None = None,
    draws: int = 200,
) -> Forecast | None:
    """Forecast the rest of a search, see `archwright.trials.forecast`.

    What candidates over a limit and continuations took, which no budget counts, is shared out among the others. The
    first trial of each worker, which waits for the process to be ready, is left out once there are enough.

    Args:
        trials: Those that ended and those that run.
        now: Unix time.
        workers: Trials at once.
        left: How many that count are still to be begun at most; None for any number.
        seconds: How long trials may still be begun; None for any time.
        epochs: Of a trial whose fidelity leaves them open; None means as many as the longest curve so far has.
        draws: How many futures are drawn.

    Returns:
        None where nothing is known of what a trial takes, or nothing bounds the search.
    """
    if left is None and seconds is None:
        return None
    ended = sorted(
        (t for t in trials if t.started and t.seconds is not None), key=lambda t: t.finished or 0.0
    )
    counted = [t for t in ended if t.state is not TrialState.INFEASIBLE and t.candidate.is_new]
    longest = max((_epoch(t) for t in ended), default=0.0)
    running = [
        _progress(t, now, epochs or longest) for t in trials if t.state is TrialState.RUNNING and t.started
    ]
    durations = [t.seconds or 0.0 for t in counted]
    if durations:
        uncounted = sum(t.seconds or 0.0 for t in ended) - sum(durations)
        durations = [one + uncounted / len(counted) for one in durations]
        if len(counted) > 4 * workers:
            first = {t.number for t in sorted(counted, key=lambda t: t.number)[:workers]}
            durations = [one for t, one in zip(counted, durations, strict=True) if t.number not in first]
    else:
        durations = [elapsed / done for elapsed, done in running if done]
    if not durations:
        return None
    return forecast(durations, workers=workers, trials=left, seconds=seconds, running=running, draws=draws)


def _epoch(trial: Trial) -> float:
    """The last epoch of a trial's curve, 0 where it has none."""
    curve = trial.measurement.curve if trial.measurement else ()
    return curve[-1].get("epoch", 0.0) if curve else 0.0


def _progress(trial: Trial, now: float, epochs: float) -> tuple[float, float | None]:
    """Seconds that a trial has run, and the share of it that is done, where its curve says so."""
    elapsed, epoch = max(0.0, now - trial.started), _epoch(trial)
    epochs = trial.candidate.effort.epochs or epochs
    if trial.candidate.continues or not 0 < epoch <= epochs or not elapsed:
        return elapsed, None
    assert trial.measurement is not None
    took = trial.measurement.curve[-1].get("seconds", elapsed) or elapsed
    return elapsed, min(1.0, max(epoch / epochs, elapsed / (took * epochs / epoch)))
