"""`archwright simulate`: how strategies would do on so many machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from archwright.cli.bench_progress import progress_of
from archwright.cli.bench_table import GivenTable, strategy_options, words
from archwright.cli.described import described
from archwright.cli.executors import ExecutorOptions
from archwright.cli.options import AsJson
from archwright.cli.streams import emit

if TYPE_CHECKING:
    from archwright.benchmarks import Cluster

__all__ = ["simulate"]

_WIDE = 200
"""Columns of what goes into a file or a pipe."""


@described
def simulate(
    table: GivenTable,
    strategies: str = "random,evolution",
    workers: str = "1,8,64,1000",
    time: float | None = None,
    trials: int | None = None,
    durations: str | None = None,
    stragglers: str | None = None,
    failures: float = 0.0,
    preemptions: float = 0.0,
    checkpoints: bool = True,
    start_up: float = 0.0,
    ask_time: str = "0",
    synchronous: bool = False,
    seeds: int = 5,
    jobs: int = 1,
    place: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - it is frozen
    objective: list[str] | None = None,
    limit: list[str] | None = None,
    option: list[str] | None = None,
    scores: str | None = None,
    price: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Simulate searches on many machines: when which score is reached, at what efficiency and cost.

    Strategies, pruners and results are real, the workers are not: a clock jumps from event to event, so that weeks of
    1,000 machines take seconds. The same seeds give the same figures, unless --ask-time is measured.

    \b
    Examples:
      archwright simulate --table nas-bench-graph:cora --strategies random,evolution,bayesian --durations 60
      archwright simulate --table mnist1d-curves --strategies asha,hyperband --workers 4,16 --time 60
      archwright simulate --table nas-bench-graph:cora --durations lognormal:600,0.5 --stragglers 0.05:4 \\
        --failures 0.02 --preemptions 0.1 --start-up 90 --price '0.85 EUR' --synchronous

    Args:
        strategies (A,B,C): See `archwright list strategies`; a pruner may stand behind one: random+median.
        workers (-w N,N,N): How many there are; each number is simulated.
        time (SECONDS): Each search goes on for so long, in simulated time.
        trials (-n): Each search has so many candidates, rungs counted each; 1000 without --time.
        durations (LAW): What a whole training takes: a number of seconds, uniform:LOWEST,HIGHEST, exponential:MEAN or
            lognormal:MEDIAN,SIGMA; by default what the table says.
        stragglers (SHARE:FACTOR): Of the trials, such a share takes so many times as long: 0.05:4.
        failures (SHARE): Of the trials, such a share fails, somewhere in its run.
        preemptions (RATE): So often an hour each worker is taken away; another comes, and the trial goes on there.
        checkpoints: Whether it goes on from its last report, or from its beginning.
        start_up (SECONDS): What a new worker takes before its first trial.
        ask_time (SECONDS|measured): What the strategy takes for each candidate, in which nobody else is answered: a
            number, or the processor time that it takes here.
        synchronous: Also simulate each strategy in batches: new trials begin when all have ended.
        seeds: Searches of each strategy and number of workers.
        jobs (-j): Processes at once.
        objective (-o NAME): What to optimise; by default the table's first.
        limit (-l NAME<=N): Only networks that keep it count.
        option (STRATEGY.NAME=VALUE): An option of a strategy: evolution.population_size=50; of a pruner:
            random+median.pruner.warmup_steps=3.
        scores (S,S): Scores whose time is told; by default what the best 5 %, 1 % and .1 % of the table reach.
        price (AMOUNT): Of an hour of one worker, as '0.85 EUR'.
    """  # noqa: D301
    from archwright.benchmarks import DurationLaw, scale_workers, summarize_scaling
    from archwright.experiments.expense import priced
    from archwright.objectives import parse_limit

    if price is not None:
        priced(price, 0.0)
    cluster = _cluster(stragglers, failures, preemptions, checkpoints, start_up, ask_time)
    objectives = objective or []
    loaded = table.load("simulate", objectives)
    with progress_of("searches") as told:
        scaling = scale_workers(
            loaded,
            words(strategies),
            [int(number) for number in _numbers("--workers", workers, whole=True)],
            cluster=cluster,
            forms=(False, True) if synchronous else (False,),
            seconds=time,
            trials=1000 if time is trials is None else trials,
            durations=None if durations is None else DurationLaw.parse(durations),
            seeds=seeds,
            objectives=[
                *map(loaded.objective, objectives or [loaded.objectives[0].name]),
                *map(parse_limit, limit or []),
            ],
            options=strategy_options(option or []),
            scores=_numbers("--scores", scores or ""),
            jobs=place.config(jobs),
            told=told,
        )
    summary = summarize_scaling(scaling, price)
    if as_json:
        emit(json.dumps(summary, indent=2, allow_nan=False))
    else:
        _print(summary, counted=cluster.asking != 0.0)


def _cluster(
    stragglers: str | None,
    failures: float,
    preemptions: float,
    checkpoints: bool,
    start_up: float,
    ask_time: str,
) -> Cluster:
    from archwright.benchmarks import Cluster
    from archwright.errors import UsageError

    share, factor = 0.0, 1.0
    if stragglers is not None:
        try:
            share, factor = map(float, stragglers.split(":"))
        except ValueError:
            raise UsageError(
                f"--stragglers: expected SHARE:FACTOR, such as 0.05:4, got {stragglers!r}"
            ) from None
    try:
        asking = cast(Any, ask_time) if ask_time == "measured" else float(ask_time)
    except ValueError:
        raise UsageError(f"--ask-time: expected a number of seconds or measured, got {ask_time!r}") from None
    return Cluster(
        start_up=start_up,
        straggler_share=share,
        straggler_factor=factor,
        failures=failures,
        preemptions=preemptions,
        checkpoints=checkpoints,
        asking=asking,
    )


def _numbers(option: str, text: str, *, whole: bool = False) -> list[float]:
    from archwright.errors import UsageError

    try:
        return [(int if whole else float)(word) for word in words(text)]
    except ValueError:
        kind = "whole numbers" if whole else "numbers"
        raise UsageError(f"{option}: expected {kind} with commas between them, got {text!r}") from None


def _print(summary: dict[str, Any], *, counted: bool) -> None:
    """A table for people.

    Args:
        summary: What was found.
        counted: Whether what the strategies take is in it.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    seeds, results = summary["seeds"], summary["results"]
    has_price, has_forms = "cost" in results[0], any(one["form"] == "synchronous" for one in results)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns = ["strategy", *(["form"] if has_forms else []), "workers"]
    columns += [f"{score:.4g} after" for score in summary["scores"]]
    columns += ["at the end", "score", "efficiency", "worker hours", *(["cost"] if has_price else []), "ask"]
    for number, name in enumerate(columns):
        table.add_column(
            name, justify="left" if number < 1 + has_forms else "right", overflow="fold", no_wrap=number == 0
        )
    for one in results:
        cells = [one["strategy"], *([one["form"]] if has_forms else []), f"{one['workers']:,}"]
        cells += [_reached(reached, seeds) for reached in one["reached"]]
        cells += [_spread(one["seconds"], _time, " s"), _spread(one["score"], "{:.4g}".format)]
        cells += [_spread(one["efficiency"], lambda share: f"{100 * share:.1f}", " %")]
        cells += [f"{one['worker_hours']['mean']:,.3g}"]
        cells += [one["cost"]] if has_price else []
        table.add_row(*cells, f"{one['ask_milliseconds']['mean']:.2g} ms")
    console.print(f"{summary['table']}, {summary['objective']}: means of {seeds} seeds ± standard errors")
    console.print(table)
    console.print(
        "efficiency: the share of the workers' time that went into results; ask: processor time for one candidate"
        + (", which is counted" if counted else "")
    )
    busiest = [] if counted else [one for one in results if _asks_too_much(one)]
    for one in busiest:
        rate, can = one["trials_a_second"]["mean"], 1e3 / one["ask_milliseconds"]["mean"]
        console.print(
            f"{one['strategy']} with {one['workers']:,} workers: {rate:.3g} candidates a second are asked for, and it "
            f"gives {can:.3g} on this machine; --ask-time measured counts that"
        )


def _asks_too_much(one: dict[str, Any]) -> bool:
    """Whether what the strategy takes, which was not counted, is more than a twentieth of the time."""
    return bool(one["trials_a_second"]["mean"] * one["ask_milliseconds"]["mean"] > 50.0)


def _time(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"


def _spread(value: dict[str, Any], spelled: Callable[[float], str], unit: str = "") -> str:
    mean, error = value["mean"], value["standard_error"]
    if mean is None:
        return "–"
    return f"{spelled(mean)}{f' ± {spelled(error)}' if error else ''}{unit}"


def _reached(reached: dict[str, Any], seeds: int) -> str:
    few = f" ({reached['seeds']} of {seeds})" if reached["seeds"] < seeds else ""
    return f"{_spread(reached, _time, ' s')}{few}" if reached["seeds"] else "never"
