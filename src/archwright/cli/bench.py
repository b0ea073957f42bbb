"""`archwright bench`: strategies against each other on published tables."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import typer

from archwright.cli.bench_progress import progress_of
from archwright.cli.bench_surrogates import surrogates
from archwright.cli.bench_table import (
    Canonical,
    DecisionColumns,
    MetricColumns,
    OfficialFiles,
    SecondsColumns,
    TableName,
    TestColumn,
    folder_of,
    given_table,
    metric_columns,
    print_results,
    words,
)
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
def bench(
    context: typer.Context,
    table: TableName = None,
    strategies: Annotated[
        str, typer.Option(metavar="A,B,C", help="See `archwright list strategies`.")
    ] = "random,evolution",
    trials: Annotated[
        int, typer.Option("--trials", "-n", help="Evaluations of unseen networks in each search.")
    ] = 300,
    seeds: Annotated[int, typer.Option(help="Searches of each strategy.")] = 200,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes at once.")] = 1,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Where to; goes on with what is missing there.", show_default="bench/TABLE"
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="NAME",
            help="What to optimise, such as accuracy, latency or params; with several, the hypervolume is told too. By "
            "default the table's first; of a file of columns max:NAME or min:NAME, the first metric first.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", "-l", metavar="NAME<=N", help="Only networks that keep it count."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRATEGY.NAME=VALUE", help="An option of a strategy: evolution.population_size=50."
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            help="From where hypervolumes are measured: a tenth beyond the true front, or the worst of the table."
        ),
    ] = "front",
    file: OfficialFiles = None,
    decision: DecisionColumns = None,
    metric: MetricColumns = None,
    test: TestColumn = None,
    seconds: SecondsColumns = None,
    canonical: Canonical = None,
    runs: Annotated[
        str, typer.Option(help="Of a network trained several times: the mean of its runs, or one drawn.")
    ] = "mean",
    as_json: AsJson = False,
) -> None:
    """Compare strategies on a table of trained networks: regret by evaluations, over many seeds.

    Writes regret.parquet, summary.md and regret.png into the folder. Stopped, the same command goes on.

    \b
    Examples:
      archwright bench --table nas-bench-graph:cora --strategies random,evolution --seeds 200 --jobs 2
      archwright bench --table results.csv --objective max:accuracy --metric accuracy=run_1,run_2 --test test
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    from archwright.benchmarks import check_extra, compare, load_table, summarize, write_results
    from archwright.objectives import parse_limit

    objectives = objective or []
    check_extra()
    loaded = load_table(
        given_table(table, "bench"),
        files=file or [],
        decisions=decision or [],
        metrics=metric_columns(metric or []),
        objectives=objectives,
        test=test,
        seconds=words(seconds or ""),
        canonical=canonical,
        runs=cast("Literal['mean', 'drawn']", runs),
    )
    folder = out or folder_of(loaded)
    with _going_on(folder), progress_of("searches") as told:
        comparison = compare(
            loaded,
            words(strategies),
            evaluations=trials,
            seeds=seeds,
            objectives=[
                *map(loaded.objective, objectives or [loaded.objectives[0].name]),
                *map(parse_limit, limit or []),
            ],
            options=_options(option or []),
            reference=cast("Literal['front', 'table']", reference),
            jobs=jobs,
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


def _options(given: list[str]) -> dict[str, dict[str, Any]]:
    from archwright.cli.values import keyed
    from archwright.errors import UsageError

    found: dict[str, dict[str, Any]] = {}
    for name, value in keyed(given).items():
        strategy, dot, own = name.partition(".")
        if not dot or not own:
            raise UsageError(
                f"--option {name!r}: expected STRATEGY.NAME=VALUE, such as evolution.population_size=50"
            )
        found.setdefault(strategy, {})[own] = value
    return found
