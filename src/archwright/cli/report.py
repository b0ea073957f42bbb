"""`archwright report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archwright.cli.options import RunFolder

__all__ = ["report"]


def report(
    run: RunFolder,
    to: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where to; by default RUN/report.html.")
    ] = None,
) -> None:
    """Write one HTML page on a run, which needs no network; also while the run goes on."""
    from archwright.experiments import open_run
    from archwright.reports import write_report
    from archwright.session import space_of

    opened = open_run(run)
    path = Path(to) if to else opened.folder / "report.html"
    write_report(opened, path, space=space_of(opened))
    print(path)
