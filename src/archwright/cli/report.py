"""`archwright report`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.cli.described import described
from archwright.cli.options import StoreURL, Trust

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["report"]


@described
def report(
    runs: list[str],
    to: str | None = None,
    store: StoreURL = None,
    trust: Trust = False,
) -> None:
    """Write one HTML page on a run, or on several side by side; it needs no network. Also while a run goes on.

    \b
    Examples:
      archwright report runs/digits
      archwright report runs/digits runs/digits-2 --to comparison.html

    Args:
        runs (RUN): A run's folder, such as runs/digits; of several runs, which must optimise the same, one page
            compares them.
        to (FILE): Where to; by default RUN/report.html, of several runs side-by-side.html in the folder that holds
            them all.
    """  # noqa: D301
    from archwright.errors import UsageError
    from archwright.experiments import open_run

    if to is not None and Path(to).is_dir():
        raise UsageError(
            f"--to {to}: expected a file to write the page to, such as {to}/report.html, got a folder"
        )
    opened = [open_run(run, store=store) for run in runs]
    if len(opened) == 1:
        print(_write_one(opened[0], to, trust))
        return
    folder = Path(os.path.commonpath([run.folder.resolve().parent for run in opened]))
    path = Path(to) if to else folder / "side-by-side.html"
    from archwright.reports import write_side_by_side

    write_side_by_side(opened, path)
    print(path)


def _write_one(run: Run, to: str | None, trust: bool) -> Path:
    from archwright.errors import ArchwrightError
    from archwright.reports import write_report
    from archwright.session import space_of

    try:
        space = space_of(run, trust=trust)
    except ArchwrightError as error:
        space = None
        print(f"the network is not drawn, since its space cannot be made again: {error}", file=sys.stderr)
    path = Path(to) if to else run.folder / "report.html"
    write_report(run, path, space=space)
    return path
