"""`archwright report`."""

from __future__ import annotations

import sys
from pathlib import Path

from archwright.cli.described import described
from archwright.cli.options import RunFolder, StoreURL, Trust

__all__ = ["report"]


@described
def report(
    run: RunFolder,
    to: str | None = None,
    store: StoreURL = None,
    trust: Trust = False,
) -> None:
    """Write one HTML page on a run, which needs no network; also while the run goes on.

    Args:
        to (FILE): Where to; by default RUN/report.html.
    """
    from archwright.errors import ArchwrightError
    from archwright.experiments import open_run
    from archwright.reports import write_report
    from archwright.session import space_of

    opened = open_run(run, store=store)
    try:
        space = space_of(opened, trust=trust)
    except ArchwrightError as error:
        space = None
        print(f"the network is not drawn, since its space cannot be made again: {error}", file=sys.stderr)
    path = Path(to) if to else opened.folder / "report.html"
    write_report(opened, path, space=space)
    print(path)
