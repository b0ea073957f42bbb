"""`archwright export`."""

from __future__ import annotations

from pathlib import Path

from archwright.cli.described import described
from archwright.cli.options import Formats, RunFolder, StoreURL, Trust, WithOnnx

__all__ = ["export"]


@described
def export(
    run: RunFolder,
    trial: int | None = None,
    to: str | None = None,
    to_optuna: str | None = None,
    study: str | None = None,
    store: StoreURL = None,
    trust: Trust = False,
    formats: Formats = None,
    onnx: WithOnnx = None,
) -> None:
    """Write a network as readable source, weights, forms for other runtimes, model card: none needs Archwright.

    With --to-optuna the search is written instead, as a study that optuna-dashboard shows.

    \b
    Examples:
      archwright export runs/digits --trial 12
      archwright export runs/digits --format pt2 --format executorch
      archwright export runs/digits --to-optuna sqlite:///study.db

    Args:
        trial (N): This trial, trained now if it has not been retrained; by default the winner.
        to (DIR): Where to; by default RUN/best, or RUN/trial-N with --trial.
        to_optuna (URL): Write the search's trials as a new study of Optuna into this storage.
        study (NAME): The name of that study; by default the run's.
    """  # noqa: D301
    from archwright.cli.streams import tell_loading
    from archwright.errors import UsageError
    from archwright.experiments import RunConfig, open_run
    from archwright.export import chosen_formats

    if to_optuna is None:
        if study is not None:
            raise UsageError("--study names a study of Optuna: it goes with --to-optuna")
        chosen_formats(formats or None, onnx)  # is refused before torch is loaded
        RunConfig.read(Path(run))  # and so is a folder that is no run's
        tell_loading()
        from archwright.session import export_trial

        print(
            export_trial(
                run, trial=trial, to=to, formats=formats or None, onnx=onnx, store=store, trust=trust
            )
        )
        return
    if trial is not None or to is not None or onnx is not None or formats:
        raise UsageError(
            "--to-optuna writes the search, not a network: leave out --trial, --to, --format and --onnx"
        )
    from archwright.integrations.optuna import export_study

    print(export_study(open_run(run, store=store), to_optuna, name=study).study_name)
