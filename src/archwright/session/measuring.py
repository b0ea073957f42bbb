"""What was predicted of the winner, measured on this machine."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import TYPE_CHECKING

from archwright.errors import ArchwrightWarning, ExportError
from archwright.experiments.checkpoints import rebuilt
from archwright.objectives import measure_by
from archwright.session.contestants import winner_space
from archwright.session.context import RunContext

if TYPE_CHECKING:
    from torch import nn

__all__ = ["measure_winner"]

_BATCHES = 1


def measure_winner(context: RunContext) -> None:
    """Measure once what meters have predicted of the delivered network; nothing else runs meanwhile.

    The store has it as the fact "measured": name to the number that was predicted and to what was measured. Where
    INT8 size is an objective, the network is quantised, and its test scores are among them, beside those that it has
    as it is.
    """
    objectives = context.config.objectives
    meters = {o.name: meter for o in objectives if (meter := o.load_meter()) is not None}
    predicting = {name: meter.measuring for name, meter in meters.items() if meter.measuring is not None}
    run, known = context.run(), context.store.get("measured")
    if run.winner is None or (known and known["winner"] == run.winner.number):
        return
    if not predicting and "int8_size" not in meters:
        return
    network = rebuilt(
        winner_space(run, context.space, context.contestants), context.task, run.winner, context.folder
    )
    example = context.task.example_arguments()
    metrics = {}
    for name, meter in predicting.items():
        predicted = measure_by({name: meters[name]}, network, example)[name]
        metrics[name] = {
            "predicted": predicted,
            "measured": measure_by({name: meter}, network, example)[name],
        }
    if "int8_size" in meters:
        try:
            metrics |= _in_int8(context, network, run.winner.metrics["int8_size"], run.test or {})
        except ExportError as error:  # a network without an INT8 form is still the winner
            context.experiment.say(str(error))
            warnings.warn(str(error), ArchwrightWarning, stacklevel=2)
    context.store.set_fact("measured", {"winner": run.winner.number, "metrics": metrics})


def _in_int8(
    context: RunContext, network: nn.Module, size: float, scores: dict[str, float]
) -> dict[str, dict[str, float]]:
    """The file's bytes, and the test scores after calibration on examples of the training data."""
    import torch

    from archwright.hardware import int8_network
    from archwright.tasks.batches import Part, evaluation_plan

    task, plan = context.task, evaluation_plan(torch.device("cpu"))
    stream = task.batches(Part("train"), plan, network)
    stream.start(0)
    quantised = int8_network(network, [task.arguments(batch) for batch in islice(stream, _BATCHES)])
    found = task.evaluate(quantised, Part("test"), plan)
    return {"int8_size": {"predicted": size, "measured": float(quantised.nbytes)}} | {
        f"int8_{name}": {"predicted": scores[name], "measured": value}
        for name, value in found.items()
        if name in scores
    }
