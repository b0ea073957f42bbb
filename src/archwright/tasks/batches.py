"""How a part of the data is read: batch by batch, in an order that follows from a seed and the epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from archwright.errors import UsageError

__all__ = [
    "BatchStream",
    "DatasetStream",
    "Part",
    "Plan",
    "choose",
    "divide",
    "fitting",
    "moved",
    "tensors_in",
]

_EVALUATION_BATCH = 512
"""Examples at once where nothing is learned."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a task's data, or a share of one.

    Args:
        name: "train", "validation", "test", or another part that the task knows.
        low: Where the share begins, in [0, 1). Shares of one part that do not overlap have no example in common.
        high: Where it ends.
    """

    name: str
    low: float = 0.0
    high: float = 1.0

    @property
    def is_whole(self) -> bool:
        """True if it is no share."""
        return self.low == 0.0 and self.high == 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a part is to be read.

    Args:
        size: Examples in a batch.
        device: Where the batches go.
        seed: Seed of the order, which is another in each epoch; None keeps the order of the data.
        division: Seed of the division into shares.
        fraction: Share of the examples that is used, in (0, 1], of each class where labels are at hand.
        fraction_seed: Seed of that choice.
        least: Fewest examples in the last of several batches, and in each rank's piece of it; a smaller rest joins the
            batch before it, since normalisation cannot train on one.
        rank: Number of this process among those that train one network.
        ranks: Number of those processes; each reads its piece of every batch.
    """

    size: int
    device: torch.device
    seed: int | None = None
    division: int = 0
    fraction: float = 1.0
    fraction_seed: int = 0
    least: int = 2
    rank: int = 0
    ranks: int = 1


def evaluation_plan(device: torch.device) -> Plan:
    """How a part is read where nothing is learned: in the order of the data, large batches, the rest by itself."""
    return Plan(size=_EVALUATION_BATCH, device=device, least=1)


class BatchStream(ABC):
    """The batches of a part, epoch after epoch.

    What it yields depends on its arguments and the epoch alone, so that two numbers, the epoch and the number of
    batches taken from it, are all of its state.

    Attributes:
        length: Batches in an epoch.
    """

    length: int

    @abstractmethod
    def start(self, epoch: int) -> None:
        """Go to the beginning of an epoch, counted from 0."""

    @abstractmethod
    def __next__(self) -> Any:
        """The next batch; `StopIteration` where the epoch ends."""

    def __iter__(self) -> BatchStream:
        return self

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Where it is."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go there."""


class DatasetStream(BatchStream):
    """Batches of a dataset.

    A plain `TensorDataset` is indexed as a whole, without a call for each example; any other dataset is read by a
    `DataLoader` in this process.

    Args:
        dataset: Items are what `collate` takes.
        positions: Of the examples that are read, shape (n,).
        plan: How.
        collate: From a list of items to a batch; None stacks tensors, inside tuples and dicts too.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        positions: Tensor,
        plan: Plan,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        self.dataset, self.positions, self.plan, self.collate = dataset, positions, plan, collate
        is_plain = type(dataset) is TensorDataset and collate is None
        self._tensors: tuple[Tensor, ...] | None = dataset.tensors if is_plain else None  # type: ignore[attr-defined]
        self.length = len(self._divided(positions))
        self._generator = torch.Generator()
        self._epoch = -1
        self.start(0)

    def start(self, epoch: int) -> None:
        """Go to the beginning of an epoch."""
        self._begin(epoch, 0)

    def __next__(self) -> Any:
        """The next batch."""
        batch = next(self._batches)
        self._taken += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The epoch, and how many of its batches were taken."""
        return {"epoch": self._epoch, "taken": self._taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go there."""
        self._begin(state["epoch"], state["taken"])

    def _begin(self, epoch: int, taken: int) -> None:
        if epoch != self._epoch:
            self._order = self._divided(self._ordered(epoch))
            self._epoch = epoch
        self._taken = taken
        self._batches = self._read(self._order[taken:])

    def _read(self, batches: Sequence[Tensor]) -> Iterator[Any]:
        """The examples at these positions, batch by batch."""
        if self._tensors is not None:
            for positions in batches:
                yield tuple([tensor[positions].to(self.plan.device) for tensor in self._tensors])
            return
        loader = DataLoader(
            self.dataset,
            batch_sampler=[positions.tolist() for positions in batches],
            collate_fn=self.collate,
            generator=torch.Generator(),  # so that it draws nothing from the global one
        )
        for batch in loader:
            yield moved(tuple(batch) if isinstance(batch, list) else batch, self.plan.device)

    def _ordered(self, epoch: int) -> Tensor:
        """The order of an epoch: the generator's permutation of that number."""
        if self.plan.seed is None:
            return self.positions
        if epoch != self._epoch + 1:
            self._generator.manual_seed(self.plan.seed)
            for _ in range(epoch):
                torch.randperm(len(self.positions), generator=self._generator)
        elif epoch == 0:
            self._generator.manual_seed(self.plan.seed)
        return self.positions[torch.randperm(len(self.positions), generator=self._generator)]

    def _divided(self, order: Tensor) -> list[Tensor]:
        rank, ranks = self.plan.rank, self.plan.ranks
        batches = divide(order, self.plan.size, self.plan.least * ranks)
        return batches if ranks == 1 else [batch[rank::ranks] for batch in batches]


def moved(batch: Any, device: torch.device | str) -> Any:
    """A batch on a device: tensors, objects with a method `to`, and tuples, lists and dicts of them."""
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return type(batch)({name: moved(value, device) for name, value in batch.items()})  # type: ignore[call-arg]
    if isinstance(batch, tuple | list):
        items = [moved(value, device) for value in batch]
        return type(batch)(*items) if hasattr(batch, "_fields") else type(batch)(items)
    return batch


def fitting(batch: Any, network: nn.Module) -> Any:
    """A batch on the device of a network, its floating-point tensors in the precision of the network's weights."""
    like = next((one for one in network.parameters() if one.is_floating_point()), torch.zeros(()))

    def converted(value: Any) -> Any:
        is_float = isinstance(value, Tensor) and value.is_floating_point()
        return value.to(like.dtype) if is_float else value

    return tree_map(converted, moved(batch, like.device))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


def divide(order: Tensor, batch_size: int, least: int = 2) -> list[Tensor]:
    """Cut positions into batches; a rest that is too small joins the batch before it.

    Args:
        order: Shape (n,).
        batch_size: At least 1.
        least: Fewest examples in the last of several batches.
    """
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) < least:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def choose(dataset: Dataset[Any], fraction: float, generator: torch.Generator, *, by_class: bool) -> Tensor:
    """The positions of a share of the examples: the same for one seed, and part of any larger share.

    Args:
        dataset: Items are (input, target).
        fraction: In (0, 1].
        generator: Where the choice comes from.
        by_class: Take the share of each class, at least one example, where the labels can be read without
            reading the inputs: a `TensorDataset`, a dataset with an attribute `targets`, a `Subset` of one.

    Returns:
        Positions, ascending, at least two, shape (n,).
    """
    length = len(dataset)  # type: ignore[arg-type]
    if fraction == 1.0:
        return torch.arange(length)
    labels = labels_of(dataset) if by_class else None
    groups = torch.zeros(length, dtype=torch.int64) if labels is None else labels
    rank = torch.randperm(length, generator=generator)
    chosen = []
    for group in torch.unique(groups):
        members = rank[groups[rank] == group]
        chosen.append(members[: max(1, round(fraction * len(members)))])
    positions = torch.cat(chosen)
    if len(positions) < 2:
        positions = rank[:2]
    return positions.sort().values


def share(positions: Tensor, part: Part, seed: int) -> Tensor:
    """The positions of a share, which is drawn at random (Liu et al. 2019, arXiv:1806.09055, section 3.1).

    Args:
        positions: Of all examples of the part, shape (n,).
        part: Says which share.
        seed: Of the division.

    Raises:
        UsageError: When the share would have fewer than 2 examples.
    """
    if part.is_whole:
        return positions
    length = len(positions)
    order = positions[torch.randperm(length, generator=torch.Generator().manual_seed(seed))]
    found = order[round(part.low * length) : round(part.high * length)]
    if len(found) < 2:
        raise UsageError(
            f"expected at least 2 examples in each share of the data, got {len(found)} of {length} in that from "
            f"{part.low:g} to {part.high:g}; change where it is divided (--option weight_share=0.5)"
        )
    return found


def labels_of(dataset: Dataset[Any]) -> Tensor | None:
    """The class of each example, shape (N,), or None where that would mean reading the inputs."""
    if isinstance(dataset, Subset):
        inner = labels_of(dataset.dataset)
        return None if inner is None else inner[torch.as_tensor(dataset.indices)]
    if isinstance(dataset, ConcatDataset):
        parts = [labels for part in dataset.datasets if (labels := labels_of(part)) is not None]
        return torch.cat(parts) if len(parts) == len(dataset.datasets) else None
    targets = dataset.tensors[-1] if isinstance(dataset, TensorDataset) else getattr(dataset, "targets", None)
    if isinstance(targets, list | tuple) and all(isinstance(target, int) for target in targets):
        targets = torch.tensor(targets)
    is_labels = isinstance(targets, Tensor) and targets.shape == (len(dataset),)  # type: ignore[arg-type]
    return targets if is_labels else None
