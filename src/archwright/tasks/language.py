"""Learning what comes next in a text."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from archwright.errors import TaskError
from archwright.tasks.supervised import Supervised, divergence

__all__ = ["LANGUAGE_MODELLING", "LanguageModelling"]

LANGUAGE_MODELLING = "language modelling"
_LARGEST_LOSS = 700.0
"""Its exponential is still a floating-point number."""


class LanguageModelling(Supervised):
    """At each place of a text the next symbol; learned by cross-entropy.

    An example is a window of the text as whole numbers, shape (steps,), and its target the same window one symbol
    later. A network gives one score (logit) a symbol at each place: (N, steps, symbols). Each window is read on its
    own, so that its first places are told from few symbols. The metrics:

    - `perplexity`: e to the power of the loss: among how many equally likely symbols the network as good as guesses.
    - `bits_per_character`: the loss in bits.
    - `accuracy`: share of the places whose highest score is at the symbol that came.
    - `loss`: mean cross-entropy in nats.

    Args:
        name: What to call it.
        symbols: What the numbers stand for, in order; each is one character.
        data: `train`, `validation`, `test` and `split` of `Supervised`; items are (window, the same one symbol later),
            both of type int64 and shape (steps,).
    """

    kind = LANGUAGE_MODELLING
    metric = "perplexity"
    averaging = "probabilities"
    has_symbols = True

    def __init__(self, name: str, *, symbols: Sequence[str], **data: Any) -> None:
        super().__init__(name, classes=[_NAMES.get(symbol, symbol) for symbol in symbols], **data)
        self.symbols = tuple(symbols)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(steps, symbols)."""
        return (*self.input_shape, self.outputs)

    def encode(self, text: str) -> Tensor:
        """A text as numbers of type int64, shape (characters,).

        Raises:
            TaskError: When a character is none of the symbols.
        """
        for place, character in enumerate(text):
            if character not in self._numbers:
                raise TaskError(
                    f"task {self.name!r}: expected the {self.outputs} characters it was made with, got {character!r} "
                    f"at {place}; replace it"
                )
        return torch.tensor([self._numbers[character] for character in text], dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """The inverse of `encode`."""
        return "".join(self.symbols[number] for number in numbers.tolist())

    def criterion(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy in nats.

        Args:
            outputs: What the network gave, shape (N, steps, symbols).
            targets: The symbols that came, shape (N, steps).
            smoothing: Share of the target that is spread over all symbols, in [0, 1).
        """
        return functional.cross_entropy(
            outputs.float().flatten(0, 1), targets.flatten(), label_smoothing=smoothing
        )

    def distance(self, outputs: Any, teacher: Any, batch: Any, temperature: float = 1.0) -> Tensor:
        """T² KL(softmax(teacher / T) || softmax(outputs / T)), the mean over all places (Hinton et al. 2015)."""
        return divergence(outputs, teacher, temperature).mean()

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """`perplexity`, `bits_per_character`, `accuracy` and `loss` of a whole part."""
        loss = functional.cross_entropy(outputs.double().flatten(0, 1), targets.flatten()).item()
        return {
            "perplexity": math.exp(min(loss, _LARGEST_LOSS)),
            "bits_per_character": loss / math.log(2),
            "accuracy": (outputs.argmax(dim=-1) == targets).double().mean().item(),
            "loss": loss,
        }

    def describe(self) -> Mapping[str, Any]:
        """What a report says of the task, in JSON's own types; `text` differs when the text does."""
        steps = [
            f"Take {self.input_shape[0]} characters at a time, each as its place among the classes, from 0.",
            f"The {self.outputs} outputs at a place are the scores of the character that follows it.",
        ]
        text = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            for index in range(len(part)):  # type: ignore[arg-type]  # a task's datasets have a length
                text.update(part[index][1].numpy().tobytes())
        return {
            **super().describe(),
            "preprocessing": {"steps": steps},
            "text": text.hexdigest()[:16],
        }


_NAMES = {"\n": "newline", "\t": "tab", "\r": "carriage return", " ": "space", ",": "comma"}
"""Symbols that cannot be seen in a list."""
