"""Makes densities.json by statsmodels 0.15.0, as HpBandSter 0.7.4 calls it: `python make_densities.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm

random = np.random.default_rng(0)


def rows(n: int) -> np.ndarray:
    numbers = np.round(random.beta(2, 5, (n, 2)), 3)
    return np.column_stack([numbers, random.permutation(np.arange(n) % 3)])


data, probes = rows(12), rows(9)
kde = sm.nonparametric.KDEMultivariate(data=data, var_type="ccu", bw="normal_reference")
kde.bw = np.clip(kde.bw, 1e-3, None)
made = {
    "made by": "statsmodels 0.15.0, make_densities.py",
    "data": data.tolist(),
    "bandwidths": kde.bw.tolist(),
    "probes": probes.tolist(),
    "densities": [float(kde.pdf(probe)) for probe in probes],
}
Path(__file__).with_name("densities.json").write_text(json.dumps(made) + "\n")
