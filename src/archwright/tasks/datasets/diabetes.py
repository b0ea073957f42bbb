"""The progress of diabetes, which ships with scikit-learn."""

from __future__ import annotations

from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.task import Task

__all__ = ["diabetes"]


def diabetes(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Task:
    """Progress of diabetes after one year (regression) by 10 measures, 442 patients; ships with scikit-learn.

    Efron et al. 2004, "Least angle regression".

    Args:
        validation: Share of the patients for validation.
        test: Share of the patients for test.
        seed: Seed of the division.
    """
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    return from_arrays(
        data.data,
        data.target,
        validation=validation,
        test=test,
        kind="regression",
        features=data.feature_names,
        target="disease progression after one year",
        seed=seed,
        name="diabetes",
        note="measures of a patient in the order of `features`",
    )
