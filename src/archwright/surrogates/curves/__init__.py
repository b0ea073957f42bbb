"""Learning curves: from their beginning to what they are expected to reach. Importing this loads no torch.

- `Curve`, `Forecast`, `CurveModel`: the seam. `CURVE_MODELS`, `make_curve_model`: by name.
- `ParametricCurves`: eleven formulas, from `formulas`, sampled by `sample_ensemble`.
"""

from archwright.surrogates.curves.curve import Curve, CurveModel, Forecast
from archwright.surrogates.curves.ensemble_sampler import sample_ensemble
from archwright.surrogates.curves.formulas import FORMULAS, Formula, Parameter
from archwright.surrogates.curves.parametric import ParametricCurves
from archwright.surrogates.curves.registry import CURVE_MODELS, make_curve_model

__all__ = [
    "CURVE_MODELS",
    "Curve",
    "CurveModel",
    "Forecast",
    "make_curve_model",
    "FORMULAS",
    "Formula",
    "Parameter",
    "ParametricCurves",
    "sample_ensemble",
]
