"""Drawings kept short: what is alike is drawn once, what is too much is left out and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archwright.reports.drawing.boxes import Box
from archwright.reports.wording import value_text

__all__ = ["common_prefix", "decision_texts", "folded", "labelled_once", "pruned"]

_LONGEST_PERIOD = 6


def folded(box: Box) -> Box:
    """The box with runs of like children drawn once, with their number.

    Runs of a pattern are folded too, such as convolution, norm, activation. The children of a box with arcs stay,
    since an arc begins and ends at one of them.
    """
    children = [folded(child) for child in box.children]
    if box.arcs:
        return replace(box, children=tuple(children))
    alike = [child.likeness for child in children]
    short: list[Box] = []
    i = 0
    while i < len(children):
        period, times = _longest_run(alike, i)
        pattern = [_merged(children[i + k : i + period * times : period]) for k in range(period)]
        if times == 1:
            short.append(children[i])
        elif period == 1:
            short.append(replace(pattern[0], count=times * pattern[0].count))
        else:
            touched = any(part.touched for part in pattern)
            group = Box("", touched=touched, children=tuple(pattern), flows=box.flows, count=times)
            short.append(folded(group))
        i += period * times
    return replace(box, children=tuple(short))


def labelled_once(box: Box, before: str = "") -> Box:
    """The box with the name of an argument only at the first of the children that are given in it.

    Args:
        box: The box.
        before: The argument that the last box before its children was given in.
    """
    children = []
    for child in box.children:
        is_group = not child.title
        last = child.children[-1].label if is_group and child.children else child.label
        labelled = labelled_once(child, before if is_group else "")
        children.append(replace(labelled, label="") if child.label == before else labelled)
        before = last
    return replace(box, children=tuple(children))


def _longest_run(alike: list[Any], start: int) -> tuple[int, int]:
    """Length of the pattern from `start` on that repeats over the most items, and how often it does."""
    best = (1, 1)
    for period in range(1, _LONGEST_PERIOD + 1):
        times, pattern = 1, alike[start : start + period]
        while alike[start + times * period : start + (times + 1) * period] == pattern:
            times += 1
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _merged(boxes: list[Box]) -> Box:
    """One box for several like each other, with the decisions of all."""
    decided = {address: value for box in boxes for address, value in box.decided.items()}
    children = tuple(_merged(list(group)) for group in zip(*(box.children for box in boxes), strict=True))
    return replace(boxes[0], decided=decided, children=children)


def common_prefix(texts: list[str]) -> str:
    """What several addresses begin with, up to a dot; empty for a single one.

    >>> common_prefix(["layers.2.width = 16", "layers.2.skips = {0}"])
    'layers.2'
    """
    addresses = [text.partition(" = ")[0].split(".")[:-1] for text in texts]
    shared = []
    for parts in zip(*addresses, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared) if len(texts) > 1 else ""


def decision_texts(decided: Mapping[str, Any]) -> list[str]:
    """Decisions as `address = value`; those that differ in one position only are told as one.

    >>> decision_texts({"blocks.0.op": "conv", "blocks.1.op": "conv"})
    ['blocks.0…1.op = conv']
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for address, value in decided.items():
        parts = address.split(".")
        shape = ("#" if part.isdigit() else part for part in parts)
        groups.setdefault((*shape, value_text(value)), []).append(parts)
    texts = []
    for (*_, value), members in groups.items():
        changing = [i for i in range(len(members[0])) if len({parts[i] for parts in members}) > 1]
        if len(changing) > 1:
            texts += [f"{'.'.join(parts)} = {value}" for parts in members]
            continue
        told = list(members[0])
        if changing:
            told[changing[0]] += f"…{members[-1][changing[0]]}"
        texts.append(f"{'.'.join(told)} = {value}")
    return texts


def pruned(box: Box, most: int) -> Box:
    """The box with at most about `most` innermost boxes: the deepest are left out first, then the middle ones."""
    for depth in range(box.depth, 1, -1):
        cut = _cut(box, depth)
        if cut.leaves <= most:
            return cut
    cut = _cut(box, 2)
    keep = max(1, most // 2)
    left_out = cut.children[keep:-keep]
    gap = Box("…", f"{len(left_out)} more", hidden=sum(child.calls for child in left_out) - 1)
    return replace(cut, children=(*cut.children[:keep], gap, *cut.children[-keep:]), arcs=())


def _cut(box: Box, depth: int) -> Box:
    if depth <= 1 and box.children:
        return replace(
            box, children=(), arcs=(), hidden=box.hidden + sum(child.calls for child in box.children)
        )
    return replace(box, children=tuple(_cut(child, depth - 1) for child in box.children))
