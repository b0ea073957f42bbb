"""`archwright show`."""

from __future__ import annotations

from archwright.cli.options import AsJson, RunFolder, StoreURL

__all__ = ["show"]


def show(run: RunFolder, store: StoreURL = None, as_json: AsJson = False) -> None:
    """Say what a run has found so far, also while it goes on."""
    from archwright.cli.output import print_json, print_run
    from archwright.experiments import open_run

    opened = open_run(run, store=store)
    if as_json:
        print_json(opened)
    else:
        print_run(opened)
