"""A language task from any text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from archwright.errors import TaskError
from archwright.tasks.language import LanguageModelling
from archwright.tasks.task import Split

__all__ = ["from_text"]

_FEWEST = 2
"""Windows of each part."""


def from_text(
    text: str,
    *,
    length: int = 32,
    validation: float = 0.1,
    test: float = 0.1,
    symbols: Sequence[str] | None = None,
    name: str = "text",
    seed: int = 0,
    source: str = "contiguous parts of the text",
) -> LanguageModelling:
    """A task of telling each next character of a text.

    The text is cut in three: its beginning is for training, then comes the validation part, and the end is the test
    part, so that no window of one part overlaps another's. Each part is cut into windows that do not overlap; what
    is left at its end is not used.

    Args:
        text: The text.
        length: Characters of a window.
        validation: Share of the text for validation.
        test: Share of the text for test.
        symbols: The characters that may occur, in the order of their numbers; None takes those that do.
        name: What to call the task.
        seed: Seed of the order of the text, for the report; nothing here is drawn.
        source: Where the parts come from, in one phrase, for the report.

    Raises:
        TaskError: When a part has fewer than two windows, a character is none of the symbols, or a symbol is no
            character or stands twice.
    """
    if not isinstance(text, str):
        raise TaskError(f"expected a text, got {type(text).__name__}; decode bytes with .decode()")
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise TaskError(f"expected a window length >= 1, got {length!r}")
    for what, share in (("validation", validation), ("test", test)):
        if not isinstance(share, float) or not 0 < share < 1:
            raise TaskError(f"{what}: expected a share of the text between 0 and 1, got {share!r}")
    if validation + test >= 1:
        raise TaskError(f"expected validation + test < 1, got {validation} + {test}")
    known = sorted(set(text)) if symbols is None else list(symbols)
    numbers = {symbol: number for number, symbol in enumerate(known)}
    if len(numbers) < len(known) or any(len(symbol) != 1 for symbol in known):
        raise TaskError("expected symbols that are single characters, all different")
    if unknown := set(text) - numbers.keys():
        raise TaskError(
            f"expected the {len(known)} given symbols, got {min(unknown)!r} in the text; add or replace it"
        )
    ids = torch.tensor([numbers[character] for character in text], dtype=torch.int64)
    for_test, for_validation = round(len(ids) * test), round(len(ids) * validation)
    parts = torch.split(ids, [len(ids) - for_test - for_validation, for_validation, for_test])
    datasets = [
        _windows(part, length, what)
        for part, what in zip(parts, ("training", "validation", "test"), strict=True)
    ]
    train, validated, tested = datasets
    split = Split(len(train), len(validated), len(tested), seed, stratified=False, source=source)
    return LanguageModelling(name, train=train, validation=validated, test=tested, symbols=known, split=split)


def _windows(ids: Tensor, length: int, what: str) -> TensorDataset:
    """Windows of a part and the same windows one symbol later, each of shape (windows, length)."""
    count = (len(ids) - 1) // length
    if count < _FEWEST:
        raise TaskError(
            f"expected a {what} part of at least {_FEWEST} windows of {length} characters, got {len(ids)} characters; "
            "give more text, a larger share or a smaller length"
        )
    used = count * length
    return TensorDataset(
        ids[:used].view(count, length).clone(), ids[1 : used + 1].view(count, length).clone()
    )
