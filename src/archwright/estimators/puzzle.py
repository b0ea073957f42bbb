"""The estimator of the strategy `puzzle`: one exchanged block after local training, or a distilled combination."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from torch import nn

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.estimators.training import Training
from archwright.learning.devices import make_fabric
from archwright.learning.randomness import seeded
from archwright.learning.recipe import Recipe
from archwright.objectives import Meter, measure_by, measure_cheap
from archwright.pretrained.alternatives import OWN
from archwright.pretrained.blocks import Block
from archwright.pretrained.blockwise import combinations_of
from archwright.pretrained.local import BlockTask, block_data, train_locally
from archwright.supernets.norms import recalibrate
from archwright.tasks.batches import Part, Plan, evaluation_plan
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["Puzzle"]

_BATCH, _BATCHES = 64, 32
"""Training examples from which the statistics of norms are taken: 2,048."""


@final
class Puzzle(Estimator):
    """Measures what the strategy `puzzle` asks for.

    Of a candidate at the fidelity "exchange", in which one block at most is exchanged, the alternative is trained
    against its block, and the network with it scored after the statistics of its norms are taken anew; the trained
    weights and the scores are kept in the space's library, so that no search does this twice. Any other candidate is
    put together from the library and distilled from the user's network for a part of the epochs.

    Source: Bercovich et al. 2024, arXiv:2411.19146.

    Args:
        space: Of `aw.blockwise`.
        task: What the network does. Its validation data score.
        recipe: How combinations are distilled; see `Recipe.distilled`.
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: See `Training`; for the distillation.
        precision: See `Training`; for the distillation.
        threads: See `Training`; for the distillation.
        folder: The run's; holds the library where the space names none.
        examples: Training examples on which an alternative learns.
        local_epochs: Passes over them.
        local_rate: Highest learning rate of the local training.
        short: Share of the recipe's epochs for which a combination is distilled in the search, in (0, 1]; a fidelity
            with epochs sets these instead.

    Raises:
        UsageError: When the space is another, or an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        recipe: Recipe | None = None,
        *,
        accelerator: str = "auto",
        devices: int | Sequence[int] = 1,
        precision: str = "32-true",
        threads: int | None = None,
        folder: Path | None = None,
        examples: int = 2048,
        local_epochs: int = 8,
        local_rate: float = 2e-3,
        short: float = 0.25,
    ) -> None:
        members = combinations_of(space)
        if members is None:
            raise UsageError(
                "puzzle: expected the space of a trained network's blocks, which aw.blockwise(network, example) makes, "
                f"got {space.name!r}"
            )
        if examples < 16 or not 0 < short <= 1:
            raise UsageError(
                f"puzzle: expected examples >= 16 and 0 < short <= 1, got examples={examples} and short={short}"
            )
        self.space, self.task, self.members = space, task, members
        if members.library is None and folder is not None:
            members.library = folder.absolute() / "library"
        how: dict[str, Any] = {"devices": devices, "precision": precision, "threads": threads}
        self.training = Training(space, task, (recipe or Recipe()).distilled, accelerator=accelerator, **how)
        self.accelerator, self.threads, self.examples, self.short = accelerator, threads, examples, short
        self.local = Recipe(
            epochs=local_epochs, batch_size=_BATCH, learning_rate=local_rate, weight_decay=0.0
        )
        told = {"task": task.name, "split": str(task.split), "examples": examples, **self.local.to_json()}
        self.made = json.dumps(told, sort_keys=True)
        self._data: tuple[str, Block] | None = None
        self._costs: dict[tuple[str, str | None], tuple[float, float]] = {}

    def is_bounded(self, candidate: Candidate) -> bool:
        """An exchange tells what its alternative costs, and may be over limits that combinations keep."""
        return candidate.effort.proxy is None

    def costs(self, candidate: Candidate, meters: Mapping[str, Meter]) -> dict[str, float] | None:
        """Of an exchange, what needs the machine for itself: the network's, and the difference between the two blocks.

        One block's time is lost in the spread of the network's. Where a meter tells of a reference call, a number
        counts as a multiple of it, so that a slower moment does not matter.
        """
        exchanged = self._exchanged(candidate)
        if (
            candidate.effort.proxy is None
            or not exchanged
            or not all(one.exclusive for one in meters.values())
        ):
            return None
        (name, choice), found = exchanged[0], {}
        block = self.members.blocks[name]
        own = self.members.network.get_submodule(block.name)
        for key, meter in meters.items():
            whole = self._cost((key, None), meter, self.members.network, self.task.example_arguments())
            before = self._cost((key, name), meter, own, block.first_call)
            after = _told(meter, self.members.alternative(name, choice), block.first_call)
            found[key] = whole[0] + (after[0] / after[1] - before[0] / before[1]) * whole[1]
        return found

    def _cost(
        self, key: tuple[str, str | None], meter: Meter, module: nn.Module, call: Any
    ) -> tuple[float, float]:
        """What a meter says of the network or one of its own blocks, once in a process."""
        if key not in self._costs:
            self._costs[key] = _told(meter, module, call)
        return self._costs[key]

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Score an exchange, or distil a combination. See `Estimator.estimate`."""
        if candidate.effort.proxy is None:
            epochs = candidate.effort.epochs or max(1, math.ceil(self.short * self.training.recipe.epochs))
            distilled = replace(candidate, fidelity=replace(candidate.effort, epochs=epochs))
            for name, choice in self._exchanged(candidate):
                self._trained(name, choice)  # where another machine trained it
            return self.training.measure(distilled, trial)
        begin = time.perf_counter()
        exchanged = self._exchanged(candidate)
        if len(exchanged) > 1:
            raise TrialError(f"an exchange is of one block, got {len(exchanged)}: {dict(exchanged)}")
        known: dict[str, float] = {}
        if exchanged:
            known = self._trained(*exchanged[0])
        if "loss" not in known:
            known |= self._score(candidate)
            if exchanged:
                module = self.members.alternative(*exchanged[0])
                self.members.keep(*exchanged[0], module, metrics=known, made=self.made)
        return Measurement(known, seconds=time.perf_counter() - begin)

    def _exchanged(self, candidate: Candidate) -> list[tuple[str, str]]:
        return [(name, choice) for name, choice in candidate.architecture.items() if choice != OWN]

    def _trained(self, name: str, choice: str) -> dict[str, float]:
        """The metrics of an alternative, which is trained if the library lacks it."""
        known = self.members.kept(name, choice)
        if known is not None and known["made"] == self.made:
            return dict(known["metrics"])
        module = deepcopy(self.members.made[name][choice])
        with seeded(self.local.seed, threads=self.threads):
            task = BlockTask(self._block_data(name))
            metrics = {"local_error": train_locally(module, task, self.local, self.accelerator)}
        if not math.isfinite(metrics["local_error"]):
            raise TrialError(f"the alternative {choice} of {name} did not learn: its error is not finite")
        self.members.keep(name, choice, module, metrics=metrics, made=self.made)
        return metrics

    def _block_data(self, name: str) -> Block:
        """A block's calls; those of the last block are kept, since its alternatives come in a row."""
        if self._data is None or self._data[0] != name:
            device = make_fabric(self.accelerator, 1, "32-true").device
            network = self.members.network.to(device)
            found = block_data(network, self.members.blocks[name], self.task, self.examples, device)
            self.members.network.to("cpu")
            self._data = name, found
        return self._data[1]

    def _score(self, candidate: Candidate) -> dict[str, float]:
        """The task's metrics on the validation data once norms are recalibrated, "params" and "flops"."""
        device = make_fabric(self.accelerator, 1, "32-true").device
        network = self.space.build(candidate.architecture).to(device)
        with seeded(0, device, self.threads):
            drawn = self.task.batches(Part("train"), Plan(size=_BATCH, device=device, seed=0), network)
            recalibrate(network, itertools.islice(drawn, _BATCHES), self.task.forward)
            scores = self.task.evaluate(network, Part("validation"), evaluation_plan(device))
        if not all(math.isfinite(one) for one in scores.values()):
            raise TrialError("the network with the exchanged block gives numbers that are not finite")
        return {**scores, **measure_cheap(network.to("cpu"), self.task.example_arguments())}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_data": None, "_costs": {}}


def _told(meter: Meter, module: nn.Module, call: Any) -> tuple[float, float]:
    """A meter's number, and that of its reference call; 1 where it has none."""
    found = measure_by({"": meter}, module, call)
    return found[""], found.get("_reference", 1.0)
