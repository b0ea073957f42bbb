"""How often each class was taken for which: what recall and F1 are made of, and how far they are off by chance."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["balanced_metrics", "confusion_of", "sampling_errors"]


def confusion_of(outputs: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Counts of examples, shape (classes, classes): in row i and column j those of class i that were taken for j.

    Args:
        outputs: One score per class, shape (N, classes); the highest counts.
        targets: Class of each example, shape (N,).
        classes: How many there are.
    """
    pairs = targets * classes + outputs.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


def balanced_metrics(confusion: Tensor) -> dict[str, Tensor]:
    """`balanced_accuracy`, the mean recall of the classes that occur, and `f1`, the mean over those seen in any way.

    Args:
        confusion: Counts, as `confusion_of` gives them.
    """
    hits, actual, predicted = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
    seen = (actual + predicted) > 0
    return {
        "balanced_accuracy": (hits[actual > 0] / actual[actual > 0]).mean(),
        "f1": (2 * hits[seen] / (actual + predicted)[seen]).mean(),
    }


def sampling_errors(confusion: Tensor) -> dict[str, float]:
    """Standard error of `balanced_accuracy` and `f1`, had other examples been drawn.

    It is the infinitesimal jackknife (Jaeckel 1972; Efron 1982, The jackknife, the bootstrap and other resampling
    plans, section 6.3): what the bootstrap over examples comes to, without drawing. With the counts m and the
    derivative D of the metric by each count, the variance is the sum of m D². A class of which all are right or all
    wrong is as sure as one more example of both kinds would make it (Laplace), as it is for a single share.

    Args:
        confusion: Counts, as `confusion_of` gives them.
    """
    actual, predicted = confusion.sum(dim=1), confusion.sum(dim=0)
    occurs, seen = actual > 0, actual + predicted > 0
    added = torch.full_like(confusion, 1 / max(1, int(seen.sum()) - 1)).fill_diagonal_(1.0)
    counts = (confusion + added * occurs.unsqueeze(1) * seen).requires_grad_()
    found = {}
    with torch.enable_grad():
        for name, metric in balanced_metrics(counts).items():
            (slope,) = torch.autograd.grad(metric, counts, retain_graph=True)
            found[name] = float((counts.detach() * slope**2).sum().sqrt())
    return found
