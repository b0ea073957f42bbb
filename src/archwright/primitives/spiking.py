"""Spiking networks: leaky integrate-and-fire cells with surrogate gradients, and a space of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archwright.spaces import Space
from archwright.spaces.decisions import categorical, integer, real
from archwright.spaces.nodes import DeferredCall, layer, repeat
from archwright.spaces.zoo.parts import last_width
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape

__all__ = ["LeakyIntegrateAndFire", "SURROGATES", "SpikingNetwork", "spiking_space"]

SURROGATES = ("fast_sigmoid", "arctan", "triangle")
"""Shapes of the surrogate gradient."""


class _Spike(torch.autograd.Function):
    """1 where the potential is at the threshold, else 0; its derivative is replaced by a surrogate's.

    Neftci et al. 2019, arXiv:1901.09948.
    """

    @staticmethod
    def forward(ctx: Any, excess: Tensor, surrogate: str, slope: float) -> Tensor:
        """Excess: the potential less the threshold, of any shape."""
        ctx.save_for_backward(excess)
        ctx.surrogate, ctx.slope = surrogate, slope
        return (excess >= 0).to(excess)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient times the surrogate's derivative, which is 1 at the threshold."""
        (excess,) = ctx.saved_tensors
        distance = ctx.slope * excess.abs()
        if ctx.surrogate == "fast_sigmoid":
            derivative = 1 / (1 + distance) ** 2
        elif ctx.surrogate == "arctan":
            derivative = 1 / (1 + distance**2)
        else:
            derivative = torch.clamp(1 - distance, min=0.0)
        return gradient * derivative, None, None


class LeakyIntegrateAndFire(nn.Module):
    """A layer of leaky integrate-and-fire cells: u <- decay u + input; a spike where u is at the threshold 1.

    Args:
        decay: What is left of a potential after a step, in [0, 1).
        reset: "subtract" takes 1 off a potential that has spiked, "zero" sets it to 0.
        surrogate: Of `SURROGATES`: the derivative of a spike by the potential is 1/(1 + s d)^2, 1/(1 + (s d)^2) or
            max(0, 1 - s d), where d is the distance from the threshold.
        slope: s, the steepness of the surrogate.
    """

    def __init__(
        self, decay: float, reset: str = "subtract", surrogate: str = "fast_sigmoid", slope: float = 5.0
    ) -> None:
        super().__init__()
        self.decay, self.reset, self.surrogate, self.slope = decay, reset, surrogate, slope

    def forward(self, x: Tensor, potential: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step.

        Args:
            x: Input current, of any shape.
            potential: After the last step; None before the first, which is 0.

        Returns:
            The spikes, 0 or 1, and the potential after the step.
        """
        potential = x if potential is None else self.decay * potential + x
        spikes: Tensor = _Spike.apply(potential - 1.0, self.surrogate, self.slope)  # type: ignore[no-untyped-call]
        left = potential - spikes if self.reset == "subtract" else potential * (1 - spikes)
        return spikes, left


class SpikingNetwork(nn.Module):
    """Layers of spiking cells that are shown the same input for several steps; scores are the mean of the readout.

    Args:
        layers: Linear layers, each followed by its cells.
        cells: The cells of each.
        readout: From the last layer's spikes to scores.
        steps: How often the input is shown.
    """

    def __init__(
        self, layers: list[nn.Module], cells: list[nn.Module], readout: nn.Module, steps: int
    ) -> None:
        super().__init__()
        self.layers, self.cells = nn.ModuleList(layers), nn.ModuleList(cells)
        self.readout = readout
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        """From inputs (N, ...) to scores (N, outputs)."""
        x = x.flatten(1)
        potentials: list[Tensor | None] = [None] * len(self.layers)
        scores: list[Tensor] = []
        for _ in range(self.steps):
            spikes = x
            for i, (linear, cell) in enumerate(zip(self.layers, self.cells, strict=True)):
                spikes, potentials[i] = cell(linear(spikes), potentials[i])
            scores.append(self.readout(spikes))
        return torch.stack(scores).mean(0)


def spiking_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] = (1, 2),
    widths: Sequence[int] = (32, 64, 128),
    steps: Sequence[int] = (4, 8, 16),
    surrogates: Sequence[str] = SURROGATES,
) -> Space:
    """The space of spiking perceptrons: leaky integrate-and-fire cells, trained by surrogate gradients.

    Neftci et al. 2019, arXiv:1901.09948. Inputs are currents, the same at all steps. What is decided: depth and widths,
    how many steps, and for all cells decay, reset and the shape and slope of the surrogate gradient.

    Args:
        input_shape: Shape of one input; its numbers are one vector.
        outputs: Number of numbers the network gives for one input.
        depth: Fewest and most layers of cells.
        widths: Numbers of cells that a layer can have.
        steps: How often an input may be shown.
        surrogates: Some of `SURROGATES`.

    Returns:
        The space, with the addresses `depth`, `layers.I.width`, `steps`, `cell.decay`, `cell.reset`, `cell.surrogate`,
        `cell.slope`.

    Raises:
        SpaceError: When the shape is not that of an input, or an option is unknown or out of range.
    """
    shape = check_shape("spiking", input_shape, outputs, [1, 2, 3])
    fewest, most = check_numbers("spiking", "depth", depth, ["fewest", "most"])
    widths = check_numbers("spiking", "widths", widths, ["width", "..."])
    steps = check_numbers("spiking", "steps", steps, ["steps", "..."])
    labels = check_labels("spiking", "surrogate", surrogates, SURROGATES)
    times = integer(fewest, most, name="depth")
    sizes = [categorical(widths, name=f"{i}.width") for i in range(most)]
    decay = real(0.0, 0.99, name="cell.decay", default=0.8)
    reset = categorical(["subtract", "zero"], name="cell.reset")
    surrogate = categorical(labels, name="cell.surrogate")
    slope = real(0.5, 20.0, log=True, name="cell.slope", default=5.0)

    def linear(i: int) -> DeferredCall:
        return layer(nn.Linear, sizes[i - 1] if i else math.prod(shape), sizes[i])

    network = layer(
        SpikingNetwork,
        [repeat(linear, times, name="layers")],
        [repeat(lambda i: layer(LeakyIntegrateAndFire, decay, reset, surrogate, slope), times, name="cells")],
        layer(nn.Linear, last_width(times, sizes), outputs),
        categorical(steps, name="steps"),
    )
    return Space(network, name="spiking")
