"""Options of the commands that begin with a network of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["NetworkOptions"]


@dataclass(frozen=True)
class NetworkOptions:
    """A trained network, instead of a space.

    Args:
        network (FILE.PY:OBJECT): A trained network of your own, instead of a space: a class or function that builds
            it without arguments, or the module. Smaller forms of it are searched (--decide says in what), and every
            candidate inherits its weights. A limit says what it should be: --limit 'latency_ms<=5'.
        weights (FILE): The state dict of the network, of torch.save or safetensors; by default it keeps those it has.
        only (PATTERN): What in the network may change, all else stays: names of parameters and activation layers as in
            named_parameters(), with wildcards, such as 'layer3.*'. Where whole blocks are exchanged (--block, or
            --strategy puzzle), names of their alternatives, such as 'width_*'. May be given several times; by default
            all may.
        keep (PATTERN): What in the network stays, with all that could only shrink along: names as for --only, such as
            'head.*'; may be given several times.
        decide (KIND): What is decided in the network: width (channels of layers), heads (of attention), depth (blocks
            of residual stages), kernel (sides of convolutions), activation; may be given several times, and no other
            kind is decided then. By default width, heads and depth.
        step (N|latency): Widths of the network are multiples of N channels, by default 8; "latency" measures in which
            steps it gets faster on this machine.
        block (PATTERN): Modules of the network that are blocks to exchange, such as 'layers.*', instead of widths; may
            be given several times. The strategy puzzle finds them itself.
        bits (FORM): What each layer of the network may be stored in besides float32: int8, int4; may be given several
            times.
    """

    network: str | None = None
    weights: str | None = None
    only: list[str] | None = None
    keep: list[str] | None = None
    decide: list[str] | None = None
    step: str | None = None
    block: list[str] | None = None
    bits: list[str] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As `aw.search` takes them beside the network."""
        return {
            "weights": self.weights,
            "only": self.only,
            "keep": self.keep,
            "decide": self.decide,
            "step": int(self.step) if self.step and self.step.isdecimal() else self.step,
            "blocks": self.block,
            "bits": self.bits,
        }
