"""Handwritten digits that ship with scikit-learn."""

from __future__ import annotations

from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.task import Task

__all__ = ["digits"]


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
