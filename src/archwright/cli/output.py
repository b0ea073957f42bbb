"""What the commands print of a run."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archwright.cli.exit_codes import INTERRUPTED
from archwright.cli.streams import emit
from archwright.durations import byte_count, count_of, duration, range_of
from archwright.experiments.expense import priced
from archwright.experiments.finalists import HAND_MADE, ORIGINAL
from archwright.experiments.store import Stage, without_secrets
from archwright.objectives import STANDARD_ERROR, is_metered

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from archwright.experiments import Judgement, Run
    from archwright.experiments.store import WorkerRow
    from archwright.trials import Trial

# fmt: off
__all__ = [
    "as_dict", "conclude", "finite", "leave", "print_json", "print_judgement", "print_run", "running_table",
]
# fmt: on


def conclude(run: Run, as_json: bool) -> None:
    """Print the outcome of a search; exits with 130 when it was interrupted."""
    if as_json:
        print_json(run)
    else:
        print_run(run)
    if run.state == "stopped":
        print(f"stopped; go on with: archwright resume {run.folder}", file=sys.stderr)
        sys.exit(INTERRUPTED)


def leave(run: Run, as_json: bool) -> None:
    """Print what is to be done with a run that was begun for workers."""
    if as_json:
        print_json(run)
        return
    url = without_secrets(run.config.store or "")
    print(f"{run.folder} is ready; on each machine that is to help, with the same ARCHWRIGHT_KEY:")
    print(f"  archwright worker {url} --run {run.name}")
    print(f"when the search is over, train the best, export and report by: archwright resume {run.folder}")


def as_dict(run: Run) -> dict[str, Any]:
    """A run as `show --json` prints it."""
    return {
        "name": run.name,
        "folder": str(run.folder),
        "state": run.state,
        "space": run.config.space.reference or run.config.space.name,
        "task": run.config.task.name,
        "strategy": run.config.strategy.name,
        "seed": run.config.seed,
        "objectives": [str(objective) for objective in run.objectives],
        "seconds": run.seconds,
        "stop_reason": run.stop_reason,
        "epochs": [{name: entry[name] for name in ("epoch", "seconds", "metrics")} for entry in run.epochs],
        "best": _result(run.winner or run.best),
        "test": run.test,
        "measured": run.measured,
        "baseline": _result(run.baseline, test=run.baseline_test),
        "compared": [
            _result(
                run.given if f.name == ORIGINAL else f.first,
                name=f.name,
                test=run.compared_test.get(f.name),
            )
            for f in run.finalists
            if f.first is not None and f.stage is Stage.BASELINE and f.name != HAND_MADE
        ],
        "classical": run.classical,
        "pareto": list(run.pareto),
        "retrained": [_trial(trial) for trial in run.retrained],
        "finalists": [
            {
                "name": finalist.name,
                "trainings": [_trial(trial) for trial in finalist.trials.values()],
                "test": run.compared_test.get(finalist.name),
            }
            for finalist in run.finalists
        ],
        "refit": [_trial(trial) for trial in run.refitted],
        "ensemble": run.ensemble and asdict(run.ensemble),
        "choice": run.choice and asdict(run.choice),
        "trials": [_trial(trial) for trial in run.trials],
        "judgement": run.judgement,
        "forecast": run.forecast and asdict(run.forecast),
        "memory": run.memory,
        "expense": run.expense and asdict(run.expense),
        "draining": run.draining,
        "running": [
            {
                "stage": one.stage.value,
                "number": one.trial.number,
                "attempt": one.trial.attempt,
                "place": one.place,
                "seconds": one.seconds,
                "last": _last_point(one.trial),
            }
            for one in run.running
        ],
        "workers": [_worker(worker, run) for worker in run.workers],
    }


def _worker(worker: WorkerRow, run: Run) -> dict[str, Any]:
    held = [trial for trial in run.trials if run.holders.get(trial.number) == worker.name]
    running = [trial.number for trial in held if trial.state == "running"]
    return {**asdict(worker), "running": running, "ended": len(held) - len(running)}


def _result(trial: Trial | None, **more: Any) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "number": trial.number,
        "architecture": trial.candidate.architecture.to_json(),
        "metrics": trial.metrics,
        **more,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": str(trial.state),
        "metrics": trial.metrics,
        "architecture": trial.candidate.architecture.to_json(),
        "fidelity": trial.candidate.effort.to_json(),
        "parent": trial.candidate.parent,
        "seconds": trial.seconds,
        "error": trial.error,
        "inherit": trial.candidate.inherit,
        "attempt": trial.attempt,
        "curve": [dict(point) for point in trial.measurement.curve] if trial.measurement else [],
    }


def print_json(run: Run) -> None:
    """One JSON object on standard output; numbers that are not finite are null there."""
    emit(json.dumps(finite(as_dict(run)), indent=2, allow_nan=False))


def print_run(run: Run) -> None:
    """A short account for people."""
    from rich.console import Console

    console = Console(highlight=False)
    _print_progress(console, run)
    if run.config.judge is not None:
        from archwright.experiments.judgement import judgement_of, judgement_sentence

        if run.judgement is not None:
            print_judgement(judgement_of(run))
        else:
            print(judgement_sentence(run))
        return
    _print_outlook(run)
    _print_best(console, run)


def _print_progress(console: Console, run: Run) -> None:
    """The run's state, how its trials ended, and those that have not."""
    from rich.markup import escape

    going_on = "running" if run.state == "running" else "interrupted"
    counts = Counter(going_on if trial.state == "running" else str(trial.state) for trial in run.trials)
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "none yet"
    console.print(
        f"[bold]{escape(run.name)}[/bold]: {run.state}{f' ({escape(run.stop_reason)})' if run.stop_reason else ''}"
        f"{', drains: no new trial begins' if run.draining else ''}"
    )
    _print_supernet(console, run)
    console.print(f"trials: {told}; {duration(run.seconds)}")
    if run.running:
        console.print(running_table(run))
    for worker in run.workers:
        if worker.is_alive:
            held = _worker(worker, run)
            trials = ", ".join(f"trial {number}" for number in held["running"]) or "waits"
            console.print(f"worker {escape(worker.name)}: {trials}; {held['ended']} ended", soft_wrap=True)
    for trial in run.trials:
        if trial.metrics and trial.state == "running" and run.state != "running":
            console.print(
                f"{going_on}: trial {trial.number}, {escape(_brief(trial.metrics))}", soft_wrap=True
            )


def _print_best(console: Console, run: Run) -> None:
    """The network that was found beside those that it is compared with."""
    from rich.markup import escape

    from archwright.reports.classical import classical_sentence
    from archwright.reports.finalists import ensemble_note, finalist_notes
    from archwright.reports.summary import REFIT

    best = run.winner or run.best
    if best is None:
        return
    by_shared_weights = run.winner is None and bool(run.epochs)
    where = ", scores by shared weights" if by_shared_weights else ""
    console.print(
        f"best: {escape(run.won_by)}" if run.won_by else f"best: trial {best.number} (not retrained{where})"
    )
    _print_table(console, run, best)
    for told in (classical_sentence(run), ensemble_note(run)):
        if told:
            console.print(escape(told), soft_wrap=True)
    _print_comparisons(console, run)
    for note in finalist_notes(run):
        console.print(escape(note), soft_wrap=True)
    if run.is_refit:
        console.print(REFIT, soft_wrap=True)
    if (run.folder / "best").is_dir():
        console.print(
            f"network: {escape(str(run.folder / 'best'))}   report: {escape(str(run.folder / 'report.html'))}"
        )


def _print_table(console: Console, run: Run, best: Trial) -> None:
    """A column for the best network, and for each network and model that it is compared with."""
    from rich.table import Table

    from archwright.reports.classical import CLASSICAL_LABELS
    from archwright.reports.finalists import short_names

    columns: dict[str, tuple[Mapping[str, float], Mapping[str, float] | None]] = {}
    columns["found"] = best.metrics, run.test
    names = {HAND_MADE: "hand-made", ORIGINAL: "as given"}
    for finalist in run.finalists:
        if finalist.stage is Stage.BASELINE and finalist.first and finalist.name != run.won_by:
            tested = run.baseline_test if finalist.name == HAND_MADE else run.compared_test.get(finalist.name)
            name = names.get(finalist.name, short_names(run)[finalist.name])
            shown = run.given if finalist.name == ORIGINAL and run.given else finalist.first
            columns[name] = shown.metrics, tested
    for model, found in (run.classical or {}).items():
        columns[CLASSICAL_LABELS.get(model, model)] = found["validation"], found["test"]
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("", *columns):
        table.add_column(title, justify="right" if title else "left", overflow="fold")
    for label, values in _rows(list(columns.values())):
        table.add_row(label, *values)
    console.print(table)


def _last_point(trial: Trial) -> dict[str, float]:
    """What a running trial reported last; empty before its first report."""
    curve = trial.measurement.curve if trial.measurement else ()
    return dict(curve[-1]) if curve else {}


def running_table(run: Run) -> Table:
    """The trials that run now: where, for how long, and what each reported last."""
    from rich.markup import escape
    from rich.table import Table

    ended = sum(trial.state != "running" for trial in run.trials)
    drains = ", drains" if run.draining else ""
    title = f"{escape(run.name)}: {run.state}{drains}, {count_of(ended, 'trial')} ended, {len(run.running)} running"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left")
    for name in ("stage", "trial", "where", "for", "last report"):
        table.add_column(name, justify="right" if name in ("trial", "for") else "left", overflow="fold")
    for one in run.running:
        again = f" (attempt {one.trial.attempt})" if one.trial.attempt else ""
        point = {name: value for name, value in _last_point(one.trial).items() if name != "seconds"}
        cells = (one.stage.value, f"{one.trial.number}{again}", one.place or "–", duration(one.seconds))
        table.add_row(*map(escape, (*cells, _brief(point))))
    return table


def _print_comparisons(console: Console, run: Run) -> None:
    """How sure it is that the winner is better than those that were made by hand."""
    from rich.markup import escape

    others = {finalist.name for finalist in run.finalists if finalist.stage == "baseline"}
    for one in run.choice.comparisons if run.choice else ():
        if one.name in others and one.probability is not None:
            trainings = f" ({one.repeats} trainings each)" if one.repeats > 1 else ""
            console.print(
                f"better than {escape(one.name)} with probability {one.probability:.2f}, by validation{trainings}",
                soft_wrap=True,
            )


def print_judgement(judgement: Judgement) -> None:
    """How well each cheap score ranks the sample, and the cheapest that suffices. Lines of one width, for any pipe."""
    rows = [judgement.columns, *(one.cells for one in judgement.scores)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        told = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print("  ".join((name.ljust(widths[0]), *told)).rstrip())
    print(f"against the {judgement.sample}")
    for one in judgement.scores:
        if one.reason is not None:
            print(f"{one.name} failed on {one.failed}: {one.reason}")
    print(judgement.verdict)


def _print_outlook(run: Run) -> None:
    """How long the search goes on, and what it took."""
    if run.forecast is not None:
        time, trials = run.forecast.seconds, run.forecast.trials
        few, many = round(trials.low), round(trials.high)
        to_come = count_of(many, "trial") if few == many else f"{few:,} to {many:,} trials"
        would = "left of the search" if run.state == "running" else "left, if it is resumed"
        print(f"{would}: {range_of(duration(time.low), duration(time.high))}, {to_come} to come")
    if run.memory is not None:
        least, largest = byte_count(run.memory["least"]), byte_count(run.memory["largest"])
        print(f"memory: {range_of(least, largest)}")
    if run.expense is not None:
        how = "measured" if run.expense.is_measured else "estimated"
        money = f", {priced(run.config.price, run.seconds)}" if run.config.price else ""
        print(
            f"cost: {run.expense.cpu_hours:.3g} CPU hours, {run.expense.kilowatt_hours:.3g} kWh ({how}){money}"
        )


def _print_supernet(console: Console, run: Run) -> None:
    """How far the supernet is, and what its monitors show, where the run trains one."""
    if not run.epochs and run.config.supernet is None:
        return
    from rich.markup import escape

    planned = run.config.supernet and run.config.supernet.epochs
    far = f"epoch {len(run.epochs)}{f' of {planned}' if planned else ''}"
    if run.supernet_ended is not None:
        console.print(f"supernet: trained, {escape(run.supernet_ended)}")
    elif run.state == "running":
        console.print(f"training the supernet, {far}")
    else:
        console.print(f"training of the supernet {run.state}, {far}")
    if run.epochs:
        last: dict[str, float] = run.epochs[-1]["metrics"]
        derived = {name: value for name, value in last.items() if name.startswith("derived_")}
        watched = {name: value for name, value in last.items() if name not in derived}
        console.print(f"last epoch: {escape(_brief(watched))}", soft_wrap=True)
        if derived:
            names = {name.removeprefix("derived_"): value for name, value in derived.items()}
            told = f"the network it would derive, by shared weights: {_brief(names)}"
            console.print(escape(told), soft_wrap=True)


def _brief(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in metrics.items())


def finite(value: Any) -> Any:
    """The same with None for numbers that JSON has no form for."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(
    columns: Sequence[tuple[Mapping[str, float], Mapping[str, float] | None]],
) -> list[tuple[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    for i, (metrics, test) in enumerate(columns):
        shown = {f"test {name}": value for name, value in (test or {}).items()}
        shown |= {
            name if name == "seconds" or is_metered(name) else f"validation {name}": value
            for name, value in metrics.items()
        }
        for label, value in shown.items():
            if not label.endswith(STANDARD_ERROR):
                error = shown.get(label + STANDARD_ERROR)
                told = _number(value) if error is None else f"{_number(value)} ± {error:.4f}"
                rows.setdefault(label, [""] * len(columns))[i] = told
    return list(rows.items())


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4f}"
