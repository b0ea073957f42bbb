"""What was predicted of the winner, measured on this machine."""

from __future__ import annotations

from archwright.objectives import measure_by
from archwright.session.contestants import winner_space
from archwright.session.context import RunContext

__all__ = ["measure_winner"]


def measure_winner(context: RunContext) -> None:
    """Measure once what meters have predicted of the delivered network; nothing else runs meanwhile.

    The store has it as the fact "measured": name to the number that was predicted and to what was measured.
    """
    meters = {o.name: meter for o in context.config.objectives if (meter := o.load_meter()) is not None}
    predicting = {name: meter.measuring for name, meter in meters.items() if meter.measuring is not None}
    run = context.run()
    known = context.store.get("measured")
    if not predicting or run.winner is None or (known and known["winner"] == run.winner.number):
        return
    space = winner_space(run, context.space, context.contestants)
    example = context.task.example_arguments()
    network = space.build(run.winner.architecture, example)
    metrics = {}
    for name, meter in predicting.items():
        predicted = measure_by({name: meters[name]}, network, example)[name]
        metrics[name] = {
            "predicted": predicted,
            "measured": measure_by({name: meter}, network, example)[name],
        }
    context.store.set_fact("measured", {"winner": run.winner.number, "metrics": metrics})
