"""Texts as tasks: windows that cover each part once, a target one symbol later, and the text that ships."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import TaskError
from archwright.tasks import characters, from_text
from archwright.tasks.datasets.characters import SYMBOLS

_ALPHABET = "abcdefghij"


def _text_of(part: Any) -> list[str]:
    return ["".join(_ALPHABET[int(number)] for number in window) for window, _ in part]


@given(
    text=st.text(_ALPHABET, min_size=120, max_size=300),
    length=st.integers(1, 8),
    shares=st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([0.15, 0.25])),
)
@settings(deadline=None)
def test_windows_are_pieces_of_the_text_in_order(text: str, length: int, shares: tuple[float, float]) -> None:
    for_validation, for_test = (round(len(text) * share) for share in shares)
    if (min(for_validation, for_test) - 1) // length < 2:
        return
    task = from_text(text, length=length, validation=shares[0], test=shares[1], symbols=_ALPHABET)
    begins = [0, len(text) - for_test - for_validation, len(text) - for_test, len(text)]
    counts = (task.split.train, task.split.validation, task.split.test)
    for part, begin, end, count in zip(
        (task.train, task.validation, task.test), begins, begins[1:], counts, strict=False
    ):
        windows = _text_of(part)
        assert count == len(windows) == (end - begin - 1) // length
        assert "".join(windows) == text[begin : begin + count * length]
        for index in range(count):
            window, target = part[index]
            assert torch.equal(window[1:], target[:-1])
            assert _ALPHABET[int(target[-1])] == text[begin + (index + 1) * length]


def test_symbols_are_those_of_the_text_unless_given() -> None:
    task = from_text("the quick brown fox " * 20, length=4)
    assert task.symbols == tuple(sorted(set("the quick brown fox")))
    assert from_text("abab" * 30, length=4, symbols="xyab").outputs == 4


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (b"bytes", {}, "expected a text, got bytes"),
        ("ab" * 50, {"length": 0}, "window length >= 1, got 0"),
        ("ab" * 50, {"validation": 0.0}, "validation: expected a share"),
        ("ab" * 50, {"test": 1}, "test: expected a share"),
        ("ab" * 50, {"validation": 0.5, "test": 0.5}, "expected validation [+] test < 1"),
        ("ab" * 50, {"length": 8}, "a validation part of at least 2 windows of 8 characters, got 10"),
        ("ab" * 50, {"length": 2, "symbols": "a"}, "expected the 1 given symbols, got 'b'"),
        ("ab" * 50, {"length": 2, "symbols": "aba"}, "single characters, all different"),
        ("ab" * 50, {"length": 2, "symbols": ["ab"]}, "single characters, all different"),
    ],
)
def test_wrong_arguments_are_told(text: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(TaskError, match=told):
        from_text(text, **options)


def test_characters() -> None:
    task = characters()
    assert (task.name, task.input_shape, task.outputs) == ("characters", (32,), 96)
    assert task.symbols == SYMBOLS
    sizes = task.split.train + task.split.validation + task.split.test
    assert 100_000 - 3 * 32 <= sizes * 32 + 3 <= 100_000
    text = task.decode(task.train[0][0])
    assert text.isascii()
    assert "contiguous parts of the topics of Python" in str(task.split)


def test_characters_differ_by_seed_alone() -> None:
    assert characters().describe() == characters(seed=0).describe()
    assert characters().describe()["text"] != characters(seed=1).describe()["text"]


def test_no_paragraph_stands_twice() -> None:
    task = characters(size=None, length=1, validation=0.1, test=0.1)
    parts = (task.train, task.validation, task.test)
    whole = task.decode(torch.cat([part.tensors[0].flatten() for part in parts]))  # type: ignore[attr-defined]
    paragraphs = [" ".join(paragraph.split()) for paragraph in whole.split("\n\n") if len(paragraph) > 60]
    assert len(paragraphs) > 1_000
    # Paragraphs that a part's end cuts may begin alike.
    assert len(paragraphs) - len(set(paragraphs)) <= 2


def test_the_size_is_checked() -> None:
    with pytest.raises(TaskError, match="size >= 1, or None"):
        characters(size=0)
    with pytest.raises(TaskError, match="at least 2 windows of 32 characters"):
        characters(size=500)
