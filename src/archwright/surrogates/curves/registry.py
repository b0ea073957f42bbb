"""Models of learning curves by name."""

from __future__ import annotations

from archwright.registry import Entry, Registry
from archwright.surrogates.curves.curve import CurveModel

__all__ = ["CURVE_MODELS"]

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
