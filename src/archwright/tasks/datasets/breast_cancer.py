"""Breast tumours that ship with scikit-learn."""

from __future__ import annotations

from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.task import Task

__all__ = ["breast_cancer"]


def breast_cancer(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Task:
    """Malignant or benign tumours by 30 measures of cell nuclei, 569 patients; ships with scikit-learn.

    Wolberg et al. 1995, "Breast Cancer Wisconsin (Diagnostic)" (UCI).

    Args:
        validation: Share of the patients for validation.
        test: Share of the patients for test.
        seed: Seed of the division.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return from_arrays(
        data.data,
        data.target,
        validation=validation,
        test=test,
        kind="classification",
        classes=data.target_names.tolist(),
        features=data.feature_names.tolist(),
        target="diagnosis",
        seed=seed,
        name="breast_cancer",
        note="measures of cell nuclei in the order of `features`",
    )
