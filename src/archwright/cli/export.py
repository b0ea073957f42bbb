"""`archwright export`."""

from __future__ import annotations

from typing import Annotated

import typer

from archwright.cli.options import RunFolder, StoreURL, Trust, WithOnnx

__all__ = ["export"]


def export(
    run: RunFolder,
    trial: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="This trial, trained now if it has not been retrained; by default the winner."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where to; by default RUN/best, or RUN/trial-N with --trial."),
    ] = None,
    store: StoreURL = None,
    trust: Trust = False,
    onnx: WithOnnx = None,
) -> None:
    """Write a network as readable source, weights, ONNX and a model card, none of which needs Archwright."""
    from archwright.session import export_trial

    print(export_trial(run, trial=trial, to=to, onnx=onnx, store=store, trust=trust))
