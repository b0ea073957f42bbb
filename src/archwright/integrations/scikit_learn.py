"""A search as a scikit-learn estimator: `fit` searches and retrains, `predict` uses the network that was found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from torch import Tensor

from archwright.evaluating import evaluating
from archwright.experiments import Budget
from archwright.learning import Recipe
from archwright.objectives import Objective
from archwright.session import search
from archwright.spaces import Space
from archwright.strategies import Strategy
from archwright.supernets import OneShot
from archwright.tasks import Preprocessing, from_arrays, from_frame
from archwright.tasks.columns import encode
from archwright.tasks.datasets.tables import raw_values

if TYPE_CHECKING:
    from torch import nn

    from archwright.spaces import Architecture

__all__ = ["ArchwrightClassifier", "ArchwrightRegressor"]

_ROWS = 1024
"""Examples that go through the network at once."""


class _SearchedNetwork(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share. See `ArchwrightClassifier`."""

    network_: nn.Module
    architecture_: Architecture
    validation_metrics_: dict[str, float]
    trials_: pd.DataFrame
    run_folder_: Path | None

    def __init__(
        self,
        space: Space | str | None = None,
        *,
        strategy: Strategy | OneShot | str | None = None,
        objectives: Sequence[Objective | str] = (),
        trials: int | None = None,
        minutes: float | None = None,
        recipe: Recipe | None = None,
        seed: int = 0,
        workers: int = 1,
        out: str | Path | None = None,
        progress: bool = False,
        task_options: Mapping[str, Any] | None = None,
        search_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.space = space
        self.strategy = strategy
        self.objectives = objectives
        self.trials = trials
        self.minutes = minutes
        self.recipe = recipe
        self.seed = seed
        self.workers = workers
        self.out = out
        self.progress = progress
        self.task_options = task_options
        self.search_options = search_options

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _search(self, inputs: Any, targets: NDArray[Any], **known: Any) -> Self:
        """Search a network for the data, keep the best one and what is known of it."""
        options = {"seed": self.seed, "name": type(self).__name__, **known, **(self.task_options or {})}
        if _is_mixed(inputs):
            named = [f"target {place}" for place in range(targets[0].size)]
            frame = inputs.assign(**dict(zip(named, targets.reshape(len(targets), -1).T, strict=True)))
            task = from_frame(frame, named, test=None, **options)
        else:
            features = getattr(self, "feature_names_in_", ())
            task = from_arrays(inputs, targets, test=None, **{"features": features, **options})
        unbounded = self.trials is None and self.minutes is None
        asked = {
            "strategy": self.strategy,
            "objectives": self.objectives,
            "budget": None if unbounded else Budget(self.trials, self.minutes),
            "recipe": self.recipe,
            "seed": self.seed,
            "workers": self.workers,
            "progress": self.progress,
            "onnx": None if self.out is not None else False,
            **(self.search_options or {}),
        }
        with _folder(self.out) as folder:
            result = search(self.space, task, out=folder, **asked)
            if result.state == "stopped":
                raise KeyboardInterrupt
            self.network_ = result.model()
            self.architecture_ = result.best.architecture
            self.validation_metrics_ = result.best.metrics
            self.trials_ = result.frame()
            self.run_folder_ = None if self.out is None else folder
        assert task.preprocessing is not None
        self._preprocessing: Preprocessing = task.preprocessing
        return self

    def _checked(self, X: Any, **how: Any) -> Any:  # noqa: N803
        """Inputs, and targets where they are given: an array of finite numbers, or a frame of columns of any kind."""
        ndim = getattr(X, "ndim", None) or np.asarray(X).ndim
        if _is_mixed(X):
            if "y" not in how:
                return validate_data(self, X, skip_check_array=True, reset=False)
            validate_data(self, X, skip_check_array=True)
            check_consistent_length(X, how["y"])
            y = check_array(how["y"], ensure_2d=False, dtype=None, input_name="y", ensure_min_samples=2)
            return X, y
        checked = validate_data(self, X, ensure_2d=ndim <= 2, allow_nd=True, **how)
        if ndim > 2 and how.get("reset", True):
            self.n_features_in_ = X.shape[1]
        return checked

    def _outputs(self, X: Any) -> Tensor:  # noqa: N803
        """What the network gives for raw inputs, shape (examples, outputs)."""
        check_is_fitted(self)
        if columns := self._preprocessing.columns:
            checked = validate_data(self, X, skip_check_array=True, reset=False)
            frame = pd.DataFrame(checked, columns=getattr(checked, "columns", self.feature_names_in_))
            rows = encode(columns, {str(name): raw_values(frame[name]) for name in frame.columns})
        else:
            rows = self._checked(X, reset=False)
        inputs = torch.tensor(rows)  # a copy: the array may be read-only
        with evaluating(self.network_):
            parts = [self.network_(self._preprocessing.prepare(part)) for part in torch.split(inputs, _ROWS)]
        return torch.cat(parts)


def _is_mixed(X: Any) -> bool:  # noqa: N803
    """Whether inputs are a data frame whose columns are not all numbers without gaps."""
    if not isinstance(X, pd.DataFrame):
        return False
    numeric = pd.api.types.is_numeric_dtype
    return not all(numeric(kind) for kind in X.dtypes) or bool(X.isna().to_numpy().any())


class ArchwrightClassifier(ClassifierMixin, _SearchedNetwork):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose `fit` searches a network, in scikit-learn's terms.

    A share of the data that `fit` is given (0.2, or `task_options={"validation": 0.3}`) scores the trials of the
    search; none of it is held back as test data, since whoever calls `fit` keeps those.

    Args:
        space: A space, a built-in name, `file.py:object`, or None for one that fits the inputs.
        strategy: As for `archwright.search`.
        objectives: Objectives and limits, such as `["accuracy", "params<=50000"]`; without one it is accuracy, of a
            regressor R².
        trials: Stop the search after so many; None with `minutes` None takes the default of `archwright.search`.
        minutes: Stop the search after so long.
        recipe: How networks are trained; None means the defaults with this seed.
        seed: Seed of the search, the training and the division into training and validation data.
        workers: Trials at once; more than 1 run in processes of their own.
        out: The run's folder, with the report and the exported network; a further fit takes the next free name
            (`out-2`). None keeps no folder.
        progress: Whether to show progress.
        task_options: Further arguments of `archwright.tasks.from_arrays`, such as `{"class_weights": "balanced"}`.
        search_options: Further arguments of `archwright.search`, such as `{"fidelity": "epochs=1..9", "retrain": 1}`.

    Attributes:
        classes_: The labels, sorted.
        n_features_in_: Features of one input, or its channels.
        feature_names_in_: Names of the columns, where `fit` was given a data frame.
        network_: The network that was found, trained, in evaluation mode; it takes standardised inputs.
        architecture_: The value of each decision of the space.
        validation_metrics_: Its metrics on the validation data, parameters and FLOPs.
        trials_: A data frame of all trials of the search.
        run_folder_: The run's folder, or None where none is kept.

    Example:
        >>> from sklearn.model_selection import cross_val_score
        >>> classifier = ArchwrightClassifier(trials=20, objectives=["accuracy", "params<=10000"])
        >>> cross_val_score(classifier, X, y)  # doctest: +SKIP
    """

    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:  # noqa: N803
        """Search, retrain and keep the best network.

        Args:
            X: An array of shape (examples, features), (examples, channels, length) or (examples, channels, height,
                width), or a data frame, whose columns may be of any kind (see `archwright.tasks.from_frame`).
            y: Labels of any type, shape (examples,).
            fit_params: None are known; `sample_weight` is refused with what to do instead.

        Raises:
            UsageError: When an argument does not fit.
            ValueError: When the data cannot be learned from.
            SearchError: When no trial was completed.
        """
        _refuse(fit_params)
        X, y = self._checked(X, y=y, ensure_min_samples=2)  # noqa: N806
        check_classification_targets(y)
        self.classes_, labels = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"expected at least two classes, got one class: {self.classes_[0]!r}")
        return self._search(X, labels, kind="classification", classes=tuple(map(str, self.classes_)))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities of the classes, in the order of `classes_`.

        Args:
            X: As for `fit`.

        Returns:
            Shape (examples, classes); each row sums to 1.
        """
        found: NDArray[np.float64] = self._outputs(X).double().softmax(dim=1).numpy()
        return found

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The most probable label of each example, shape (examples,)."""
        best = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[best]
        return found


class ArchwrightRegressor(RegressorMixin, _SearchedNetwork):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor whose `fit` searches a network, in scikit-learn's terms.

    Arguments and attributes are those of `ArchwrightClassifier`, but that there are no `classes_`.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:  # noqa: N803
        """Search, retrain and keep the best network.

        Args:
            X: As for `ArchwrightClassifier.fit`.
            y: Amounts, shape (examples,) or (examples, outputs).
            fit_params: None are known; `sample_weight` is refused.

        Raises:
            UsageError: When an argument does not fit.
            ValueError: When the data cannot be learned from.
            SearchError: When no trial was completed.
        """
        _refuse(fit_params)
        X, y = self._checked(X, y=y, ensure_min_samples=2, multi_output=True, y_numeric=True)  # noqa: N806
        self._is_flat = y.ndim == 1
        return self._search(X, y, kind="regression")

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Amounts in the unit of the targets, of the shape that `fit` was given for each example."""
        standardized = self._outputs(X).double()
        outputs = self._preprocessing.restore(standardized)
        found: NDArray[np.float64] = (outputs[:, 0] if self._is_flat else outputs).numpy()
        return found


def _refuse(fit_params: Mapping[str, Any]) -> None:
    given = {name for name, value in fit_params.items() if value is not None}
    if given - {"sample_weight"}:
        raise TypeError(f"fit() got an unexpected keyword argument {min(given)!r}")
    if given:
        raise TypeError(
            "fit() got sample_weight, but networks are trained on examples that count the same; weigh classes by "
            "task_options={'class_weights': ...}, or give rows that count more several times"
        )


@contextmanager
def _folder(out: str | Path | None) -> Iterator[Path]:
    """A new folder for a run: the given one or the next free of its name, or a temporary one."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="archwright-") as temporary:
            yield Path(temporary)
        return
    wanted, number = Path(out), 1
    while True:  # also where several fits ask at once
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            number += 1
    yield folder
