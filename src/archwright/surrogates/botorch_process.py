"""An exact Gaussian process by BoTorch. Loaded by its path, since it needs torch and the extra `bayes`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archwright.errors import ArchwrightWarning, MissingExtraError, UsageError
from archwright.spaces import Architecture, Space
from archwright.spaces.decisions import Categorical
from archwright.surrogates.columns import Columns
from archwright.surrogates.features import Features
from archwright.surrogates.surrogate import Prediction, Refitted, Vector

try:
    from botorch import fit_gpytorch_mll, settings
    from botorch.exceptions.errors import ModelFittingError
    from botorch.exceptions.warnings import OptimizationWarning
    from botorch.models import SingleTaskGP
    from botorch.models.kernels import CategoricalKernel
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import Kernel, MaternKernel, ScaleKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from gpytorch.priors import LogNormalPrior
except ModuleNotFoundError as error:
    raise MissingExtraError("botorch", "bayes", "the surrogate 'botorch'") from error

__all__ = ["BoTorchProcess"]

_SPREAD = 1.5  # of the logarithms of lengthscales
_LEAST_DEVIATION = 1e-6


class BoTorchProcess(Refitted):
    """BoTorch's `SingleTaskGP` (Balandat et al. 2020, arXiv:1910.06403) on the decisions of a space.

    k(x, y) = s² exp(-mean_c [x_c ≠ y_c] / l_c) · M(Σ_o (x_o - y_o)² / l_o²): BoTorch's `CategoricalKernel` on what is
    unordered (Ru et al. 2020, arXiv:1906.08878), GPyTorch's Matérn-5/2 on numbers, each with a lengthscale of its own.
    An inactive decision is a level of its own, as in `Features`; each item of a subset is a decision. Lengthscales are
    log-normal a priori, around a value at which random architectures are about as much alike however many decisions
    there are (Hvarfner et al. 2024, arXiv:2402.02229); the noise has BoTorch's own prior. Values are standardised.
    All numbers are of double precision.

    Args:
        space: The space.
        seed: Seed of the other starts that are tried when a fit does not converge.
        steps: Steps of L-BFGS at most, at least 1.
        graf: Whether to read counts, path lengths and degrees of the networks' graphs too, see `GRAF`.
        columns: What else to read of each network, such as proxies' scores.

    Raises:
        MissingExtraError: When BoTorch is not installed; on import of this module.
        UsageError: When an option is out of range.
    """

    standardizes = False  # BoTorch does

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        steps: int = 50,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        if steps < 1:
            raise UsageError(f"botorch: expected steps >= 1, got {steps}")
        super().__init__(space, seed=seed)
        self.steps = steps
        self._features = Features(space, graf=graf, columns=columns)
        self._unordered, self._ordered = _columns(self._features)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Fit the hyperparameters and condition on the data."""
        likelihood = self._conditioned(architectures, values)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizationWarning)  # another start follows
            torch.default_generator.manual_seed(self.seed)
            try:
                fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": self.steps}})
            except ModelFittingError:
                warnings.warn(
                    f"BoTorch could not fit the hyperparameters to {len(values)} values; they stay at their prior's "
                    "mode",
                    ArchwrightWarning,
                    stacklevel=3,
                )

    @torch.no_grad()
    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """The posterior, without the measurements' noise."""
        if not architectures:
            return np.zeros(0), np.zeros(0)
        # One batch a row: of the joint covariance of all only the diagonal is wanted.
        posterior = self._model.posterior(self._coded(architectures).unsqueeze(1))
        mean, variance = posterior.mean.flatten(), posterior.variance.flatten()
        return mean.numpy(), np.maximum(variance.clamp_min(0.0).sqrt().numpy(), self._least)

    def hyperparameters(self) -> dict[str, Any]:
        """All parameters of the model."""
        return {name: parameter.tolist() for name, parameter in self._model.named_parameters()}

    @torch.no_grad()
    def restore(self, architectures: Sequence[Architecture], values: Vector, hyperparameters: Any) -> None:
        """Condition on the data."""
        likelihood = self._conditioned(architectures, values)
        for name, parameter in self._model.named_parameters():
            parameter.copy_(torch.tensor(hyperparameters[name], dtype=torch.float64))
        likelihood.eval()

    def _conditioned(
        self, architectures: Sequence[Architecture], values: Vector
    ) -> ExactMarginalLogLikelihood:
        """Make a model that knows the data, with hyperparameters of the prior; returns its likelihood."""
        coded, column = self._coded(architectures), torch.as_tensor(values)[:, None]
        with settings.validate_input_scaling(
            False
        ):  # levels are no numbers of [0, 1]; few values vary by chance
            self._model = SingleTaskGP(coded, column, covar_module=self._kernel())
        self._least = _LEAST_DEVIATION * (float(values.std()) or 1.0)
        return ExactMarginalLogLikelihood(self._model.likelihood, self._model)

    def _kernel(self) -> Kernel:
        unordered, ordered = len(self._unordered), len(self._ordered)
        made: Kernel | None = None
        if unordered:
            made = CategoricalKernel(
                ard_num_dims=unordered,
                active_dims=tuple(range(unordered)),
                # Its mean over the columns is a sum whose weights fall with their number.
                **_around("lengthscale", (unordered + ordered) / (2.0 * unordered), _SPREAD),
            )
        if ordered:
            matern = MaternKernel(
                nu=2.5,
                ard_num_dims=ordered,
                active_dims=tuple(range(unordered, unordered + ordered)),
                # Uniform numbers differ by 1/6 in the mean square.
                **_around("lengthscale", math.sqrt((unordered + ordered) / 12.0), _SPREAD / 2.0),
            )
            made = matern if made is None else made * matern
        return ScaleKernel(made, **_around("outputscale", 1.0, 1.0))

    def _coded(self, architectures: Sequence[Architecture]) -> Tensor:
        """Shape (architectures, columns): a level or an item each, then the numbers."""
        rows = self._features(architectures)
        levels = [
            rows[:, begin:end].argmax(1) if end - begin > 1 else rows[:, begin:end].sum(1)
            for begin, end in self._unordered
        ]
        return torch.as_tensor(np.column_stack([*levels, rows[:, self._ordered]]))


def _columns(features: Features) -> tuple[list[tuple[int, int]], list[int]]:
    """Begin and end of the columns of each level or item, and the columns that are numbers."""
    unordered: list[tuple[int, int]] = []
    ordered: list[int] = []
    for group in features.groups:
        if group.ordered or group.address not in features.space.decisions:
            ordered += range(group.start, group.stop)
        elif isinstance(features.space.decisions[group.address], Categorical):
            unordered.append((group.start, group.stop))
        else:
            unordered += [(column, column + 1) for column in range(group.start, group.stop)]
    if not unordered and not ordered:
        unordered.append((0, 0))  # there is nothing to decide: all are alike
    return unordered, ordered


def _around(name: str, mode: float, spread: float) -> dict[str, Any]:
    """A kernel's arguments for a positive hyperparameter whose prior is log-normal and largest at a value."""
    return {
        f"{name}_prior": LogNormalPrior(math.log(mode) + spread**2, spread),
        f"{name}_constraint": GreaterThan(1e-4, transform=None, initial_value=mode),
    }
