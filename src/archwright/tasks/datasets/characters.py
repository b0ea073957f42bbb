"""English prose that comes with Python: the topics of its manual that `help()` shows."""

from __future__ import annotations

import platform
from random import Random

from archwright.errors import TaskError
from archwright.tasks.datasets.text import from_text
from archwright.tasks.language import LanguageModelling

__all__ = ["SYMBOLS", "characters"]

SYMBOLS = ("\n", *map(chr, range(32, 127)))
"""The newline and the 95 printable characters of ASCII."""

_TYPOGRAPHY = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "...", "\t": "    "}
)


def characters(
    *,
    length: int = 32,
    size: int | None = 100_000,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> LanguageModelling:
    """The next character of English prose, the language manual that comes with Python; 96 symbols.

    The text is that of `pydoc_data.topics`, which `help("topics")` shows, so it differs a little from one version of
    Python to another. Paragraphs that stand in several topics are taken once, so that the test part has none of those
    learned. Topics are put in a random order, and the text is cut into contiguous parts. Typographic quotes and dashes
    become those of ASCII, and what else is not among the symbols becomes a question mark.

    Args:
        length: Characters of a window.
        size: Characters of the text, from its beginning; None takes all, about 370,000. The default lets a small
            recurrent network learn an epoch in some ten seconds on one core.
        validation: Share of the text for validation.
        test: Share of the text for test.
        seed: Seed of the topics' order.

    Raises:
        TaskError: When this Python comes without the topics, or a part is too short for two windows.
    """
    text = _text(seed)
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        raise TaskError(f"characters: expected a size >= 1, or None for all of the text, got {size!r}")
    return from_text(
        text if size is None else text[:size],
        length=length,
        validation=validation,
        test=test,
        symbols=SYMBOLS,
        name="characters",
        seed=seed,
        source=f"contiguous parts of the topics of Python {'.'.join(platform.python_version_tuple()[:2])}",
    )


def _text(seed: int) -> str:
    """All topics in a random order, each paragraph once, in the symbols."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise TaskError(
            "characters: this Python comes without pydoc_data, whose text is learned; install its full standard "
            "library, or give a text of your own to tasks.from_text"
        ) from error
    titles = sorted(topics)
    Random(seed).shuffle(titles)
    seen: set[str] = set()
    kept = []
    for title in titles:
        for paragraph in topics[title].strip().split("\n\n"):
            words = " ".join(paragraph.split())
            if words and words not in seen:
                seen.add(words)
                kept.append(paragraph.strip("\n"))
    text = "\n\n".join(kept).translate(_TYPOGRAPHY)
    known = set(SYMBOLS)
    return "".join(character if character in known else "?" for character in text)
