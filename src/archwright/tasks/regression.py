"""Learning to predict amounts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archwright.tasks.preprocessing import Preprocessing
from archwright.tasks.supervised import Supervised
from archwright.tasks.targets import REGRESSION

__all__ = ["Regression"]


class Regression(Supervised):
    """One or more numbers for each input; learned by squared error.

    Networks learn standardised targets (mean 0, standard deviation 1 over the training part), so that the
    learning rate means the same for a price in cents and in millions. The items of the parts hold
    standardised targets, a network gives standardised outputs, and `preprocessing.restore` turns them into
    the target's unit. Scores are in the target's unit; with several outputs they are the mean over the
    outputs:

    - `mse`, `rmse`, `mae`: mean squared error, its root, mean absolute error.
    - `r2`: share of the variance that is explained, at most 1; 0 where the targets do not vary and are
      missed.
    - `loss`: mean squared error of the standardised outputs.

    Items are (input of `preprocessing.input_shape`, standardised targets of shape (outputs,)); there are no `classes`.
    """

    kind = REGRESSION
    metric = "r2"
    averaging = "amounts"
    preprocessing: Preprocessing

    def criterion(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean squared error in standardised units; `smoothing` is ignored."""
        return functional.mse_loss(outputs.float(), targets.float())

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """`r2`, `rmse`, `mae` and `mse` in the target's unit, and `loss` in standardised units."""
        error, amounts = self._in_unit(outputs, targets)
        mse = error.square().mean(dim=0)
        variance = amounts.var(dim=0, correction=0)
        r2 = torch.where(variance > 0, 1 - mse / variance, (mse == 0).double())
        return {
            "r2": r2.mean().item(),
            "rmse": mse.sqrt().mean().item(),
            "mae": error.abs().mean().item(),
            "mse": mse.mean().item(),
            "loss": functional.mse_loss(outputs.double(), targets.double()).item(),
        }

    def sampling_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Those of `r2`, `rmse`, `mae` and `mse`; none of fewer than two examples.

        By the infinitesimal jackknife (Jaeckel 1972; Efron 1982, The jackknife, the bootstrap and other resampling
        plans, section 6.3). The influence U of each of n examples on a score is the derivative by its weight; the
        variance is the sum of U² over n (n - 1), which for a mean is the usual one. With the error e and the target t,
        U is e² - mse for mse, half of that over rmse for its root, and (mse (t - mean)² / variance - e²) / variance
        for r2. Of several outputs it is the mean over these.
        """
        error, amounts = self._in_unit(outputs, targets)
        count = len(error)
        if count < 2:
            return {}
        squares, mse = error.square(), error.square().mean(dim=0)
        deviations = (amounts - amounts.mean(dim=0)).square()
        variance = deviations.mean(dim=0)
        influences = {
            "r2": (mse * deviations / variance - squares) / variance,
            "rmse": (squares - mse) / (2 * mse.sqrt()),
            "mae": error.abs() - error.abs().mean(dim=0),
            "mse": squares - mse,
        }
        # An output without a spread, or without an error, has a score that no example changes.
        means = {name: each.nan_to_num(0.0, 0.0, 0.0).mean(dim=1) for name, each in influences.items()}
        return {
            name: (each.square().sum() / (count * (count - 1))).sqrt().item() for name, each in means.items()
        }

    def _in_unit(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Errors and targets in the target's unit, but for its mean, in 64 bits."""
        std = torch.tensor(self.preprocessing.target_std, dtype=torch.float64)
        return (outputs.double() - targets.double()) * std, targets.double() * std
