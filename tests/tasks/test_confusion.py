"""Balanced metrics beside scikit-learn's, and their errors beside a bootstrap that draws examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

from archwright.tasks.confusion import balanced_metrics, confusion_of, sampling_errors

SHARES = {
    "balanced": [0.34, 0.33, 0.33],
    "rare": [0.85, 0.12, 0.03],
}


def drawn(shares: list[float], examples: int = 900, right: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Classes and predictions, `right` of which are right."""
    rng = np.random.default_rng(3)
    actual = rng.choice(len(shares), examples, p=shares)
    wrong = (actual + rng.integers(1, len(shares), examples)) % len(shares)
    return actual, np.where(rng.random(examples) < right, actual, wrong)


def confusion(actual: np.ndarray, predicted: np.ndarray, classes: int) -> torch.Tensor:
    outputs = torch.nn.functional.one_hot(torch.tensor(predicted), classes)
    return confusion_of(outputs, torch.tensor(actual), classes)


@pytest.mark.parametrize("shares", SHARES.values(), ids=list(SHARES))
def test_metrics_and_errors_agree_with_a_bootstrap_of_scikit_learns_scores(shares: list[float]) -> None:
    actual, predicted = drawn(shares)
    counts = confusion(actual, predicted, len(shares))
    scores = balanced_metrics(counts)
    assert float(scores["balanced_accuracy"]) == pytest.approx(balanced_accuracy_score(actual, predicted))
    assert float(scores["f1"]) == pytest.approx(f1_score(actual, predicted, average="macro"))
    rng = np.random.default_rng(0)
    again = []
    for _ in range(60):
        picked = rng.integers(0, len(actual), len(actual))
        hit = actual[picked] == predicted[picked]
        recall = [hit[actual[picked] == c].mean() for c in range(len(shares))]
        again.append((np.mean(recall), f1_score(actual[picked], predicted[picked], average="macro")))
    errors = sampling_errors(counts)
    spread = dict(zip(("balanced_accuracy", "f1"), np.std(again, axis=0), strict=True))
    # 60 draws tell a standard deviation to 9 %.
    assert {name: errors[name] for name in spread} == pytest.approx(spread, rel=0.3)


def test_rare_classes_make_a_balanced_score_less_sure_than_accuracy() -> None:
    actual, predicted = drawn(SHARES["rare"])
    share = (actual == predicted).mean()
    of_accuracy = float(np.sqrt(share * (1 - share) / len(actual)))
    assert sampling_errors(confusion(actual, predicted, 3))["balanced_accuracy"] > 1.5 * of_accuracy


def test_a_perfect_score_is_not_certain_and_a_class_that_never_comes_changes_nothing() -> None:
    few = torch.tensor([0, 0, 0, 1, 1])
    perfect = confusion(few.numpy(), few.numpy(), 2)
    errors = sampling_errors(perfect)
    assert all(0.05 < error < 0.5 for error in errors.values())
    assert sampling_errors(confusion(few.numpy(), few.numpy(), 4)) == pytest.approx(errors)
