"""One-shot methods by name, for commands and for `aw.search`. Loads no torch before one is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.registry import Entry, Registry

if TYPE_CHECKING:
    from archwright.supernets.methods.one_shot import OneShot

__all__ = ["METHODS", "Method", "make_method"]


@dataclass(frozen=True)
class Method(Entry):
    """What is known of a one-shot method before its module is loaded.

    Args:
        target: The function or class that makes it, as `module:name`.
        summary: What it does, in one line.
        needs_mixture: Whether its gates are mixtures, so that a decision's options must give one shape.
        follow_up_strategy: The strategy that searches on the trained supernet's scores; None means that the method
            itself proposes.
    """

    needs_mixture: bool = False
    follow_up_strategy: str | None = None


_HERE = "archwright.supernets.methods"
_RENAMED = {"every": "weight_steps_per_architecture_step"}


def _relaxed(target: str, summary: str) -> Method:
    """A method that relaxes every decision to a mixture."""
    return Method(f"{_HERE}.{target}", summary, needs_mixture=True, renamed=_RENAMED)


METHODS: Registry[OneShot, Method] = Registry(
    "one-shot method",
    "archwright.methods",
    {
        "darts": _relaxed(
            "darts:darts", "DARTS, first order: a softmax over all operations, trained by gradient descent"
        ),
        "darts2": _relaxed(
            "darts:darts2", "DARTS, second order: alpha's gradient goes through a step of the weights"
        ),
        "pcdarts": _relaxed(
            "pc_darts:pc_darts", "PC-DARTS: as DARTS on one channel in four, with weights of the edges"
        ),
        "enas": Method(
            f"{_HERE}.enas:Enas", "ENAS: a recurrent controller learns by REINFORCE which paths are good"
        ),
        "pdarts": _relaxed(
            "p_darts:PDarts", "P-DARTS: DARTS in stages, each deeper and with fewer operations"
        ),
        "gdas": _relaxed("gdas:gdas", "GDAS: one operation an edge, drawn by the Gumbel-softmax"),
        "proxyless": _relaxed(
            "proxyless:proxyless",
            "ProxylessNAS: two paths in a step of alpha, one in a step of the weights; may weigh latency",
        ),
        "rsws": Method(
            f"{_HERE}.uniform:rsws",
            "random search with weight sharing: random paths train the weights, then random architectures are scored",
            follow_up_strategy="random",
        ),
        "spos": Method(
            f"{_HERE}.uniform:UniformSampling",
            "single-path one-shot: random paths train the weights, then evolution searches on the shared weights",
            follow_up_strategy="evolution",
        ),
        "once_for_all": Method(
            f"{_HERE}.once_for_all:OnceForAll",
            "once-for-all: the largest network, then ever smaller ones inside of it, which learn from it",
            follow_up_strategy="random",
        ),
        "sandwich": Method(
            f"{_HERE}.sandwich:Sandwich",
            "BigNAS: in each step the largest network learns, the smallest and random ones learn from it",
            follow_up_strategy="random",
        ),
    },
    Method,
    supplied=("seed",),
)
"""The one-shot methods known by name: called with a seed."""


def make_method(name: str, seed: int = 0, **options: Any) -> OneShot:
    """Make a one-shot method by its name.

    Args:
        name: A key of `METHODS`.
        seed: Of everything random in it.
        options: The method's own options, see `METHODS.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    return METHODS.make(name, options=options, seed=seed)
