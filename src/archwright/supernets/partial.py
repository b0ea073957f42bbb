"""Partial channels: mixtures that are computed on a part of the channels (Xu et al. 2020, arXiv:1907.05737)."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from archwright.errors import BuildError, UsageError
from archwright.supernets.channel_slice import ChannelSlice
from archwright.supernets.mixed import MixedOp, Mixer

__all__ = ["PartialChannels", "divisor_of"]


@final
class PartialChannels(Mixer):
    """Options see the first C / divisor channels; the others pass by, and all are shuffled (section 3.1).

    Where the options halve height and width, a max pooling does it for the channels that pass by. The options work
    with the leading corner of each of their weights, see `ChannelSlice`: so the state of the supernet, `extract` and
    one path are what they are without partial channels.

    Args:
        divisor: One channel in so many is seen by the options, at least 2.
    """

    def __init__(self, divisor: int) -> None:
        if divisor < 2:
            raise UsageError(f"expected channel_divisor >= 2, got {divisor}; darts computes all channels")
        self.divisor = divisor
        self._shells: dict[Any, ChannelSlice] = {}

    def install(self, supernet: nn.Module) -> None:
        """Let all switches of a supernet compute their mixtures so."""
        for module in supernet.modules():
            if isinstance(module, MixedOp):
                module.mixer = PartialChannels(self.divisor)

    def mix(self, switch: MixedOp, *inputs: Any, **named: Any) -> Tensor:
        """The output of a switch, of shape (N, C, ...) for an input of shape (N, C, ...).

        Raises:
            BuildError: When its options cannot work on a part of the channels. Says what to do.
        """
        if named or len(inputs) != 1 or not isinstance(inputs[0], Tensor) or inputs[0].dim() < 2:
            raise self._refused(switch, "its options do not take one tensor of shape (N, C, ...)")
        x: Tensor = inputs[0]
        channels = x.shape[1]
        seen = channels // self.divisor
        if seen < 1:
            raise self._refused(switch, f"its input has only {channels} channels")
        part = x[:, :seen].contiguous(memory_format=_format_of(x))

        def output_of(value: Any) -> Tensor:
            try:
                output = self._shell(switch, value)(part)
            except (RuntimeError, ValueError, TypeError, IndexError, BuildError) as error:
                raise self._refused(switch, f"its option {value!r} cannot work on {seen}: {error}") from error
            if not isinstance(output, Tensor) or output.dim() != x.dim() or output.shape[1] != seen:
                shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
                raise self._refused(switch, f"its option {value!r} makes {shape} of {tuple(part.shape)}")
            return output

        mixed: Tensor = switch.weighed_sum(output_of)
        passing = self._sized(switch, x[:, seen:], mixed)
        return _shuffled(torch.cat([mixed, passing], dim=1), self.divisor)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shells": {}}  # made again when they are wanted

    def _shell(self, switch: MixedOp, value: Any) -> nn.Module:
        option = switch.option(value)
        if value not in self._shells or self._shells[value].source is not option:
            self._shells[value] = ChannelSlice(option, self.divisor)
        return self._shells[value].module

    def _sized(self, switch: MixedOp, passing: Tensor, like: Tensor) -> Tensor:
        """The channels that pass by, at the size of those that were computed."""
        if passing.shape[2:] == like.shape[2:]:
            return passing
        strides = [-(-here // there) for here, there in zip(passing.shape[2:], like.shape[2:], strict=True)]
        pools = {1: nn.functional.max_pool1d, 2: nn.functional.max_pool2d, 3: nn.functional.max_pool3d}
        if len(strides) in pools and max(strides) > 1:
            pooled: Tensor = pools[len(strides)](passing, strides, strides, ceil_mode=True)
            if pooled.shape[2:] == like.shape[2:]:
                return pooled
        raise self._refused(
            switch, f"its options make {tuple(like.shape[2:])} of the size {tuple(passing.shape[2:])}"
        )

    def _refused(self, switch: MixedOp, reason: str) -> BuildError:
        return BuildError(
            f"{switch.place}: partial channels do not fit here, since one channel in {self.divisor} is computed and "
            f"{reason}; let the options keep the number of channels, a multiple of {self.divisor} wherever they split "
            "them, use a smaller channel_divisor, or use darts"
        )


def divisor_of(supernet: nn.Module) -> int | None:
    """What the channels of a supernet's mixtures are divided by; None where all are computed."""
    mixers = (module.mixer for module in supernet.modules() if isinstance(module, MixedOp))
    return next((mixer.divisor for mixer in mixers if isinstance(mixer, PartialChannels)), None)


def _format_of(x: Tensor) -> torch.memory_format:
    """The layout that a part of a tensor should have."""
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous():
        return torch.channels_last
    return torch.contiguous_format


def _shuffled(x: Tensor, groups: int) -> Tensor:
    """The channels dealt out: the first of each of the groups, then the second of each, and so on.

    Args:
        x: Shape (N, C, ...).
        groups: Of C / groups channels each, the last one smaller where they do not divide C.
    """
    channels = x.shape[1]
    if channels % groups:
        in_a_group = -(-channels // groups)
        order = torch.arange(in_a_group * groups, device=x.device).view(groups, in_a_group).T.reshape(-1)
        return x[:, order[order < channels]]
    dealt = x.reshape(len(x), groups, channels // groups, *x.shape[2:]).transpose(1, 2)
    return dealt.reshape(x.shape)
