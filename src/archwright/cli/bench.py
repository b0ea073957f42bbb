"""`archwright bench`: strategies against each other on published tables."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from archwright.cli.options import AsJson

if TYPE_CHECKING:
    from archwright.benchmarks import SearchRun

__all__ = ["bench", "bench_app"]

bench_app = typer.Typer(
    help="Compare strategies on a table of trained networks.",
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

_INTERRUPTED = 130
_LINES = 10
"""Into how many lines the progress is told where no terminal shows it."""


@bench_app.callback()
def bench(
    context: typer.Context,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="nas-bench-graph:DATASET; nas-bench-101, nas-bench-201:DATASET or hw-nas-bench:DATASET with --file; "
            "or a CSV, JSON or Parquet file of decisions and metrics.",
        ),
    ] = None,
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
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="The official file of the benchmark."),
    ] = None,
    decision: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Of a file: a decision; by default all columns that are no metric."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN,COLUMN", help="Of a file: the columns that are the runs of a metric."
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a file: the metric of the report.")
    ] = None,
    seconds: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,COLUMN", help="Of a file: what each run took to train."),
    ] = None,
    canonical: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:FUNCTION", help="Of a file: what is equal for two spellings of one network."
        ),
    ] = None,
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
        return
    import json

    from archwright.benchmarks import check_extra, compare, load_table, summarize, write_results
    from archwright.errors import UsageError
    from archwright.objectives import parse_limit

    if table is None:
        raise UsageError("bench: expected a table, such as --table nas-bench-graph:cora")
    check_extra()
    columns = _columns(metric or [])
    objectives = objective or []
    loaded = load_table(
        table,
        files=file or [],
        decisions=decision or [],
        metrics=columns,
        objectives=objectives,
        test=test,
        seconds=_words(seconds or ""),
        canonical=canonical,
        runs=cast("Literal['mean', 'drawn']", runs),
    )
    folder = out or f"bench/{loaded.name.replace(':', '-').replace('/', '-')}"
    with _going_on(folder), _Progress() as progress:
        comparison = compare(
            loaded,
            _words(strategies),
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
            told=progress,
        )
    paths = write_results(comparison, folder)
    if as_json:
        told = summarize(comparison) | {"files": {name: str(path) for name, path in paths.items()}}
        print(json.dumps(told, indent=2, allow_nan=False))
    else:
        print(paths["summary.md"].read_text(encoding="utf-8"))
        print("\n".join(map(str, paths.values())))


@contextlib.contextmanager
def _going_on(folder: str) -> Iterator[None]:
    """Say after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what is finished is in {folder}, and the same command goes on", file=sys.stderr
        )
        sys.exit(_INTERRUPTED)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _columns(given: list[str]) -> dict[str, list[str]]:
    from archwright.errors import UsageError

    found = {}
    for word in given:
        name, sign, columns = word.partition("=")
        if not sign or not name.strip() or not _words(columns):
            raise UsageError(f"--metric {word!r}: expected NAME=COLUMN,COLUMN, such as accuracy=run_1,run_2")
        found[name.strip()] = _words(columns)
    return found


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


class _Progress:
    """A bar in a terminal, else a line now and then; on standard error."""

    def __enter__(self) -> _Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
            )
            if console.is_terminal
            else None
        )
        self._row: Any = None
        self._lines = 0
        if self._bar is not None:
            self._bar.start()
        return self

    def __call__(self, done: int, total: int, run: SearchRun | None) -> None:
        if self._bar is not None:
            if self._row is None:
                self._row = self._bar.add_task("searches", total=total)
            self._bar.update(self._row, completed=done)
        elif run is None:
            before = f", {done} of them done before" if done else ""
            print(f"{total} searches{before}", file=sys.stderr)
            self._lines = _LINES * done // total
        elif _LINES * done // total > self._lines:
            self._lines = _LINES * done // total
            print(f"{done} of {total} searches done", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
