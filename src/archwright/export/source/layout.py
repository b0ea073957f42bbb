"""Laying out nested calls and brackets as a good formatter would: on one line where they fit, else an item a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Document", "Group", "Name", "call_of", "followed", "lay_out", "names_in"]

_INDENT = 4


@dataclass(frozen=True, slots=True)
class Name:
    """A reference to something whose name in the printed module is not known yet.

    Args:
        target: What is referred to.
    """

    target: Any


@dataclass(frozen=True, slots=True)
class Group:
    """Brackets around items: a call, a list, a dict.

    Args:
        head: What stands before the opening bracket: the called name, or nothing.
        opening: The opening bracket.
        items: The items, each with what stands before it, such as `kernel_size=`.
        closing: The closing bracket.
        comma: Whether one item needs a comma after it, as in a tuple.
    """

    head: Document
    opening: str
    items: Sequence[tuple[Document, Document]]
    closing: str
    comma: bool = False


Document = str | Name | Group
"""Text, a reference, or brackets around documents."""


def call_of(head: Document, items: Sequence[tuple[Document, Document]]) -> Group:
    """The document of a call."""
    return Group(head, "(", items, ")")


def followed(document: Document, text: str) -> Document:
    """A document and text right behind it, such as an attribute."""
    return Group(document, text, (), "") if text else document


def names_in(document: Document) -> Iterator[Name]:
    """All references in a document."""
    if isinstance(document, Name):
        yield document
    elif isinstance(document, Group):
        yield from names_in(document.head)
        for before, item in document.items:
            yield from names_in(before)
            yield from names_in(item)


def lay_out(
    document: Document,
    name_of: Callable[[Any], str],
    *,
    indent: int = 0,
    before: int = 0,
    after: int = 0,
    width: int = 100,
) -> str:
    """The text of a document.

    Args:
        document: What to print.
        name_of: Gives the name of what a `Name` refers to.
        indent: Columns before the closing bracket, where the document takes several lines.
        before: Columns taken on the first line, the indent among them.
        after: Columns needed behind the last bracket.
        width: Longest line, in columns. Only a single word or string can be longer.
    """
    flat = _flat(document, name_of)
    if before + len(flat) + after <= width or not isinstance(document, Group) or not document.items:
        return flat
    inner = indent + _INDENT
    lines = [_flat(document.head, name_of) + document.opening]
    for start, item in document.items:
        begun = " " * inner + _flat(start, name_of)
        printed = lay_out(item, name_of, indent=inner, before=len(begun), after=1, width=width)
        lines.append(f"{begun}{printed},")
    return "\n".join([*lines, " " * indent + document.closing])


def _flat(document: Document, name_of: Callable[[Any], str]) -> str:
    """The document on one line."""
    if isinstance(document, str):
        return document
    if isinstance(document, Name):
        return name_of(document.target)
    items = ", ".join(_flat(before, name_of) + _flat(item, name_of) for before, item in document.items)
    comma = "," if document.comma and len(document.items) == 1 else ""
    return f"{_flat(document.head, name_of)}{document.opening}{items}{comma}{document.closing}"
