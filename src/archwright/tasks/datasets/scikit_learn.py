"""Small sets that ship with scikit-learn: digits, tumours, the progress of diabetes."""

from __future__ import annotations

from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.task import Task

__all__ = ["breast_cancer", "diabetes", "digits"]


def digits(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Task:
    """Handwritten digits, 1,797 grey images of 8 x 8 pixels in 10 classes; ships with scikit-learn.

    The test set of Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits" (UCI).

    Args:
        validation: Share of the images for validation.
        test: Share of the images for test.
        seed: Seed of the division.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    return from_arrays(
        data.images[:, None],
        data.target,
        validation=validation,
        test=test,
        kind="classification",
        seed=seed,
        name="digits",
        note="grey pixels from 0 to 16",
    )


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
