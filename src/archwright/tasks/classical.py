"""What scikit-learn's standard models reach on the rows of a table, for a network to be compared with."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, TensorDataset

from archwright.tasks.supervised import Supervised
from archwright.tasks.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from archwright.tasks.task import Task

__all__ = ["classical_models", "classical_scores", "is_table"]

MOST_NATIVE = 254
"""Categories that a histogram of 255 bins tells apart beside those that share a code."""

LEAST = 1e-15
"""Probability that a class has at least, as in scikit-learn's own log loss before it followed the type's resolution."""


def is_table(task: Task) -> TypeGuard[Supervised]:
    """Whether a task has rows of numbers in memory, which are learned and scored by its ready-made loss and metrics."""
    return (
        isinstance(task, Supervised)
        and task.kind in (CLASSIFICATION, MULTILABEL, REGRESSION)
        and len(task.input_shape) == 1
        and not task.has_symbols
        and all(type(part) is TensorDataset for part in (task.train, task.validation, task.test))
        and not any(task.has_own(verb) for verb in ("loss", "metrics", "batches", "evaluate"))
    )


def classical_models(task: Task) -> tuple[str, ...]:
    """The names of the models that a table is compared with."""
    return (
        "linear_regression" if task.kind == REGRESSION else "logistic_regression",
        "hist_gradient_boosting",
    )


def classical_scores(task: Supervised, model: str) -> dict[str, Any]:
    """Train a model with scikit-learn's defaults on a task's training rows, and score it as a network is scored.

    It gets the same rows, prepared in the same way, and the same weights of classes. A linear model gets categories as
    one-hot columns, gradient boosting natively. Several targets have a model each.

    Args:
        task: A table, see `is_table`.
        model: "logistic_regression", "linear_regression" or "hist_gradient_boosting".

    Returns:
        "validation" and "test", metric to number, and "seconds" of training and scoring. Without a test part "test" is
        empty.
    """
    begun = time.perf_counter()
    inputs, targets = _rows(task.train)
    codes = [place for place, count in enumerate(task.cardinalities) if count]
    reduced = _reduced(inputs, codes) if model == "hist_gradient_boosting" else (lambda rows: rows)
    parts = {"validation": _rows(task.validation), "test": _rows(task.test)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged is what its defaults give
        predict = _fitted(task, model, codes, reduced(inputs), targets)
        found: dict[str, Any] = {
            name: dict(task.scores(torch.from_numpy(predict(reduced(rows))), torch.from_numpy(wanted)))
            for name, (rows, wanted) in parts.items()
            if len(rows)
        }
    return {"test": {}, **found, "seconds": time.perf_counter() - begun}


def _rows(part: Dataset[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    inputs, targets = part.tensors  # type: ignore[attr-defined]  # it is a table's
    return inputs.numpy(), targets.numpy()


def _fitted(
    task: Supervised, model: str, codes: list[int], inputs: NDArray[Any], targets: NDArray[Any]
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A trained model: from rows to what a network gives for them, in 64 bits."""
    weights = getattr(task, "class_weights", None)
    by_class = None if weights is None else dict(enumerate(weights.tolist()))
    if task.kind == CLASSIFICATION:
        made = _model(model, task.kind, codes, by_class).fit(inputs, targets)
        return lambda rows: np.log(_spread(made.predict_proba(rows), made.classes_, task.outputs))
    each = [
        _column(_model(model, task.kind, codes, None), inputs, target, task.kind)
        for target in targets.astype(np.float64).T
    ]
    return lambda rows: np.stack([predict(rows) for predict in each], axis=1)


def _column(
    model: Any, inputs: NDArray[Any], target: NDArray[Any], kind: str
) -> Callable[[Any], NDArray[Any]]:
    """One target of several: an amount, or the log odds of a label."""
    if kind == REGRESSION:
        made = model.fit(inputs, target)
        return lambda rows: np.asarray(made.predict(rows), np.float64)
    if len(np.unique(target)) == 1:
        constant = np.log((1 - LEAST) / LEAST) * (1 if target[0] else -1)
        return lambda rows: np.full(len(rows), constant)
    made = model.fit(inputs, target)

    def log_odds(rows: Any) -> NDArray[Any]:
        shares = made.predict_proba(rows)[:, 1].clip(LEAST, 1 - LEAST)
        odds: NDArray[Any] = np.log(shares / (1 - shares))
        return odds

    return log_odds


def _spread(shares: NDArray[Any], classes: NDArray[Any], count: int) -> NDArray[Any]:
    """Probabilities of all classes, those that the training rows lack among them."""
    spread = np.full((len(shares), count), LEAST)
    spread[:, classes] = shares.clip(LEAST)
    return spread


def _reduced(inputs: NDArray[Any], codes: list[int]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A change of rows by which no column has more categories than a histogram has bins: the rarest join code 0."""
    kept: dict[int, NDArray[Any]] = {}
    for place in codes:
        found, counts = np.unique(inputs[:, place], return_counts=True)
        if found.max() > MOST_NATIVE:
            kept[place] = np.sort(found[np.argsort(-counts, kind="stable")[:MOST_NATIVE]])

    def change(rows: NDArray[Any]) -> NDArray[Any]:
        rows = rows.copy()
        for place, known in kept.items():
            at = np.searchsorted(known, rows[:, place]).clip(max=len(known) - 1)
            rows[:, place] = np.where(known[at] == rows[:, place], at + 1, 0)
        return rows

    return change


def _model(model: str, kind: str, codes: list[int], class_weight: Mapping[int, float] | None) -> Any:
    """A model with scikit-learn's defaults."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    if model == "hist_gradient_boosting":
        given: dict[str, Any] = {"categorical_features": codes, "random_state": 0}
        if kind == REGRESSION:
            return HistGradientBoostingRegressor(**given)
        return HistGradientBoostingClassifier(class_weight=class_weight, **given)
    linear = LinearRegression() if kind == REGRESSION else LogisticRegression(class_weight=class_weight)
    one_hot = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(ColumnTransformer([("codes", one_hot, codes)], remainder="passthrough"), linear)
