"""Judging on several networks at once: the estimator of EvoNorm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, final

from archwright.errors import UsageError
from archwright.estimators.estimator import Estimator
from archwright.estimators.training import Training
from archwright.learning.recipe import Recipe
from archwright.primitives.networks import FAMILIES
from archwright.tasks.task import Task
from archwright.trials import Candidate, LocalTrial, Measurement, TrialContext, Verdict

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["Anchors"]

_OF_IMAGES = tuple(family for family in FAMILIES if family != "perceptron")


@final
class Anchors(Estimator):
    """Trains each candidate in several networks, so that what is found does not fit one of them alone.

    Liu et al. 2020, arXiv:2004.02967, section 3.3, judge a normalisation-activation layer in three anchor architectures
    (ResNet-50, MobileNetV2 and EfficientNet-B0), and let a random one of those win a tournament that no other beats in
    all three: `evolution` with winner="pareto" and one objective for each network. Here the networks are the same space
    at other options, by default its residual, plain and inverted ones.

    Args:
        space: Of which `space.scale` makes the others, such as `normalisation` or `activation` on images.
        task: What to learn.
        recipe: How to train each.
        accelerator: "auto", "cpu", "cuda" or "mps".
        precision: As of `Training`.
        threads: Threads of torch on the CPU; None leaves them as they are.
        families: Values of the space's option `family`, at least two.

    Raises:
        UsageError: When there are fewer than two families, or one twice.
        SpaceError: When the space has no such option or family.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        recipe: Recipe | None = None,
        *,
        accelerator: str = "auto",
        precision: str = "32-true",
        threads: int | None = None,
        families: Sequence[str] = _OF_IMAGES,
    ) -> None:
        if len(families) < 2 or len(set(families)) < len(families):
            raise UsageError(
                f"anchors: expected two families or more, each once, got {', '.join(families) or 'none'}"
            )
        self.trainings = {
            family: Training(
                space.scale(family=family),
                task,
                recipe,
                accelerator=accelerator,
                precision=precision,
                threads=threads,
            )
            for family in families
        }

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Train a candidate in one network after the other; each is reported to the trial, which may stop.

        Returns:
            Each metric of the task as the mean over the networks, and as "METRIC_FAMILY" of each; "params" and "flops"
            of the first.

        Raises:
            TrialError: When it cannot be trained in one of them. See `Training.fit`.
        """
        found: dict[str, Measurement] = {}
        for number, (family, training) in enumerate(self.trainings.items(), 1):
            found[family] = training.fit(candidate, LocalTrial())[1]
            if trial.report(number, _joined(found)) is Verdict.STOP:
                break
        return Measurement(_joined(found), seconds=math.fsum(one.seconds for one in found.values()))


def _joined(found: Mapping[str, Measurement]) -> dict[str, float]:
    first, *others = found.values()
    joined: dict[str, float] = {}
    for name, value in first.metrics.items():
        if name in ("params", "flops"):
            joined[name] = value
        elif all(name in one.metrics for one in others):
            joined[name] = fmean(one.metrics[name] for one in found.values())
            joined |= {f"{name}_{family}": one.metrics[name] for family, one in found.items()}
    return joined
