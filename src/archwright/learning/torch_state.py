"""The global state of torch in which jobs run: the same in this process, in workers and in other ranks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["TorchSettings"]

_BACKEND = ("benchmark", "deterministic", "allow_tf32")


@dataclass(frozen=True, slots=True)
class TorchSettings:
    """What a user has chosen for the whole process that networks should be trained with.

    Defaults that only say how tensors are written down (data type, device, no gradients, autocast) are not among
    these: jobs begin with torch's own.

    Args:
        deterministic: Whether algorithms must be deterministic.
        warn_only: Whether others only warn.
        precision: Of products of float32 matrices: "highest", "high" or "medium".
        cudnn: `torch.backends.cudnn`: benchmark, deterministic, allow_tf32.
    """

    deterministic: bool = False
    warn_only: bool = False
    precision: str = "highest"
    cudnn: tuple[bool, bool, bool] = (False, False, True)

    @classmethod
    def of_this_process(cls) -> TorchSettings:
        """As they are now; torch's own where it is not loaded."""
        torch = sys.modules.get("torch")
        if torch is None:
            return cls()
        cudnn = torch.backends.cudnn
        return cls(
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.get_float32_matmul_precision(),
            (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """These settings and torch's own defaults while the block runs; what was before comes back after it."""
        if "torch" not in sys.modules and self == TorchSettings():  # a job that loads it finds it so
            yield
            return
        from archwright.learning.randomness import torch_defaults

        before = self.of_this_process()
        with torch_defaults():
            self._apply()
            try:
                yield
            finally:
                before._apply()

    def _apply(self) -> None:
        if self == self.of_this_process():
            return
        import torch

        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)
        torch.set_float32_matmul_precision(self.precision)
        for name, value in zip(_BACKEND, self.cudnn, strict=True):
            setattr(torch.backends.cudnn, name, value)
