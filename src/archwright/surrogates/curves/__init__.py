"""Learning curves: from their beginning to what they are expected to reach. Importing this loads no torch.

- `Curve`, `Forecast`, `CurveModel`: the seam. `CURVE_MODELS`: by name;
  `CURVE_MODELS.make(name, options={...})` makes one.
- `ParametricCurves`: eleven formulas, from `formulas`, sampled by `sample_ensemble`.
- `FreezeThaw`, `FreezeThawPosterior`: a Gaussian process on all curves at once.
- `SupportVectorCurves`: support-vector regression, and how it does on held-out curves.
"""

from archwright.surrogates.curves.curve import Curve, CurveModel, Forecast
from archwright.surrogates.curves.ensemble_sampler import sample_ensemble
from archwright.surrogates.curves.formulas import FORMULAS, Formula, Parameter
from archwright.surrogates.curves.freeze_thaw import FreezeThaw, FreezeThawPosterior, Hyperparameters
from archwright.surrogates.curves.parametric import ParametricCurves
from archwright.surrogates.curves.registry import CURVE_MODELS
from archwright.surrogates.curves.support_vectors import HeldOut, SupportVectorCurves

__all__ = [
    "CURVE_MODELS",
    "Curve",
    "CurveModel",
    "Forecast",
    "FORMULAS",
    "Formula",
    "Parameter",
    "ParametricCurves",
    "sample_ensemble",
    "FreezeThaw",
    "FreezeThawPosterior",
    "Hyperparameters",
    "HeldOut",
    "SupportVectorCurves",
]
