"""`archwright profile`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archwright.cli.described import described
from archwright.cli.networks import NetworkOptions
from archwright.cli.options import AsJson
from archwright.cli.streams import emit, tell_loading
from archwright.cli.tables import TableOptions
from archwright.cli.trainings import TrainingOptions
from archwright.durations import byte_count, count_of, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archwright.session import Profile
    from archwright.session.profiling import LimitShare, Purchase
    from archwright.trials import Range

__all__ = ["profile"]


@described
def profile(
    task: str,
    table: TableOptions,
    objective: list[str] | None = None,
    limit: list[str] | None = None,
    meter_option: list[str] | None = None,
    space: str | None = None,
    space_option: list[str] | None = None,
    own: NetworkOptions = NetworkOptions(),  # noqa: B008 - it is frozen
    fix: list[str] | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    lookup: str | None = None,
    predictor: str | None = None,
    transfer: str | None = None,
    sample: int | None = None,
    timed: int = 5,
    seed: int = 0,
    training: TrainingOptions = TrainingOptions(),  # noqa: B008 - it is frozen
    retrain: int = 3,
    workers: int | None = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a search for TASK would cost, before it: sizes, limits, seconds, memory, what a budget buys.

    Draws networks from the space, asks every meter (see `archwright list meters`), and trains a few of them for some
    steps, at the effort of --fidelity; sizes and limits are of networks as they are. Takes seconds; nothing is written.
    Ranges are to hold nine times in ten.

    \b
    Examples:
      archwright profile digits --limit 'params<=60000' --minutes 2
      archwright profile ./photos --space proxyless --trials 200 --workers 4
      archwright profile ./photos --network my_net.py:Net --limit 'latency_ms<=5' --minutes 60
      archwright profile train.csv --target price --json
      archwright profile digits --space proxyless --table laptop.json

    Args:
        task (TASK): As for `archwright search`, whose options mean the same here.
        objective (-o NAME): What would be optimised; its meter is asked too. May be given several times.
        limit (-l NAME<=N): A limit: 'params<=50000'. The share of networks that keep it is told; may be given several
            times.
        meter_option (NAME.OPTION=VALUE): An option of what measures an objective or a limit, such as latency_ms.batch=8
            (see `archwright list meters latency_ms`); may be given several times.
        space (-s): A built-in name (see `archwright list spaces`) or file.py:object; by default one that fits.
        space_option (NAME=VALUE): An option of a built-in space (see `archwright list spaces NAME`), such as width=32;
            may be given several times.
        fix (ADDRESS=VALUE): Hold a decision of the space at a value; may be given several times.
        trials (-n): A budget: how long so many trials take. Without one, what 50 trials take and what an hour buys.
        minutes (-m): A budget: how many trials they are enough for.
        lookup (--table FILE): Measure instead what the blocks of the space take on this machine, in the setting of
            --meter-option and on --device, and write a lookup table, for latency_ms.file=FILE and the term of
            proxyless.
        predictor (FILE): Measure instead kernels of the space's networks on this machine, and write a predictor that
            learns from them, for latency_ms.file=FILE, too.
        transfer (FILE): Instead of measuring parts, carry a table or predictor of another machine or setting over to
            this one by 10 measurements, and write it to the FILE of --table or --predictor.
        sample: How many networks are drawn, by default 30; a space of fewer is measured whole. For --predictor 100, for
            --table 200 at most.
        timed: How many of them are trained for some steps.
        seed: Of the sample, the training and the split.
        retrain (K): How many of the best would be trained again; their trainings have a share of the minutes.
        workers (-w): Trials at once; by default 1, and with --minutes as many as use the machine.
    """  # noqa: D301
    from archwright.cli.values import indices, keyed, objectives_of
    from archwright.errors import UsageError
    from archwright.experiments import Budget
    from archwright.experiments.early_checks import check_subject

    if transfer is not None and lookup is predictor is None:
        raise UsageError(
            "--transfer: expected --table FILE or --predictor FILE, too, to which the result is written"
        )
    if own.network is not None and (lookup is not None or predictor is not None):
        raise UsageError(
            "--table and --predictor measure the parts of a space of blocks; of a network of your own latency_ms is "
            "measured whole, so leave --network out, or these"
        )
    subject: dict[str, Any] = {
        "fix": keyed(fix or [], "--fix", "width=32"),
        "seed": seed,
        "task_options": table.task_options(seed),
        "space_options": keyed(space_option or [], "--space-option", "width=32"),
    }
    check_subject(space, task, subject["task_options"])
    options = keyed(meter_option or [], "--meter-option", "latency_ms.batch=8")
    for kind, path in (("table", lookup), ("predictor", predictor)):
        if path is not None:
            measured: dict[str, Any] = {
                "kind": kind,
                "origin": transfer,
                "options": options,
                "sample": sample,
            }
            _measure_latency(space, task, path, device=training.device, **measured, **subject)
    if lookup is not None or predictor is not None:
        return
    asked: dict[str, Any] = {
        "objectives": objectives_of(objective, limit, meter_option),
        "budget": None if trials is minutes is None else Budget(trials, minutes),
        "fidelity": training.effort(),
        "devices": indices(training.devices),
    }
    tell_loading()
    from archwright.session import profile as run_profile

    found = run_profile(
        space,
        task,
        network=own.network,
        network_options=own.options,
        sample=30 if sample is None else sample,
        timed=timed,
        recipe=training.recipe,
        retrain=retrain,
        workers=workers,
        accelerator=training.device,
        precision=training.precision,
        **asked,
        **subject,
    )
    if as_json:
        emit(
            json.dumps(
                _finite({**asdict(found), "fidelity": found.fidelity.to_json()}), indent=2, allow_nan=False
            )
        )
    else:
        _print(found)


def _measure_latency(
    space: str | None, task: str, path: str, *, options: Mapping[str, Any], **given: Any
) -> None:
    """Measure what the parts of a space take, and write it to a file.

    Args:
        space: As of `profile`.
        task: As of `profile`.
        path: The file.
        options: "latency_ms.OPTION" to value.
        given: Further arguments of `archwright.session.measure_latency`.
    """
    tell_loading()
    from archwright.session import measure_latency as measure

    model = measure(space, task, options=options, log=print, **given)
    model.save(path)
    known = model.provenance
    setting = ", ".join(f"{name} {value}" for name, value in known.setting.to_json().items())
    print(f"{path}: measured on {known.device['device']} with {setting}")
    if known.agreement is not None:
        print(f"networks that were measured whole: {known.agreement}")
    for note in known.notes:
        print(note)


def _finite(value: Any) -> Any:
    """The same with None for numbers that JSON has no form for, as the size of an endless space."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def _print(found: Profile) -> None:
    """An account for people."""
    from rich.console import Console
    from rich.table import Table

    from archwright.spaces.description import shown_size
    from archwright.trials import FULL

    console = Console(highlight=False, markup=False)
    drawn = (
        f"all {count_of(found.networks, 'network')}"
        if found.is_whole
        else f"{count_of(found.networks, 'network')} drawn"
    )
    console.print(
        f"{found.task}, space {found.space or 'of your own'} ({shown_size(found.size)} architectures): {drawn}",
        soft_wrap=True,
    )
    for reason, count in found.failures.items():
        console.print(f"{count_of(count, 'network')} failed: {reason}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("", "least", "median", "largest", ""):
        table.add_column(title, justify="right" if title else "left")
    asked = found.networks - sum(found.failures.values())
    rows = [(name, spread, _number) for name, spread in found.meters.items()]
    for name, spread, shown in [*rows, *_timings(found)]:
        note = f"of {count_of(spread.networks, 'network')}" if spread.networks < asked else ""
        table.add_row(name, *(shown(value) for value in (spread.least, spread.median, spread.largest)), note)
    console.print(table)
    for name, reason in found.unmeasured.items():
        console.print(f"{name}: not measured: {reason}", soft_wrap=True)
    for share in found.limits:
        console.print(f"{share.limit}: {_kept(share, found.is_whole)}", soft_wrap=True)
    if any(share.networks and not share.kept for share in found.limits):
        console.print("what follows is of networks over a limit, which a search would not train")
    if found.trial is None:
        console.print("no network could be trained, so nothing is known of time")
        return
    steps = sum(cost.timed_steps for cost in found.timed)
    threads = f" with {count_of(found.threads, 'thread')}" if found.device == "cpu" else ""
    effort = "" if found.fidelity == FULL else f" at {found.fidelity}"
    console.print(
        f"a trial{effort}: {_range(found.trial, duration)}, "
        f"from {count_of(steps, 'step')} of {count_of(len(found.timed), 'network')} on {found.device}{threads}",
        soft_wrap=True,
    )
    for purchase in found.purchases:
        console.print(_bought(purchase), soft_wrap=True)
        for note in purchase.notes:
            console.print(f"  {note}", soft_wrap=True)


def _timings(found: Profile) -> list[tuple[str, Any, Callable[[float], str]]]:
    from archwright.session.profiling import Spread

    if not found.timed or found.memory is None:
        return []
    return [
        ("a step", Spread.of([cost.step for cost in found.timed]), duration),
        ("an evaluation", Spread.of([cost.evaluation for cost in found.timed]), duration),
        ("a training", Spread.of([cost.seconds for cost in found.timed]), duration),
        ("memory of a step", found.memory, byte_count),
    ]


def _kept(share: LimitShare, is_whole: bool) -> str:
    if not share.networks:
        return "only training tells"
    if is_whole:
        return f"kept by {share.kept} of all {share.networks}" if share.kept else "kept by none in the space"
    told = f"{share.low:.0%} to {share.high:.0%} of the space"
    if not share.kept:
        return f"kept by none of {share.networks}, so by at most {share.high:.0%} of the space"
    return f"kept by {share.kept} of {share.networks}, so by {told}"


def _bought(purchase: Purchase) -> str:
    bounds = [count_of(purchase.trials, "trial")] if purchase.trials is not None else []
    bounds += [f"{purchase.minutes:g} min"] if purchase.minutes is not None else []
    buys = [f"{_range(purchase.forecast.seconds, duration)}"] if purchase.trials is not None else []
    buys += [_trials(purchase.forecast.trials)] if purchase.minutes is not None else []
    if purchase.search is not None:
        buys[-1] += (
            f" of {count_of(purchase.epochs, 'epoch')} in the {duration(purchase.search)} of the search"
        )
    return f"{' or '.join(bounds)} with {count_of(purchase.workers, 'worker')}: {', '.join(buys)}"


def _range(known: Range, shown: Callable[[float], str]) -> str:
    low, middle, high = (shown(value) for value in (known.low, known.middle, known.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def _trials(known: Range) -> str:
    low, middle, high = (round(value) for value in (known.low, known.middle, known.high))
    if not high:
        return "no trial"
    return count_of(middle, "trial") if low == high else f"{middle:,} ({low:,} to {high:,}) trials"


def _number(value: float) -> str:
    return f"{round(value):,}" if value >= 100 or float(value).is_integer() else f"{value:.4g}"
