"""Several processes of this machine that train one network together."""

from __future__ import annotations

import io
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import Tensor, distributed

from archwright.errors import TrialError

__all__ = ["ALONE", "Ranks", "joined"]

_TIMEOUT = timedelta(hours=6)
"""The first rank may score for long, while the others wait."""


_LAST_WORDS = 60.0
"""Seconds from a lost connection to the end of the process, at most; a busy machine takes many to end one."""


class Ranks:
    """This process among those that train one network; rank 0 scores, reports and keeps the result.

    Args:
        rank: From 0.
        count: How many there are.
        group: How they talk; None for one alone.
        device: Where the tensors are that they exchange.
    """

    def __init__(
        self, rank: int = 0, count: int = 1, group: Any = None, device: torch.device | str = "cpu"
    ) -> None:
        self.rank, self.count, self.device = rank, count, torch.device(device)
        self._group = group

    @property
    def is_first(self) -> bool:
        """True for the rank that scores and reports."""
        return self.rank == 0

    def total(self, value: Tensor | float) -> Tensor | float:
        """The sum of a number over all ranks."""
        if self.count == 1:
            return value
        tensor = torch.as_tensor(value, dtype=torch.float64).to(self.device).reshape(1)
        self._group.allreduce([tensor]).wait()
        return tensor[0]

    def reduce(self, gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor | None]:
        """The sums of gradients over all ranks; None where no rank has one.

        Args:
            gradients: Those of this rank.
            like: The parameters.
        """
        if self.count == 1 or not gradients:
            return list(gradients)
        has = torch.tensor([float(g is not None) for g in gradients], device=self.device)
        sums = [
            torch.zeros_like(p) if g is None else g.contiguous() for g, p in zip(gradients, like, strict=True)
        ]
        views = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in sums]
        for waiting in [self._group.allreduce([tensor]) for tensor in (*views, has)]:
            waiting.wait()
        return [tensor if some else None for tensor, some in zip(sums, has.tolist(), strict=True)]

    def share(self, value: Any) -> Any:
        """The first rank's value, on all ranks."""
        return value if self.count == 1 else self.gather(value)[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, in order, on each of them; whatever `torch.save` and `weights_only` take."""
        if self.count == 1:
            return [value]
        file = io.BytesIO()
        torch.save(value, file)
        mine = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        lengths = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        lengths[self.rank] = len(mine)
        self._group.allreduce([lengths]).wait()
        held = torch.zeros(self.count, int(lengths.max()), dtype=torch.uint8, device=self.device)
        held[self.rank, : len(mine)] = mine.to(self.device)
        self._group.allreduce([held]).wait()
        return [
            torch.load(io.BytesIO(row[:length].cpu().numpy().tobytes()), weights_only=True)
            for row, length in zip(held, lengths.tolist(), strict=True)
        ]


ALONE = Ranks()
"""One process by itself."""


@contextmanager
def joined(count: int, follow: Callable[[Ranks], Any], devices: Sequence[torch.device]) -> Iterator[Ranks]:
    """Start the other ranks, each in a process of its own, and be the first one while a block runs.

    Args:
        count: How many ranks there are.
        follow: What another rank does.
        devices: One per rank.

    Raises:
        TrialError: When another rank dies.
    """
    if count == 1:
        yield ALONE
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "meet")
        context = multiprocessing.get_context("spawn")
        # Plain pickle does not reach what a script or a notebook defines.
        work = cloudpickle.dumps((follow, list(devices)))
        others = [
            context.Process(target=_run, args=(work, rank, count, path), daemon=True)
            for rank in range(1, count)
        ]
        for other in others:
            other.start()
        try:
            yield Ranks(0, count, _meet(path, 0, count, devices[0]), devices[0])
            for other in others:
                other.join()
        except RuntimeError as error:
            for other in others:
                other.join(_LAST_WORDS)
            dead = [f"rank {n} (exit code {p.exitcode})" for n, p in enumerate(others, 1) if p.exitcode]
            if dead:
                raise TrialError(
                    f"{', '.join(dead)} of {count} died; what it said is on standard error"
                ) from error
            raise
        finally:
            for other in others:
                other.kill()
                other.join()


def _meet(path: str, rank: int, count: int, device: torch.device) -> Any:
    # Groups of their own, since the user's process may have a default one.
    torch_groups: Any = distributed
    store = torch_groups.FileStore(path, count)
    if device.type != "cuda":
        return torch_groups.ProcessGroupGloo(store, rank, count, _TIMEOUT)
    torch.cuda.set_device(device)
    options = torch_groups.ProcessGroupNCCL.Options()
    options._timeout = _TIMEOUT
    return torch_groups.ProcessGroupNCCL(store, rank, count, options)


def _run(work: bytes, rank: int, count: int, path: str) -> None:
    follow, devices = cloudpickle.loads(work)
    follow(Ranks(rank, count, _meet(path, rank, count, devices[rank]), devices[rank]))
