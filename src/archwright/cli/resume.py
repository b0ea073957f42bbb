"""`archwright resume`."""

from __future__ import annotations

from pathlib import Path

from archwright.cli.described import described
from archwright.cli.options import AsJson, Formats, RunFolder, StoreURL, WithOnnx

__all__ = ["resume"]


@described
def resume(
    run: RunFolder,
    trials: int | None = None,
    minutes: float | None = None,
    until: float | None = None,
    workers: int | None = None,
    time_limit: float | None = None,
    store: StoreURL = None,
    formats: Formats = None,
    onnx: WithOnnx = None,
    track: list[str] | None = None,
    track_option: list[str] | None = None,
    no_track: bool = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was stopped or killed; with a new budget, search longer.

    No completed trial is lost or counted twice; trials that were running are run again.

    Args:
        trials (-n): Search on, up to so many trials.
        minutes (-m): Search on, up to so long in all.
        until (SCORE): Search on until the first objective is this good.
        workers (-w): Another number of workers.
        time_limit (SECONDS): Another limit for one trial of the search; 0 for none.
        track (NAME[=WHERE]): Follow the run live elsewhere, as for `search`; what happened before is told, too. By
            default where it was followed before.
        track_option (NAME.OPTION=VALUE): An option of one of them, such as mlflow.experiment=digits.
        no_track (--no-track): Follow it nowhere from now on.
    """
    from archwright.cli.output import conclude
    from archwright.cli.streams import tell_loading
    from archwright.cli.values import keyed
    from archwright.errors import UsageError
    from archwright.experiments import Budget, RunConfig
    from archwright.export import chosen_formats

    if no_track and (track or track_option):
        raise UsageError("expected --track or --no-track, got both; keep one")
    budget = None if trials is minutes is until is None else Budget(trials, minutes, until)
    options = keyed(track_option or [], "--track-option", "mlflow.experiment=digits")
    chosen_formats(formats or None, onnx)  # is refused before torch is loaded
    RunConfig.read(Path(run))  # and so is a folder that is no run's
    tell_loading()
    from archwright.session import resume as run_resume

    result = run_resume(
        run,
        budget=budget,
        workers=workers,
        time_limit=time_limit,
        store=store,
        formats=formats or None,
        onnx=onnx,
        tracker=[] if no_track else track,
        tracker_options=options,
    )
    conclude(result.run, as_json)
