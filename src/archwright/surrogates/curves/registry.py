"""Models of learning curves by name."""

from __future__ import annotations

from typing import Any

from archwright.registry import Entry, Registry
from archwright.surrogates.curves.curve import CurveModel

__all__ = ["CURVE_MODELS", "make_curve_model"]

_HERE = "archwright.surrogates.curves"

CURVE_MODELS = Registry[CurveModel, Entry](
    "curve model",
    "archwright.curve_models",
    {
        "parametric": Entry(
            f"{_HERE}.parametric:ParametricCurves",
            "a weighted combination of eleven formulas, sampled: from the curve alone",
        ),
        "freeze_thaw": Entry(
            f"{_HERE}.freeze_thaw:FreezeThaw",
            "a Gaussian process over epochs and architectures: from all curves at once",
        ),
        "support_vectors": Entry(
            f"{_HERE}.support_vectors:SupportVectorCurves",
            "support-vector regression on the beginning of the curve and the architecture: from curves that have ended",
        ),
    },
)
"""The models known by name."""


def make_curve_model(name: str, **options: Any) -> CurveModel:
    """Make a model of learning curves by its name.

    Args:
        name: A key of `CURVE_MODELS`.
        options: Its own options, see `CURVE_MODELS.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    return CURVE_MODELS.make(name, options=options)
