"""Features of networks with a searched activation function: AQuaSurF's."""

from __future__ import annotations

import torch

from archwright.errors import TrialError
from archwright.estimators.zero_cost.kernels import fisher_matrix
from archwright.estimators.zero_cost.probe import Probe
from archwright.primitives import searched_functions, standard_values

__all__ = ["AQUASURF", "aquasurf"]

_DECILES, _POINTS = 9, 16

AQUASURF = (*(f"fisher_{i}" for i in range(1, _DECILES + 1)), *(f"output_{i}" for i in range(1, _POINTS + 1)))
"""Names of the features."""


def aquasurf(probe: Probe) -> dict[str, float]:
    """The Fisher information's spectrum and the function's outputs at initialisation.

    Bingham & Miikkulainen 2023, arXiv:2301.05785: functions with similar spectra and outputs score alike. Of the
    eigenvalues the logarithms (base 10) of their deciles; of the function its values at 16 quantiles of the normal
    distribution, brought to mean 0 and variance 1.

    Raises:
        TrialError: When the network holds no searched function, or its Fisher information is not known, see
            `fisher_matrix`.
    """
    function = next(iter(searched_functions(probe.network).values()), None)
    if function is None:
        raise TrialError(
            "aquasurf is defined for networks with a searched function, as those of the space activation"
        )
    information, _ = fisher_matrix(probe)
    values = torch.linalg.eigvalsh(information).clamp_min(0.0)
    shares = torch.arange(1, _DECILES + 1, dtype=torch.float64) / (_DECILES + 1)
    deciles = (torch.quantile(values, shares) + 1e-12).log10()
    return dict(zip(AQUASURF, [*deciles.tolist(), *standard_values(function, _POINTS).tolist()], strict=True))
