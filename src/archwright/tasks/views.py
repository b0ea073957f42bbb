"""Datasets that prepare their examples when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from archwright.tasks.preprocessing import Preprocessing
from archwright.tasks.targets import as_array

__all__ = ["ImageDataset", "PreparedDataset"]

Item = tuple[Tensor, Tensor]


@final
class ImageDataset(Dataset[Item]):
    """Images kept as bytes, a quarter of the memory of floats, and standardised when read.

    Args:
        images: Pixels, shape (N, channels, height, width), type uint8.
        targets: Shape (N,) or (N, outputs).
        preprocessing: How to standardise.
    """

    def __init__(self, images: Tensor, targets: Tensor, preprocessing: Preprocessing) -> None:
        self.images = images
        self.targets = targets
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Item:
        return self.preprocessing.prepare(self.images[index]), self.targets[index]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Several items at once: a `DataLoader` reads its batches by this."""
        chosen = torch.as_tensor(indices)
        return list(zip(self.preprocessing.prepare(self.images[chosen]), self.targets[chosen], strict=True))


@final
class PreparedDataset(Dataset[Item]):
    """Examples of another dataset, standardised when read.

    Its inputs are read anew each time, so its random transforms stay random.

    Args:
        source: Items are (input, target); the target is not used.
        indices: Which of its items, shape (N,).
        targets: Their targets, shape (N,) or (N, outputs).
        preprocessing: How to standardise.
    """

    def __init__(
        self, source: Dataset[Any], indices: NDArray[Any], targets: Tensor, preprocessing: Preprocessing
    ) -> None:
        self.source = source
        self.indices = indices
        self.targets = targets
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Item:
        position = int(self.indices[index])
        raw = self.source[position][0]
        if not isinstance(raw, Tensor):
            raw = torch.from_numpy(np.ascontiguousarray(as_array(raw, f"item {position}")))
        return self.preprocessing.prepare(raw), self.targets[index]
