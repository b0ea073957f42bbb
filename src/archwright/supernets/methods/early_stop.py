"""When to stop: before the curvature of the validation loss over alpha grows too fast (Zela et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

__all__ = ["EigenvalueStop"]


class EigenvalueStop:
    """Watches the largest eigenvalue of the validation Hessian over alpha (Zela et al. 2020, arXiv:1909.09656, 4.3).

    Where it grows fast, the architectures that are derived lie in sharp minima and lose most when alpha is made
    discrete. With l(i) the mean over `window` epochs around epoch i, the search stops when l(i - distance) / l(i)
    falls below `ratio`, and the architecture of epoch i - distance is the result. Nothing stops where l(i) is not
    positive.

    Args:
        distance: Epochs between the two that are compared.
        window: Epochs whose mean is taken, odd.
        ratio: What the share must not fall below.

    Attributes:
        reason: Why it stopped, in words; None as long as it has not.
    """

    def __init__(self, distance: int = 5, window: int = 5, ratio: float = 0.75) -> None:
        self.distance, self.half, self.ratio = distance, window // 2, ratio
        self.reason: str | None = None
        self._values: list[float] = []
        self._states: list[Mapping[str, Any]] = []

    def add(self, epoch: int, value: float, state: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Take in an epoch.

        Args:
            epoch: Its number, from 1; they come one after the other.
            value: The eigenvalue at its end.
            state: What to return to, should it turn out to be the last good epoch.

        Returns:
            The state to return to when the search must stop, otherwise None.
        """
        self._values.append(value)
        self._states = [*self._states, state][-(self.half + self.distance + 1) :]
        now = len(self._values) - 1 - self.half
        before = now - self.distance
        if self.reason is not None or before < self.half:
            return None
        smooth, smooth_before = self._smooth(now), self._smooth(before)
        if not smooth_before < self.ratio * smooth or smooth <= 0:
            return None
        first = epoch - self.half - self.distance
        self.reason = (
            f"the largest eigenvalue of the validation Hessian over alpha rose from {smooth_before:.3g} around epoch "
            f"{first} to {smooth:.3g} around epoch {epoch - self.half}; alpha is that of epoch {first} again"
        )
        return self._states[0]

    def state_dict(self) -> dict[str, Any]:
        """The values, the states of the last epochs, and the reason."""
        return {"values": list(self._values), "states": list(self._states), "reason": self.reason}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._values, self._states = list(state["values"]), list(state["states"])
        self.reason = state["reason"]

    def _smooth(self, index: int) -> float:
        return fmean(self._values[index - self.half : index + self.half + 1])
