"""P-DARTS: stages that shrink the operations and deepen the network (Chen et al. 2019, arXiv:1904.12760)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from archwright.errors import ArchwrightWarning, SpaceError, UsageError
from archwright.learning import Recipe, Trainer
from archwright.spaces import Architecture, Decision
from archwright.supernets.methods.bilevel import Bilevel, mixture_search
from archwright.supernets.methods.darts import Softmax
from archwright.supernets.methods.derivation import SKIP_OPERATIONS
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.mixed import MixedOp, Mixer
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task

__all__ = ["PDarts", "SkipDropout", "skip_dropout"]

_DECAY = 0.2
"""By which the dropout of skip connections falls from epoch to epoch, once alpha moves (the paper's code)."""
_FROZEN = 0.4
"""Share of a stage's epochs in which alpha stands still: the paper's 10 of 25."""


@final
class PDarts(OneShot):
    """DARTS in stages: each begins anew, with a deeper supernet and only the strongest operations of the stage before.

    So the depth comes closer to that of the final network at the same cost. Skip connections, which train fastest,
    are held down by dropout, and by a limit at the end. The defaults are the paper's; its stages are 25 epochs each.

    The supernet that it is given tells space, input and device. Where the space has no other scale
    (`Space.scale(cells=...)`), all stages have its depth, and a warning says so.

    Args:
        epochs: Epochs of all stages together, divided evenly; what is left over goes to the last stages.
        cells: Cells of each stage's supernet; None keeps the space's own.
        operations: How many operations every edge keeps after each stage but the last. The first stage has all.
        skip_dropout: Of each stage: the probability with which the dropout of skip connections begins.
        frozen_epochs: Epochs at the beginning of each stage in which alpha stands still; None means two fifths.
        batch_size: Examples in a batch.
        lowest_learning_rate: What the learning rate falls to in each stage, along a cosine.
        architecture_learning_rate: Learning rate of alpha's Adam.
        skip_limit: Most skip connections in a derived normal cell; None is no limit.
        options: Of `mixture_search`.

    Attributes:
        stage: Number of the present stage, from 0.
        present: Its search.

    Raises:
        UsageError: When an option is out of range, or the stages do not agree in number.
    """

    needs_mixture = True
    driver = "weights"
    stage: int
    present: Bilevel
    _dropped: float

    def __init__(
        self,
        *,
        epochs: int = 75,
        cells: Sequence[int] | None = (5, 11, 17),
        operations: Sequence[int] = (5, 3),
        skip_dropout: Sequence[float] = (0.1, 0.4, 0.7),
        frozen_epochs: int | None = None,
        batch_size: int = 96,
        lowest_learning_rate: float = 0.0,
        architecture_learning_rate: float = 6e-4,
        skip_limit: int | None = 2,
        **options: Any,
    ) -> None:
        stages = len(operations) + 1
        lengths = {"skip_dropout": len(skip_dropout), "cells": stages if cells is None else len(cells)}
        for name, length in lengths.items():
            if length != stages:
                raise UsageError(
                    f"expected {name} for {stages} stages, one more than the numbers of operations "
                    f"{list(operations)}, got {length}"
                )
        if epochs < stages or min(operations, default=1) < 1 or not all(0 <= p < 1 for p in skip_dropout):
            raise UsageError(
                f"expected at least one epoch for each of {stages} stages, operations >= 1 and 0 <= skip_dropout < 1, "
                f"got epochs={epochs}, operations={list(operations)}, skip_dropout={list(skip_dropout)}"
            )
        if options.get("early_stop"):
            raise UsageError("P-DARTS stops no stage early: the next ones need it; leave early_stop out")
        options = {
            "batch_size": batch_size,
            "lowest_learning_rate": lowest_learning_rate,
            "architecture_learning_rate": architecture_learning_rate,
            "skip_limit": skip_limit,
            **options,
        }
        self._options, self._frozen_epochs = options, frozen_epochs
        self.operations, self.skip_dropout = tuple(operations), tuple(skip_dropout)
        self.cells = None if cells is None else tuple(cells)
        self.ends = [epochs * stage // stages for stage in range(stages + 1)]
        self._restart()
        first = self.present
        super().__init__(seed=first.seed, precision=first.precision, accelerators=first.accelerators)
        self.recipe = first.recipe.replace(epochs=epochs)
        self.parts = self.present.parts
        self.refuses = self.present.refuses

    def trainer(self, supernet: Supernet, task: Task, **where: Any) -> Trainer:
        """The loop; its first supernet is made from the space of the one that is given."""
        self._restart()
        self._space, self._scale = supernet.space, supernet.scale
        self._example = task.example_arguments() if supernet.example is None else supernet.example
        return super().trainer(self._built({}), task, **where)

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the present stage."""
        made = self.present.optimizers(network, self.present.recipe)
        self.supernet = self.present.supernet
        return made

    def begin(self, trainer: Trainer) -> None:
        """Where a stage is over, begin the next: its supernet has new weights and alphas."""
        if trainer.epoch == self.ends[self.stage + 1]:
            allowed = strongest(self.present, self.operations[self.stage])
            self.stage += 1
            self.present = self._search()
            trainer.exchange(self._built(allowed))
        self.present.begin(trainer)
        self._dropped = skip_dropout(
            self.skip_dropout[self.stage],
            trainer.epoch - trainer.origin,
            self.present.epochs,
            self.present.frozen_epochs,
        )
        drop_skips(self.supernet, self._dropped)

    def take(self, trainer: Trainer) -> bool:
        """One step of the present stage."""
        return self.present.take(trainer)

    def learning_rate(self, trainer: Trainer) -> float:
        """That of the present stage."""
        return self.present.learning_rate(trainer)

    def end(self, trainer: Trainer) -> None:
        """What the present stage notes, the stage, and the dropout of skip connections."""
        self.present.end(trainer)
        trainer.note("stage", self.stage + 1)
        trainer.note("skip_dropout", self._dropped)

    def proposals(self) -> Iterator[Architecture]:
        """Those of the present stage."""
        return self.present.proposals()

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Of the operations that are left."""
        return self.present.probabilities()

    def rebuild(self, state: Mapping[str, Any], network: nn.Module) -> nn.Module:
        """The supernet of the state's stage."""
        if state["stage"] == self.stage == 0:
            return network
        self.stage = state["stage"]
        self.present = self._search()
        return self._built(state["allowed"])

    def state_dict(self) -> dict[str, Any]:
        """The stage, what it was built with, and the state of its search."""
        allowed = {address: list(labels) for address, labels in self.supernet.allowed.items()}
        return {
            "stage": self.stage,
            "allowed": allowed,
            "dropped": self._dropped,
            "search": self.present.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        self.present.load_state_dict(state["search"], network)
        self._dropped = state["dropped"]
        drop_skips(self.supernet, self._dropped)

    def _restart(self) -> None:
        self.stage, self._dropped = 0, 0.0
        self.present = self._search()

    def _search(self) -> Bilevel:
        """That of the present stage."""
        epochs = self.ends[self.stage + 1] - self.ends[self.stage]
        frozen = round(_FROZEN * epochs) if self._frozen_epochs is None else self._frozen_epochs
        return mixture_search(Softmax(), epochs=epochs, frozen_epochs=frozen, **self._options)

    def _built(self, allowed: Mapping[str, Sequence[Any]]) -> Supernet:
        """The present stage's supernet, with weights that follow from the seed and the stage alone."""
        scale = None
        if self.cells is not None:
            scale = {**self._scale, "cells": self.cells[self.stage]}
            try:
                self._space.scale(**scale)
            except SpaceError as error:
                scale = None
                if self.stage == 0:
                    warnings.warn(
                        f"P-DARTS: all stages have the depth of the space itself: {error}",
                        ArchwrightWarning,
                        stacklevel=4,
                    )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(
                int(np.random.SeedSequence([self.seed, self.stage]).generate_state(1)[0])
            )
            return Supernet(self._space, self._example, allowed=allowed, scale=scale)


@final
class SkipDropout(Mixer):
    """Zeroes single numbers of a skip connection's output while training, and scales the others up.

    Args:
        probability: Of a number's being zeroed, in [0, 1).
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def mix(self, switch: MixedOp, *inputs: Any, **named: Any) -> Any:
        """The weighed sum, with dropout on skip connections that have no weights."""

        def output_of(value: Any) -> Any:
            option = switch.option(value)
            output = option(*inputs, **named)
            if value in SKIP_OPERATIONS and next(option.parameters(), None) is None:
                return nn.functional.dropout(output, self.probability, switch.training)
            return output

        return switch.weighed_sum(output_of)


def drop_skips(supernet: nn.Module, probability: float) -> None:
    """Set the dropout of all skip connections of a supernet."""
    mixer = SkipDropout(probability) if probability > 0 else None
    for module in supernet.modules():
        if isinstance(module, MixedOp):
            module.mixer = mixer if any(label in SKIP_OPERATIONS for label in module.names) else None


def skip_dropout(begin: float, epoch: int, epochs: int, frozen_epochs: int) -> float:
    """The probability of the dropout of skip connections in an epoch of a stage.

    With p the stage's first, it is p (E - e - 1) / E in epoch e of E as long as alpha stands still, and
    p exp(-0.2 (e - F)) from the epoch F on in which alpha begins to move: full at first, so that alpha does not see
    how fast skip connections train, then fading, so that it learns what they are worth (section 3.3.1, and the
    paper's code).

    Args:
        begin: p, in [0, 1).
        epoch: e, from 0.
        epochs: E.
        frozen_epochs: F.
    """
    if epoch < frozen_epochs:
        return begin * (epochs - epoch - 1) / epochs
    return begin * math.exp(-_DECAY * (epoch - frozen_epochs))


def strongest(search: Bilevel, count: int) -> dict[str, tuple[Any, ...]]:
    """For each decision between operations the strongest ones, in the decision's own order.

    Args:
        search: Says how strong they are.
        count: How many to keep, at least 1; of decisions that have fewer left, all.
    """
    supernet = search.supernet
    probabilities = search.probabilities()
    found = {}
    for module in supernet.modules():
        if isinstance(module, MixedOp) and isinstance(module.selector.expression, Decision):
            (address,) = module.selector.reads
            decision = supernet.decisions.get(address)
            if decision is None or decision.several:
                continue
            chances = probabilities[address]
            labels = list(supernet.allowed.get(address, decision.values()))
            kept = sorted(labels, key=lambda label, chances=chances: -chances[str(label)])[:count]  # type: ignore[misc]
            found[address] = tuple(label for label in labels if label in kept)
    return found
