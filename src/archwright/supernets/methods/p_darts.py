"""P-DARTS: stages that shrink the operations and deepen the network (Chen et al. 2019, arXiv:1904.12760)."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import nn

from archwright.errors import ArchwrightWarning, SpaceError, UsageError
from archwright.spaces import Architecture, Decision
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.darts import Softmax
from archwright.supernets.methods.derivation import SKIP_OPERATIONS
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.mixed import MixedSwitch, Mixer
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

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
        learning_rate: Of the weights in the first epoch of a stage; falls to 0 along a cosine.
        architecture_learning_rate: Of alpha's Adam.
        skip_limit: Most skip connections in a derived normal cell; None is no limit.
        seed: Of everything random.
        options: The other options of `Bilevel`.

    Attributes:
        stage: Number of the present stage, from 0.
        present: Its search.

    Raises:
        UsageError: When an option is out of range, or the stages do not agree in number.
    """

    mixes = True

    def __init__(
        self,
        *,
        epochs: int = 75,
        cells: Sequence[int] | None = (5, 11, 17),
        operations: Sequence[int] = (5, 3),
        skip_dropout: Sequence[float] = (0.1, 0.4, 0.7),
        frozen_epochs: int | None = None,
        batch_size: int = 96,
        learning_rate: float = 0.025,
        architecture_learning_rate: float = 6e-4,
        skip_limit: int | None = 2,
        seed: int = 0,
        **options: Any,
    ) -> None:
        listed = {"cells": cells, "operations": operations, "skip_dropout": skip_dropout}
        for name, given in listed.items():
            if not isinstance(given, list | tuple) and not (name == "cells" and given is None):
                raise UsageError(
                    f"expected a list with a number a stage for {name}, such as [5, 3], got {given!r}"
                )
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
        self.epochs, self.done, self.stage = epochs, 0, 0
        self.operations, self.skip_dropout, self.seed = tuple(operations), tuple(skip_dropout), seed
        self.cells = None if cells is None else tuple(cells)
        ends = [epochs * stage // stages for stage in range(stages + 1)]
        self.stage_epochs = tuple(end - begin for begin, end in itertools.pairwise(ends))
        """Epochs of each stage."""
        self._frozen_epochs = frozen_epochs
        self._options = {
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "lowest_learning_rate": 0.0,
            "architecture_learning_rate": architecture_learning_rate,
            "skip_limit": skip_limit,
            "seed": seed,
            **options,
        }
        self.present = self._search()

    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take the space and the data, and make the first stage's supernet."""
        self.task = task
        self._space, self._scale = supernet.space, supernet.scale
        self._example = task.example_arguments() if supernet.example is None else supernet.example
        self._device = next(supernet.parameters()).device
        self._enter(0, {})

    def epoch(self) -> Measurement:
        """One epoch of the present stage; where that is over, of the next."""
        if self.present.done == self.present.epochs and self.stage + 1 < len(self.stage_epochs):
            self._enter(self.stage + 1, strongest(self.present, self.operations[self.stage]))
        within, present = self.present.done, self.present
        probability = skip_dropout(
            self.skip_dropout[self.stage], within, present.epochs, present.frozen_epochs
        )
        drop_skips(self.supernet, probability)
        measured = present.epoch()
        self.done += 1
        metrics = {**measured.metrics, "stage": float(self.stage + 1), "skip_dropout": probability}
        return Measurement(metrics, seconds=measured.seconds)

    def proposals(self) -> Iterator[Architecture]:
        """Those of the present stage."""
        return self.present.proposals()

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Of the operations that are left."""
        return self.present.probabilities()

    def state_dict(self) -> dict[str, Any]:
        """The stage, what it was built with, and the state of its search."""
        allowed = {address: list(labels) for address, labels in self.supernet.allowed.items()}
        return {
            "stage": self.stage,
            "allowed": allowed,
            "done": self.done,
            "search": self.present.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the stage's supernet again and continue."""
        self._enter(state["stage"], state["allowed"])
        self.done = state["done"]
        self.present.load_state_dict(state["search"])

    def _enter(self, stage: int, allowed: Mapping[str, Sequence[Any]]) -> None:
        """Begin a stage: its supernet, with new weights and alphas, that follow from the seed and the stage alone."""
        self.stage = stage
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([self.seed, stage]).generate_state(1)[0]))
            self.supernet = self._built(allowed).to(self._device)
        self.present = self._search()
        self.present.setup(self.supernet, self.task)
        self.present.on_step = self.stepped

    def _search(self) -> Bilevel:
        """That of the present stage."""
        epochs = self.stage_epochs[self.stage]
        frozen = round(_FROZEN * epochs) if self._frozen_epochs is None else self._frozen_epochs
        return Bilevel(Softmax(), epochs=epochs, frozen_epochs=frozen, **self._options)

    def _built(self, allowed: Mapping[str, Sequence[Any]]) -> Supernet:
        if self.cells is not None:
            scale = {**self._scale, "cells": self.cells[self.stage]}
            try:
                self._space.scale(**scale)
            except SpaceError as error:
                if self.stage == 0:
                    warnings.warn(
                        f"P-DARTS: all stages have the depth of the space itself: {error}",
                        ArchwrightWarning,
                        stacklevel=4,
                    )
            else:
                return Supernet(self._space, self._example, allowed=allowed, scale=scale)
        return Supernet(self._space, self._example, allowed=allowed)


@final
class SkipDropout(Mixer):
    """Zeroes single numbers of a skip connection's output while training, and scales the others up.

    Args:
        probability: Of a number's being zeroed, in [0, 1).
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def mix(self, switch: MixedSwitch, *inputs: Any, **named: Any) -> Any:
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
        if isinstance(module, MixedSwitch):
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
        if isinstance(module, MixedSwitch) and isinstance(module.selector.expression, Decision):
            (address,) = module.selector.reads
            decision = supernet.decisions.get(address)
            if decision is None or decision.several:
                continue
            chances = probabilities[address]
            labels = list(supernet.allowed.get(address, decision.values()))
            kept = sorted(labels, key=lambda label, chances=chances: -chances[str(label)])[:count]  # type: ignore[misc]
            found[address] = tuple(label for label in labels if label in kept)
    return found
