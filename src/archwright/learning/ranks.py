"""Several processes of this machine that train one network together."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import Tensor, distributed

from archwright.errors import TrialError, UsageError
from archwright.learning.followers import Follower, hire, release
from archwright.learning.torch_state import TorchSettings

__all__ = ["ALONE", "Ranks", "joined"]

_TIMEOUT = timedelta(hours=6)
"""The first rank may score for long, while the others wait."""

_BUCKET = 2**22
"""Numbers that are summed over ranks at once: a supernet has hundreds of small parameters."""


class LostRankError(RuntimeError):
    """Another rank does not answer any more."""


class Ranks:
    """This process among those that train one network; rank 0 scores, reports and keeps the result.

    All ranks must call the methods in the same order; each waits for the others, or lets the device wait.

    Args:
        rank: From 0.
        count: How many there are.
        group: How tensors on the device are summed; None for one alone.
        device: Where the tensors are that they exchange.
        control: How they exchange all else, on the CPU, so that nobody waits for the device; None means `group`.
    """

    def __init__(
        self,
        rank: int = 0,
        count: int = 1,
        group: Any = None,
        device: torch.device | str = "cpu",
        control: Any = None,
    ) -> None:
        self.rank, self.count, self.device = rank, count, torch.device(device)
        self._group, self._control = group, group if control is None else control

    @property
    def is_first(self) -> bool:
        """True for the rank that scores and reports."""
        return self.rank == 0

    def total(self, value: Tensor | float) -> Tensor | float:
        """The sum of a number, or of a tensor's numbers, over all ranks."""
        if self.count == 1:
            return value
        given = torch.as_tensor(value).detach()
        flat = given.to(self.device, torch.float64, copy=True).reshape(-1)
        _done(lambda: [self._group.allreduce([flat])])
        return flat.view(given.shape)

    def reduce(self, gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor | None]:
        """The sums of gradients over all ranks, the same bits on each; None where no rank has one.

        Args:
            gradients: Those of this rank.
            like: The parameters.
        """
        if self.count == 1 or not gradients:
            return list(gradients)
        has = torch.tensor([gradient is not None for gradient in gradients], dtype=torch.int32)
        _done(lambda: [self._control.allreduce([has])])
        # What took part in no rank's step, as most of a supernet does on one path, is not sent.
        places = [place for place, some in enumerate(has.tolist()) if some]
        terms = [
            torch.zeros_like(like[place]) if (gradient := gradients[place]) is None else gradient.detach()
            for place in places
        ]
        buckets = list(_buckets([torch.view_as_real(t) if t.is_complex() else t for t in terms]))
        flat = [torch.cat([term.reshape(-1) for term in bucket]) for bucket in buckets]
        _done(lambda: [self._group.allreduce([tensor]) for tensor in flat])
        sums = [
            piece.view(term.shape)
            for tensor, bucket in zip(flat, buckets, strict=True)
            for piece, term in zip(
                torch.split(tensor, [term.numel() for term in bucket]), bucket, strict=True
            )
        ]
        found: list[Tensor | None] = [None] * len(gradients)
        for place, term, one in zip(places, terms, sums, strict=True):
            found[place] = torch.view_as_complex(one) if term.is_complex() else one
        return found

    def agree(self, code: int) -> int:
        """The first rank's number, on all ranks: what to do next."""
        if self.count == 1:
            return code
        tensor = torch.tensor([code])
        _done(lambda: [self._control.broadcast(tensor, 0)])
        return int(tensor)

    def share(self, value: Any) -> Any:
        """The first rank's value, on all ranks; whatever `torch.save` and `weights_only` take, tensors on the CPU."""
        return value if self.count == 1 else self.gather(value if self.is_first else None)[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, in order, on each of them; as for `share`."""
        if self.count == 1:
            return [value]
        file = io.BytesIO()
        torch.save(value, file)
        mine = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        lengths = torch.zeros(self.count, dtype=torch.int64)
        lengths[self.rank] = len(mine)
        _done(lambda: [self._control.allreduce([lengths])])
        held = torch.zeros(self.count, int(lengths.max()), dtype=torch.uint8)
        held[self.rank, : len(mine)] = mine
        _done(lambda: [self._control.allreduce([held])])
        return [
            torch.load(io.BytesIO(row[:length].numpy().tobytes()), map_location="cpu", weights_only=True)
            for row, length in zip(held, lengths.tolist(), strict=True)
        ]


ALONE = Ranks()
"""One process by itself."""


@contextmanager
def joined(count: int, follow: Callable[[Ranks], Any], devices: Sequence[torch.device]) -> Iterator[Ranks]:
    """Let other processes be the other ranks, and be the first one while a block runs.

    They run in this process's settings of torch, such as determinism. The processes stay for the next call.

    Args:
        count: How many ranks there are.
        follow: What another rank does.
        devices: One per rank.

    Raises:
        TrialError: When another rank dies.
        UsageError: When the work cannot be sent to another process.
    """
    if count == 1:
        yield ALONE
        return
    with tempfile.TemporaryDirectory() as folder:
        work = _pickled(_Work(follow, list(devices), str(Path(folder) / "meet")))
        followers = hire(count - 1)
        try:
            for rank, follower in enumerate(followers, 1):
                follower.begin(work, rank)
            for follower in followers:  # one that dies now would be waited for at the meeting
                follower.answer()
            yield _meet(str(Path(folder) / "meet"), 0, devices)
            for follower in followers:
                follower.answer()
            release(followers)
            followers = []
        except (LostRankError, EOFError, ConnectionError) as error:
            raise TrialError(f"{_dead(followers)}; what it said is on standard error") from error
        finally:
            for follower in followers:
                follower.kill()


class _Work:
    """What a follower runs, once it knows its rank."""

    def __init__(self, follow: Callable[[Ranks], Any], devices: list[torch.device], path: str) -> None:
        self.follow, self.devices, self.path = follow, devices, path
        self.settings = TorchSettings.of_this_process()

    def __call__(self, rank: int) -> None:
        with self.settings.held():
            self.follow(_meet(self.path, rank, self.devices))


def _pickled(work: _Work) -> bytes:
    try:
        # Plain pickle does not reach what a script or a notebook defines.
        content: bytes = cloudpickle.dumps(work)
        return content
    except Exception as error:
        raise UsageError(
            f"the training cannot be sent to the processes of other devices ({type(error).__name__}: {error}); leave "
            "out what does not pickle, such as locks, open files and generators, or use devices=1"
        ) from error


def _meet(path: str, rank: int, devices: Sequence[torch.device]) -> Ranks:
    # Groups of their own, since the user's process may have a default one.
    torch_groups: Any = distributed
    count, device = len(devices), devices[rank]
    store = torch_groups.FileStore(path, count)
    control = torch_groups.ProcessGroupGloo(torch_groups.PrefixStore("control", store), rank, count, _TIMEOUT)
    if device.type != "cuda":
        return Ranks(rank, count, control, device)
    torch.cuda.set_device(device)
    options = torch_groups.ProcessGroupNCCL.Options()
    options._timeout = _TIMEOUT
    group = torch_groups.ProcessGroupNCCL(torch_groups.PrefixStore("device", store), rank, count, options)
    return Ranks(rank, count, group, device, control)


def _done(begin: Callable[[], list[Any]]) -> None:
    """Begin some exchanges and wait for them; on a GPU the device does.

    Raises:
        LostRankError: When another rank does not answer.
    """
    try:
        for work in begin():
            work.wait()
    except RuntimeError as error:
        raise LostRankError(f"another process of this training does not answer: {error}") from error


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours of one type, together no larger than a bucket unless one alone is."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or size + tensor.numel() > _BUCKET):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket


def _dead(followers: Sequence[Follower]) -> str:
    codes = {rank: follower.exit_code() for rank, follower in enumerate(followers, 1)}
    dead = [f"rank {rank} (exit code {code})" for rank, code in codes.items() if code]
    return f"{', '.join(dead) or 'a rank'} of {len(followers) + 1} died"
