"""`archwright resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from archwright.cli.options import AsJson, RunFolder, StoreURL, WithOnnx

__all__ = ["resume"]


def resume(
    run: RunFolder,
    trials: Annotated[
        int | None, typer.Option("--trials", "-n", help="Search on, up to so many trials.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "-m", help="Search on, up to so long in all.")
    ] = None,
    until: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Search on until the first objective is this good.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", "-w", help="Another number of workers.")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Another limit for one trial of the search; 0 for none."),
    ] = None,
    store: StoreURL = None,
    onnx: WithOnnx = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was stopped or killed; with a new budget, search longer.

    No completed trial is lost or counted twice; trials that were running are run again.
    """
    from archwright.cli.output import conclude
    from archwright.experiments import Budget
    from archwright.session import resume as run_resume

    budget = None if trials is minutes is until is None else Budget(trials, minutes, until)
    result = run_resume(run, budget=budget, workers=workers, time_limit=time_limit, store=store, onnx=onnx)
    conclude(result.run, as_json)
