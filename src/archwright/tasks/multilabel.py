"""Learning which of several labels hold, any number of them at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archwright.tasks.supervised import Supervised
from archwright.tasks.targets import MULTILABEL

__all__ = ["MultiLabel"]


class MultiLabel(Supervised):
    """Each of several labels holds for an input or does not; learned by binary cross-entropy.

    A network gives one score (logit) per label; a label is predicted where its score is above 0. Metrics, larger is
    better but for the loss:

    - `micro_f1`: harmonic mean of precision and recall over all labels and examples together.
    - `macro_f1`: the same for each label, then the mean over the labels that occur or are predicted.
    - `exact_match`: share of the examples of which every label is right.
    - `accuracy`: share of all labels of all examples that are right.
    - `loss`: mean binary cross-entropy in nats.

    A subclass may override `loss(outputs, batch)` and `metrics(outputs, batch)`.

    Items are (input of `preprocessing.input_shape`, 0 or 1 for each label, shape (labels,), float32); `classes` are
    the names of the labels.
    """

    kind = MULTILABEL
    metric = "micro_f1"
    averaging = "odds"

    def criterion(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean binary cross-entropy in nats; smoothing draws each target towards a half."""
        wanted = targets.float()
        if smoothing:
            wanted = wanted * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(outputs.float(), wanted)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """`micro_f1`, `macro_f1`, `exact_match`, `accuracy` and `loss` of a whole part."""
        predicted, actual = outputs > 0, targets > 0.5
        right = predicted == actual
        hits = (predicted & actual).sum(dim=0).double()
        wanted = (predicted.sum(dim=0) + actual.sum(dim=0)).double()
        seen = wanted > 0
        each = 2 * hits[seen] / wanted[seen]
        return {
            "micro_f1": (2 * hits.sum() / wanted.sum()).nan_to_num(0.0).item(),
            "macro_f1": each.mean().item() if len(each) else 0.0,
            "exact_match": right.all(dim=1).double().mean().item(),
            "accuracy": right.double().mean().item(),
            "loss": functional.binary_cross_entropy_with_logits(outputs.double(), targets.double()).item(),
        }

    def sampling_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Those of `micro_f1` and `macro_f1`.

        By the infinitesimal jackknife over the examples (Efron 1982, The jackknife, the bootstrap and other resampling
        plans, section 6.3). With the hits h and the labels s of an example, those predicted and those that hold, F1 is
        F = 2 mean(h) / mean(s), and the influence of an example is U = (2 h - F s) / mean(s); the variance is the sum
        of U² over n (n - 1). Of macro F1, U is the mean over the labels. Two examples more, one all right and one all
        wrong, each with as many labels as the mean one, keep a perfect score from being sure (Laplace).
        """
        predicted, actual = outputs > 0, targets > 0.5
        hits, labels = (predicted & actual).double(), predicted.double() + actual.double()
        seen = labels.sum(dim=0) > 0
        if not seen.any():
            return {}
        influences = {
            "micro_f1": _influences(hits.sum(dim=1, keepdim=True), labels.sum(dim=1, keepdim=True)),
            "macro_f1": _influences(hits[:, seen], labels[:, seen]),
        }
        return {
            name: (each.square().sum() / (len(each) * (len(each) - 1))).sqrt().item()
            for name, each in influences.items()
        }


def _influences(hits: Tensor, labels: Tensor) -> Tensor:
    """The influence of each example on the mean F1 of several columns, two examples more among them; shape (N + 2,).

    Args:
        hits: Those of each example and column, shape (N, columns).
        labels: Predicted and holding labels together, of the same shape.
    """
    mean = labels.mean(dim=0, keepdim=True)
    hits = torch.cat([hits, mean / 2, torch.zeros_like(mean)])
    labels = torch.cat([labels, mean, mean])
    f1 = 2 * hits.mean(dim=0) / mean
    return ((2 * hits - f1 * labels) / mean).mean(dim=1)
