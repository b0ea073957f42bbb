"""`archwright specialise`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.cli.described import described
from archwright.cli.options import AsJson, Formats, RunFolder, StoreURL, Trust
from archwright.cli.streams import emit

if TYPE_CHECKING:
    from archwright.session.specialised import Reference, Specialised

__all__ = ["specialise"]


@described
def specialise(
    run: RunFolder,
    limit: list[str] | None = None,
    front: str | None = None,
    points: int = 5,
    to: str | None = None,
    predictor: str = "gp",
    seed: int = 0,
    store: StoreURL = None,
    trust: Trust = False,
    formats: Formats = None,
    as_json: AsJson = False,
) -> None:
    """Take a network for other limits from a trained supernet: in seconds, its weights as they are.

    RUN is a search that trained one: `archwright search TASK --strategy once_for_all`, or sandwich. Ask again and
    again; with --front for several networks at once. To make a network of your own smaller see --network of `archwright
    search`. Beside each network stands what it was made smaller from: your own as it was given, where the search had
    --network, and the largest of the supernet.

    \b
    Examples:
      archwright specialise runs/fashion --limit 'latency_ms<=5'
      archwright specialise runs/fashion --limit 'params<=50000' --limit 'macs<=2e6' --to small
      archwright specialise runs/fashion --front macs --points 5

    Args:
        limit (-l NAME<=N): What the network may cost: 'params<=50000', 'latency_ms<=5'; may be given several times.
        front (NAME): Several networks, from about the smallest to the largest by this meter.
        points (N): How many then.
        to (DIR): Where to; by default a folder in RUN/specialised, named by the limits.
        predictor (NAME): What predicts scores and costs (see `archwright list surrogates`).
        seed: Of everything random.
    """  # noqa: D301
    from archwright.cli.streams import tell_loading
    from archwright.experiments import RunConfig
    from archwright.export import chosen_formats
    from archwright.objectives import parse_limit

    for text in limit or []:
        parse_limit(text)
    chosen_formats(formats or None)  # is refused before torch is loaded
    RunConfig.read(Path(run))  # and so is a folder that is no run's
    tell_loading()
    from archwright.session import specialise as specialise_run

    found = specialise_run(
        run,
        limit or [],
        front=front,
        points=points,
        to=to,
        predictor=predictor,
        seed=seed,
        store=store,
        trust=trust,
        formats=formats or None,
    )
    if as_json:
        told = [
            {
                "folder": str(one.folder),
                "architecture": one.architecture.to_json(),
                "costs": dict(one.costs),
                "validation": dict(one.metrics),
                "test": dict(one.test),
                "seconds": one.seconds,
            }
            for one in found
        ]
        references = [
            {
                "name": one.name,
                "costs": dict(one.costs),
                "validation": dict(one.metrics),
                "test": dict(one.test),
            }
            for one in found[0].references
        ]
        emit(json.dumps({"networks": told, "references": references}, indent=2))
        return
    for one in found:
        print(f"{one.folder}: {_told(one)}; {one.seconds:.1f} s")
    for reference in found[0].references:
        print(f"made smaller from {reference.name}: {_told(reference)}")


def _told(network: Specialised | Reference) -> str:
    """What a network costs, and its test scores."""
    costs = ", ".join(f"{name} {value:g}" for name, value in network.costs.items())
    return f"{costs}; test {', '.join(f'{name} {value:.4g}' for name, value in network.test.items())}"
