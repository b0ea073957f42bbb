"""`archwright export`."""

from __future__ import annotations

from archwright.cli.described import described
from archwright.cli.options import RunFolder, StoreURL, Trust, WithOnnx

__all__ = ["export"]


@described
def export(
    run: RunFolder,
    trial: int | None = None,
    to: str | None = None,
    store: StoreURL = None,
    trust: Trust = False,
    onnx: WithOnnx = None,
) -> None:
    """Write a network as readable source, weights, ONNX and a model card, none of which needs Archwright.

    Args:
        trial (N): This trial, trained now if it has not been retrained; by default the winner.
        to (DIR): Where to; by default RUN/best, or RUN/trial-N with --trial.
    """
    from archwright.session import export_trial

    print(export_trial(run, trial=trial, to=to, onnx=onnx, store=store, trust=trust))
