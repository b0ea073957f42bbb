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
        outputs, targets = outputs.double(), targets.double()
        std = torch.tensor(self.preprocessing.target_std, dtype=torch.float64)
        error = (outputs - targets) * std
        mse = error.square().mean(dim=0)
        variance = (targets * std).var(dim=0, correction=0)
        r2 = torch.where(variance > 0, 1 - mse / variance, (mse == 0).double())
        return {
            "r2": r2.mean().item(),
            "rmse": mse.sqrt().mean().item(),
            "mae": error.abs().mean().item(),
            "mse": mse.mean().item(),
            "loss": functional.mse_loss(outputs, targets).item(),
        }
