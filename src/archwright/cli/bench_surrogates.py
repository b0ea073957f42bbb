"""`archwright bench surrogates`: how well surrogates rank the networks of a table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from archwright.cli.bench_progress import progress_of
from archwright.cli.bench_table import GivenTable, folder_of, print_results, words
from archwright.cli.described import described
from archwright.cli.executors import ExecutorOptions
from archwright.cli.exit_codes import INTERRUPTED
from archwright.cli.options import AsJson

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["surrogates"]


@described
def surrogates(
    table: GivenTable,
    surrogates: str | None = None,
    sizes: str = "25,50,100,200",
    seeds: int = 5,
    tested: int = 1000,
    k: int = 10,
    objective: str | None = None,
    jobs: int = 1,
    place: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - it is frozen
    out: str | None = None,
    as_json: AsJson = False,
) -> None:
    """How well surrogates rank networks that they have not seen, by the number of networks that they learn from.

    Writes surrogates.parquet, surrogates.md and surrogates.png into the folder. Stopped by Ctrl-C, it writes what the
    finished seeds say.

    \b
    Example:
      archwright bench surrogates --table nas-bench-graph:photo --surrogates gp,forest --sizes 25,50,100 --seeds 10

    Args:
        surrogates (A,B,C): Which; by default all.
        sizes (N,N,N): Numbers of networks to learn from.
        seeds: How often networks are drawn.
        tested: How many other networks are ranked.
        k (--k): Of the top-k regret.
        objective (-o NAME): What is predicted, such as accuracy or latency; by default the table's first. Of a file of
            columns max:NAME or min:NAME.
        jobs (-j): Processes at once.
        out (DIR): Where to; by default bench/TABLE.
    """  # noqa: D301
    from archwright.benchmarks import (
        check_extra,
        rank_surrogates,
        summarize_surrogates,
        write_surrogates,
    )

    numbers = _sizes(sizes)
    check_extra("surrogates")
    loaded = table.load("bench surrogates", [] if objective is None else [objective])
    folder = out or folder_of(loaded)
    with progress_of("rankings") as told:
        comparison = rank_surrogates(
            loaded,
            _all(loaded.space) if surrogates is None else words(surrogates),
            sizes=numbers,
            seeds=seeds,
            objective=None if objective is None else loaded.objective(objective),
            tested=tested,
            k=k,
            jobs=place.config(jobs),
            told=told,
        )
    print_results(summarize_surrogates(comparison), write_surrogates(comparison, folder), as_json)
    if comparison.stopped:
        print(f"interrupted; {comparison.seeds} of {seeds} seeds are finished and written", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _all(space: Space) -> list[str]:
    """All surrogates whose packages are installed; of the others it is said that they are left out."""
    from archwright.errors import MissingExtraError
    from archwright.surrogates import SURROGATES, make_surrogate

    found = []
    for name in SURROGATES:
        try:
            make_surrogate(name, space)
        except MissingExtraError as error:
            print(f"without {name}: {error}", file=sys.stderr)
        else:
            found.append(name)
    return found


def _sizes(text: str) -> list[int]:
    from archwright.errors import UsageError

    try:
        return [int(word) for word in words(text)]
    except ValueError:
        raise UsageError(f"--sizes {text!r}: expected whole numbers, such as 25,50,100") from None
