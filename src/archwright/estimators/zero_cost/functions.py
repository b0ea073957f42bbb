"""Features of networks with a searched activation function: AQuaSurF's."""

from __future__ import annotations

import torch
from torch import nn

from archwright.errors import TrialError
from archwright.estimators.zero_cost.kernels import fisher_matrix
from archwright.estimators.zero_cost.probe import Probe
from archwright.primitives import searched_functions, standard_values

__all__ = ["FUNCTION_OUTPUTS", "FISHER_SPECTRUM", "fisher_spectrum", "function_outputs"]

_DECILES, _POINTS = 9, 16

FISHER_SPECTRUM = tuple(f"fisher_{i}" for i in range(1, _DECILES + 1))
FUNCTION_OUTPUTS = tuple(f"output_{i}" for i in range(1, _POINTS + 1))
"""Names of the features."""


def fisher_spectrum(probe: Probe) -> dict[str, float]:
    """The Fisher information's spectrum at initialisation: logarithms (base 10) of its eigenvalues' deciles.

    One of the two sets of features of AQuaSurF (Bingham & Miikkulainen 2023, arXiv:2301.05785): functions with similar
    spectra and outputs score alike.

    Raises:
        TrialError: When the network holds no searched function, or its Fisher information is not known, see
            `fisher_matrix`.
    """
    _searched(probe)
    information, _ = fisher_matrix(probe)
    values = torch.linalg.eigvalsh(information).clamp_min(0.0)
    shares = torch.arange(1, _DECILES + 1, dtype=torch.float64) / (_DECILES + 1)
    deciles = (torch.quantile(values, shares) + 1e-12).log10()
    return dict(zip(FISHER_SPECTRUM, deciles.tolist(), strict=True))


def function_outputs(probe: Probe) -> dict[str, float]:
    """The function's values at 16 quantiles of the normal distribution, brought to mean 0 and variance 1.

    The other set of features of AQuaSurF.

    Raises:
        TrialError: When the network holds no searched function.
    """
    values = standard_values(_searched(probe), _POINTS).tolist()
    return dict(zip(FUNCTION_OUTPUTS, values, strict=True))


def _searched(probe: Probe) -> nn.Module:
    function = next(iter(searched_functions(probe.network).values()), None)
    if function is None:
        raise TrialError(
            "aquasurf is defined for networks with a searched function, as those of the space activation"
        )
    return function
