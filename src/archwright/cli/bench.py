"""`archwright bench`: strategies against each other on published tables."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Literal, cast

import typer

from archwright.cli.bench_progress import progress_of
from archwright.cli.bench_surrogates import surrogates
from archwright.cli.bench_table import GivenTable, folder_of, print_results, strategy_options, words
from archwright.cli.described import described
from archwright.cli.executors import ExecutorOptions
from archwright.cli.exit_codes import INTERRUPTED
from archwright.cli.options import AsJson

__all__ = ["bench", "bench_app"]

bench_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

bench_app.command(short_help="How well surrogates rank, by the number of networks that they learn from.")(
    surrogates
)


@bench_app.callback()
@described
def bench(
    context: typer.Context,
    table: GivenTable,
    strategies: str = "random,evolution",
    trials: int = 300,
    seeds: int = 200,
    simulate: float | None = None,
    workers: int = 1,
    jobs: int = 1,
    place: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - it is frozen
    out: str | None = None,
    objective: list[str] | None = None,
    limit: list[str] | None = None,
    option: list[str] | None = None,
    reference: str = "front",
    runs: str = "mean",
    as_json: AsJson = False,
) -> None:
    """Compare strategies on a table of trained networks: regret by evaluations, over many seeds.

    Writes regret.parquet, summary.md and regret.png into the folder. Stopped, the same command goes on.

    \b
    Examples:
      archwright bench --table nas-bench-graph:cora --strategies random,evolution --seeds 200 --jobs 2
      archwright bench --table mnist1d-curves --simulate 600 --workers 4 --strategies random,random+median
      archwright bench --table results.csv --objective max:accuracy --metric accuracy=run_1,run_2 --test test

    Args:
        strategies (A,B,C): See `archwright list strategies`; or file.py:class.
        trials (-n): Evaluations of unseen networks in each search.
        seeds: Searches of each strategy.
        simulate (SECONDS): Search in simulated time, so long instead of --trials, on a table with durations; a pruner
            may stand behind a strategy then: random+median.
        workers (-w): Trials at once in simulated time.
        jobs (-j): Processes at once.
        out (DIR): Where to; goes on with what is missing there. By default bench/TABLE.
        objective (-o NAME): What to optimise, such as accuracy, latency or params; with several, the hypervolume is
            told too. By default the table's first; of a file of columns max:NAME or min:NAME, the first metric first.
        limit (-l NAME<=N): Only networks that keep it count.
        option (STRATEGY.NAME=VALUE): An option of a strategy: evolution.population_size=50; of a pruner:
            random+median.pruner.warmup_steps=3.
        reference: From where hypervolumes are measured: a tenth beyond the true front, or the worst of the table.
        runs: Of a network trained several times: the mean of its runs, or one drawn.
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    from archwright.benchmarks import check_extra, compare, summarize, write_results
    from archwright.objectives import parse_limit

    objectives = objective or []
    check_extra()
    loaded = table.load("bench", objectives, cast("Literal['mean', 'drawn']", runs))
    folder = out or folder_of(loaded)
    with _going_on(folder), progress_of("searches") as told:
        comparison = compare(
            loaded,
            words(strategies),
            evaluations=trials,
            seeds=seeds,
            seconds=simulate,
            workers=workers,
            objectives=[
                *map(loaded.objective, objectives or [loaded.objectives[0].name]),
                *map(parse_limit, limit or []),
            ],
            options=strategy_options(option or []),
            reference=cast("Literal['front', 'table']", reference),
            jobs=place.config(jobs),
            out=folder,
            told=told,
        )
    print_results(summarize(comparison), write_results(comparison, folder), as_json)


@contextlib.contextmanager
def _going_on(folder: str) -> Iterator[None]:
    """Say after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what is finished is in {folder}, and the same command goes on", file=sys.stderr
        )
        sys.exit(INTERRUPTED)


def _refuse_options_before(context: typer.Context) -> None:
    """Options before a sub-command would have no effect."""
    from archwright.errors import UsageError

    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"{parameter.opts[0]} stands before {context.invoked_subcommand!r}; write the options behind it: "
                f"archwright bench {context.invoked_subcommand} {parameter.opts[0]} ..."
            )
