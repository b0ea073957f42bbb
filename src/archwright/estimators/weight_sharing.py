"""The estimate by shared weights: no training at all, once a supernet is trained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, final

import torch

from archwright.errors import TrialError
from archwright.estimators.estimator import Estimator
from archwright.learning.devices import make_fabric
from archwright.objectives import measure_cheap
from archwright.spaces import Space
from archwright.supernets import Supernet, shared_score
from archwright.supernets.storage import load_supernet
from archwright.tasks import Task
from archwright.trials import Candidate, Measurement, TrialContext

__all__ = ["WeightSharing"]


@final
class WeightSharing(Estimator):
    """Scores an architecture with the weights that it inherits from a trained supernet.

    The scores rank architectures (Guo et al. 2020, arXiv:1904.00420); they are not what a network reaches that is
    trained alone, so the best ones must be. Any ask/tell strategy can search on them.

    Args:
        space: The supernet's space.
        task: What it learned; its validation data score, its training data recalibrate the norms.
        supernet: A trained one, or the file that `save_supernet` wrote, read once in each process.
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
    """

    def __init__(
        self, space: Space, task: Task, supernet: Supernet | Path | str, *, accelerator: str = "auto"
    ) -> None:
        self.space, self.task, self.accelerator = space, task, accelerator
        self.path = None if isinstance(supernet, Supernet) else Path(supernet)
        self._supernet = supernet if isinstance(supernet, Supernet) else None

    @property
    def supernet(self) -> Supernet:
        """The supernet, on its device.

        Raises:
            RunError: When its file cannot be read.
        """
        if self._supernet is None:
            assert self.path is not None
            device = make_fabric(self.accelerator, 1, "32-true").device
            self._supernet = load_supernet(self.space, self.task.example_arguments(), self.path).to(device)
        return self._supernet

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """The task's metrics by shared weights on the validation data, "params" and "flops".

        Raises:
            TrialError: When an output is not finite.
        """
        begin = time.perf_counter()
        scores = shared_score(self.supernet, candidate.architecture, self.task)
        if not all(torch.isfinite(torch.tensor(list(scores.values())))):
            raise TrialError(
                "the outputs by shared weights are not finite; train the supernet with a smaller step"
            )
        example = self.task.example_arguments()
        cheap = measure_cheap(self.space.build(candidate.architecture, example), example)
        return Measurement({**scores, **cheap}, seconds=time.perf_counter() - begin)

    def __getstate__(self) -> dict[str, Any]:
        # With a file, a worker process reads it itself.
        return {**self.__dict__, "_supernet": self._supernet if self.path is None else None}
