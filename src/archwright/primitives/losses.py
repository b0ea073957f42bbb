"""Loss functions as Taylor polynomials that are searched (TaylorGLO)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.primitives.networks import network_around
from archwright.spaces import Space
from archwright.spaces.decisions import real
from archwright.spaces.nodes import layer
from archwright.spaces.scale import scalable

__all__ = ["TaylorLoss", "TrainedWith", "taylor_loss_of", "taylor_loss_space"]

_PARAMETERS = 8
_RANGE = 3.0


class TaylorLoss(nn.Module):
    """A third-order polynomial of label and output (TaylorGLO: Gonzalez & Miikkulainen 2021, arXiv:2002.00059).

    With x 1 for the class of the target, else 0, y the softmax, u = x - t0 and v = y - t1: the mean over examples of
    -1/classes times the sum over the classes of t2 v + t3 v^2/2 + t4 v^3/6 + t5 u v + t6 u v^2/2 + t7 u^2 v/2. Terms
    without y have no gradient and are left out.

    Args:
        theta: t0 to t7.
    """

    def __init__(self, theta: list[float]) -> None:
        super().__init__()
        self.theta = theta

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, from scores of shape (N, classes) and the classes of the targets, (N,)."""
        t0, t1, t2, t3, t4, t5, t6, t7 = self.theta
        u = nn.functional.one_hot(targets, outputs.shape[1]).to(outputs) - t0
        v = outputs.softmax(1) - t1
        terms = t2 * v + t3 / 2 * v**2 + t4 / 6 * v**3 + t5 * u * v + t6 / 2 * u * v**2 + t7 / 2 * u**2 * v
        return -terms.mean()


class TrainedWith(nn.Module):
    """A network that says what it is trained with.

    Args:
        network: The network.
        loss: From its outputs and the targets to the loss of training. Validation and test use the task's.
    """

    def __init__(self, network: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, x: Tensor) -> Tensor:
        """What the network gives."""
        y: Tensor = self.network(x)
        return y

    def training_loss(self, outputs: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss of a batch, whose last entry are the targets."""
        y: Tensor = self.loss(outputs, batch[-1])
        return y


def taylor_loss_of(network: Any) -> Any:
    """An expression with a decided loss: `aw.Space(taylor_loss_of(layer(...)))`.

    Args:
        network: The expression of a network that gives scores of classes.

    Returns:
        The expression, with the addresses `loss.theta_0` to `loss.theta_7`, reals from -3 to 3; by default 0 but for
        theta_5, which is 1: that of the product of label and output.
    """
    theta = [real(-_RANGE, _RANGE, name=f"loss.theta_{i}", default=float(i == 5)) for i in range(_PARAMETERS)]
    return layer(TrainedWith, network, layer(TaylorLoss, theta))


@scalable
def taylor_loss_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    kind: str = "",
    family: str | None = None,
    channels: int = 16,
    blocks: int = 1,
) -> Space:
    """The space of losses for classes as third-order Taylor polynomials, with which a fixed network is trained.

    TaylorGLO (Gonzalez & Miikkulainen 2021, arXiv:2002.00059). The paper's strategy is "cma_es", with few epochs for a
    trial. Scores of trials are those of the task, by validation.

    Args:
        input_shape: Shape of one input: of an image, a sequence or a vector.
        outputs: Number of classes.
        kind: Of the task.
        family: "residual", "plain" or "inverted" convolutional networks, or "perceptron"; None takes the first for
            images, the last for all else.
        channels: Of the first stage, doubled at each further one; of a perceptron, features of a hidden layer.
        blocks: Of each stage; of a perceptron, hidden layers.

    Returns:
        The space, with the addresses `loss.theta_0` to `loss.theta_7`.

    Raises:
        SpaceError: When the task is no classification, or an option is unknown or out of range.
    """
    if kind not in ("", "classification") or outputs < 2:
        raise SpaceError(
            f"the space 'taylor_loss' is for tasks with two classes or more, got {kind or 'a task'} with {outputs} "
            "outputs; take another space"
        )
    norm = nn.BatchNorm2d if len(input_shape) == 3 and family != "perceptron" else nn.BatchNorm1d
    network = network_around(
        "taylor_loss",
        input_shape,
        outputs,
        family=family,
        channels=channels,
        blocks=blocks,
        normalized=lambda width: layer(nn.Sequential, layer(norm, width), layer(nn.ReLU)),
        norm=lambda width: layer(norm, width),
        activation=lambda width: layer(nn.ReLU),
    )
    return Space(taylor_loss_of(network), name="taylor_loss")
