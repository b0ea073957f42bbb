"""What training a network costs, told from a few steps of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch

from archwright.estimators.training import Training
from archwright.evaluating import evaluating
from archwright.hardware.bytes import weight_bytes
from archwright.hardware.recording import LiveBytes
from archwright.learning.ranks import Ranks
from archwright.learning.trainer import Event, Trainer
from archwright.tasks.batches import Part, evaluation_plan
from archwright.trials import Candidate

__all__ = ["TrainingCost", "interpolated_seconds", "time_training"]

_WARM_UP = 2
_FEWEST, _BLOCKS = 8, 4
_BATCHES = 3


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What training one network costs.

    Args:
        params: Its trainable parameters.
        flops: Floating-point operations of one example.
        setup: Seconds to build it, size it and make its optimizer; of all replicates, as steps and epochs are.
        step: Mean seconds of a step.
        step_error: Standard error of that, relative to it.
        timed_steps: How many steps were timed.
        steps: Steps of the whole training, by its recipe and fidelity.
        epochs: Epochs of it.
        evaluation: Seconds to score it on the validation data, once an epoch.
        memory: Most bytes of tensors alive during a step: weights, state of the optimizer, gradients, activations. What
            an operation needs for itself while it runs counts on a CUDA device only.
    """

    params: float
    flops: float
    setup: float
    step: float
    step_error: float
    timed_steps: int
    steps: int
    epochs: int
    evaluation: float
    memory: int

    @property
    def seconds(self) -> float:
        """Seconds of the whole training; early stopping may end it sooner."""
        return self.setup + self.steps * self.step + self.epochs * self.evaluation


def time_training(
    training: Training, candidate: Candidate, *, seconds: float = 1.0, most: float | None = None
) -> TrainingCost:
    """Train a network for some steps, as a search would, and extrapolate.

    Args:
        training: How networks are trained.
        candidate: Which, and with what effort.
        seconds: About how long its steps are timed; two steps to warm up, eight more and a share of the evaluation are
            taken whatever they take, unless the training is shorter.
        most: After so many seconds of steps no further one is taken; one is timed after the first, which takes longer
            than others, in any case. None for no such bound.

    Raises:
        ArchwrightError: When it does not build, or cannot be trained.
    """
    try:
        return _time_training(training, candidate, seconds, most)
    except RuntimeError as error:
        if not training.returns_to_plain_layout(error):
            raise
    return _time_training(training, candidate, seconds, most)


def _time_training(
    training: Training, candidate: Candidate, seconds: float, most: float | None
) -> TrainingCost:
    with training.joined(partial(_follow, training, candidate)) as ranks:
        began = time.perf_counter()
        with training.prepared(candidate, ranks=ranks) as (trainer, cheap, epochs):
            _wait(trainer)
            setup = time.perf_counter() - began
            per_epoch = trainer.step.length(trainer)
            steps = _steps(trainer, epochs)
            began = time.perf_counter()
            memory = _memory_of(trainer, steps)
            _wait(trainer)
            first = time.perf_counter() - began
            left = math.inf if most is None else most - first
            blocks, taken = _timed(trainer, steps, seconds, left)
            ranks.agree(False)
            evaluation = _evaluation_seconds(trainer, _BATCHES if left > 0 else 1)
    blocks = blocks or [first]
    mean, repeated = sum(blocks) / len(blocks), candidate.effort.replicates
    spread = math.sqrt(sum((block - mean) ** 2 for block in blocks) / max(1, len(blocks) - 1))
    return TrainingCost(
        params=cheap["params"],
        flops=cheap["flops"],
        setup=repeated * setup,
        step=mean,
        step_error=spread / math.sqrt(len(blocks)) / mean if len(blocks) > 1 else 0.5,
        timed_steps=max(1, taken),
        steps=repeated * epochs * per_epoch,
        epochs=repeated * epochs,
        evaluation=evaluation,
        memory=memory,
    )


def interpolated_seconds(costs: Sequence[TrainingCost], flops: Iterable[float]) -> tuple[list[float], float]:
    """What training takes for other networks: between those that were timed, linear in the logarithms.

    Args:
        costs: Of at least one network.
        flops: Of each network, for one example.

    Returns:
        Seconds for each, and the standard deviation of the log of a factor that all of them may be off by: from how far
        timed networks lie from the line between their neighbours, and from the errors of the steps.
    """
    import numpy as np

    known: dict[float, list[float]] = {}
    for cost in costs:
        known.setdefault(math.log1p(cost.flops), []).append(math.log(cost.seconds))
    places = sorted(known)
    levels = [sum(known[place]) / len(known[place]) for place in places]
    found = np.exp(np.interp([math.log1p(value) for value in flops], places, levels))
    between = range(1, len(places) - 1)
    # Each is predicted from twice the distance at which others will be.
    misses = [
        (float(np.interp(places[i], places[i - 1 : i + 2 : 2], levels[i - 1 : i + 2 : 2])) - levels[i]) / 2
        for i in between
    ]
    misses += [float(np.std(known[place])) for place in places if len(known[place]) > 1]
    of_line = float(np.mean(np.square(misses))) if misses else 0.0
    of_steps = sum(cost.step_error**2 for cost in costs) / len(costs)
    return [float(value) for value in found], math.sqrt((of_line + of_steps) / len(costs))


def _steps(trainer: Trainer, epochs: int) -> Iterator[Event]:
    """The steps of a training, each of which the other ranks take too."""
    events = (event for event in trainer.run(epochs) if event.kind == "step")
    while True:
        trainer.ranks.agree(True)
        event = next(events, None)
        if event is None:
            return
        yield event


def _follow(training: Training, candidate: Candidate, ranks: Ranks) -> None:
    """Take steps for as long as the first rank does."""
    with training.prepared(candidate, ranks=ranks) as (trainer, _, epochs):
        events = (event for event in trainer.run(epochs) if event.kind == "step")
        while ranks.agree(True):
            next(events, None)


def _wait(trainer: Trainer) -> None:
    """Wait until the device has done what it was given."""
    if trainer.device.type != "cpu":
        torch.accelerator.synchronize(trainer.device)


def _timed(trainer: Trainer, steps: Iterator[Event], seconds: float, most: float) -> tuple[list[float], int]:
    """Mean seconds of a step in each of some blocks, and how many steps were taken; none where no step is left.

    Args:
        trainer: Takes the steps.
        steps: Those that are left.
        seconds: How long they are timed, once the fewest that are timed at all were taken.
        most: How long they are timed at most, with those to warm up; one step is timed in any case.
    """
    blocks: list[float] = []
    taken, size, began = 0, max(1, _FEWEST // _BLOCKS), time.perf_counter()
    if most > 0:
        for _ in islice(steps, _WARM_UP - 1):
            pass
    if time.perf_counter() - began > most / 2:
        size = 1
    while len(blocks) < _BLOCKS or time.perf_counter() - began < seconds:
        if blocks and time.perf_counter() - began > most:
            break
        _wait(trainer)
        start = time.perf_counter()
        count = sum(1 for _ in islice(steps, size))
        _wait(trainer)
        if not count:
            break
        blocks.append((time.perf_counter() - start) / count)
        taken += count
    return blocks, taken


def _evaluation_seconds(trainer: Trainer, batches: int) -> float:
    """Seconds to score the network on the validation data, told from its first batches where the task lets that be."""
    task, plan = trainer.task, evaluation_plan(trainer.device)
    start = time.perf_counter()
    if type(task).evaluate.__module__.startswith("archwright.tasks"):
        stream = task.batches(Part("validation"), plan, trainer.module)
        if stream.length > batches:
            with evaluating(trainer.network):
                for batch in islice(stream, batches):
                    task.measure(task.forward(trainer.module, batch), batch)
            _wait(trainer)
            return (time.perf_counter() - start) * stream.length / batches
        start = time.perf_counter()
    trainer.evaluate()
    return time.perf_counter() - start


def _memory_of(trainer: Trainer, steps: Iterable[Event]) -> int:
    """Most bytes of tensors alive during the next step."""
    if trainer.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(trainer.device)
        next(iter(steps), None)
        return torch.cuda.max_memory_allocated(trainer.device)
    living = LiveBytes()
    with living:
        next(iter(steps), None)
    return living.most + weight_bytes(trainer.network)
