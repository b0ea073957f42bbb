"""Archwright where people already are: inside scikit-learn, beside Optuna, from spaces written for NNI.

Each module stands for one library and imports it where it is used; nothing else in the package knows of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.integrations.scikit_learn import ArchwrightClassifier, ArchwrightRegressor

__all__ = ["ArchwrightClassifier", "ArchwrightRegressor"]

__getattr__ = imported_on_use(__name__)
