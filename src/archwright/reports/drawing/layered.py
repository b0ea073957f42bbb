"""Layout of a directed acyclic graph in columns, left to right (Sugiyama et al. 1981).

Columns by longest path, long edges cut by pass-through points, order within a column by barycentres with the fewest
crossings kept, and heights by moving every vertex towards its neighbours as far as its column allows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

import numpy as np

__all__ = ["Layout", "layered"]

_COLUMN_GAP = 34.0
_ROW_GAP = 12.0
_SWEEPS = 24
_PASS_HEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes, in the unit of the sizes given.

    Args:
        centers: Vertex to the (x, y) of its centre.
        paths: Edge to the points it passes, from the right side of its start to the left side of its end.
        width: Of the whole.
        height: Of the whole.
    """

    centers: dict[str, tuple[float, float]]
    paths: dict[tuple[str, str], list[tuple[float, float]]]
    width: float
    height: float


def layered(
    sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]], late: Collection[str] = ()
) -> Layout:
    """Lay out an acyclic graph.

    Args:
        sizes: Vertex to (width, height).
        edges: Pairs (from, to) of vertices.
        late: Vertices that stand just before their successors instead of just after their predecessors.

    Raises:
        ValueError: When the edges form a cycle.
    """
    if not sizes:
        return Layout({}, {}, 0.0, 0.0)
    edges = list(dict.fromkeys(edges))
    column = _columns(list(sizes), edges, late)
    last = max(column.values())
    links: list[tuple[str, str]] = []
    passes: dict[tuple[str, str], list[str]] = {}
    heights = {vertex: size[1] for vertex, size in sizes.items()}
    for start, end in edges:
        through = [f"{start}\0{end}\0{i}" for i in range(column[start] + 1, column[end])]
        for i, name in enumerate(through):
            column[name] = column[start] + 1 + i
            heights[name] = _PASS_HEIGHT
        passes[start, end] = through
        chain = [start, *through, end]
        links += pairwise(chain)
    columns: list[list[str]] = [[] for _ in range(last + 1)]
    for vertex, i in column.items():
        columns[i].append(vertex)
    columns = _ordered(columns, links)
    y = _heights(columns, links, heights)

    widths = [max((sizes[v][0] for v in vertices if v in sizes), default=0.0) for vertices in columns]
    left = [sum(widths[:i]) + i * _COLUMN_GAP for i in range(len(widths))]
    middle = [left[i] + widths[i] / 2 for i in range(len(widths))]
    centers = {vertex: (middle[column[vertex]], y[vertex]) for vertex in sizes}
    paths = {}
    for start, end in edges:
        points = [(centers[start][0] + sizes[start][0] / 2, y[start])]
        for name in passes[start, end]:
            i = column[name]
            points += [(left[i], y[name]), (left[i] + widths[i], y[name])]
        points.append((centers[end][0] - sizes[end][0] / 2, y[end]))
        paths[start, end] = points
    bottom = max(y[v] + heights[v] / 2 for v in y)
    return Layout(centers, paths, left[-1] + widths[-1], bottom)


def _columns(vertices: list[str], edges: list[tuple[str, str]], late: Collection[str]) -> dict[str, int]:
    before: dict[str, list[str]] = {vertex: [] for vertex in vertices}
    after: dict[str, list[str]] = {vertex: [] for vertex in vertices}
    for start, end in edges:
        after[start].append(end)
        before[end].append(start)
    column: dict[str, int] = {}
    order = list(TopologicalSorter(before).static_order())
    for vertex in order:
        column[vertex] = max((column[v] + 1 for v in before[vertex]), default=0)
    for vertex in reversed(order):
        if vertex in late and after[vertex]:
            column[vertex] = min(column[v] for v in after[vertex]) - 1
    return column


def _ordered(columns: list[list[str]], links: list[tuple[str, str]]) -> list[list[str]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in links:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    best, fewest = [list(c) for c in columns], _crossings(columns, after)
    current = [list(c) for c in columns]
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for i in range(1, len(current)) if forward else range(len(current) - 2, -1, -1):
            place = {v: k for k, v in enumerate(current[i - 1 if forward else i + 1])}
            keys = {}
            for k, vertex in enumerate(current[i]):
                near = [place[v] for v in neighbours.get(vertex, ())]
                keys[vertex] = sum(near) / len(near) if near else float(k)
            current[i].sort(key=keys.__getitem__)
        crossings = _crossings(current, after)
        if crossings < fewest:
            best, fewest = [list(c) for c in current], crossings
    return best


def _crossings(columns: list[list[str]], after: dict[str, list[str]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        place = {vertex: k for k, vertex in enumerate(right)}
        ends = [sorted(place[v] for v in after.get(vertex, ())) for vertex in left]
        for i, upper in enumerate(ends):
            total += sum(a > b for lower in ends[i + 1 :] for a in upper for b in lower)
    return total


def _heights(
    columns: list[list[str]], links: list[tuple[str, str]], heights: dict[str, float]
) -> dict[str, float]:
    near: dict[str, list[str]] = {}
    for start, end in links:
        near.setdefault(start, []).append(end)
        near.setdefault(end, []).append(start)
    tallest = max(_stack_height(c, heights) for c in columns)
    y: dict[str, float] = {}
    for vertices in columns:
        top = (tallest - _stack_height(vertices, heights)) / 2
        for vertex in vertices:
            y[vertex] = top + heights[vertex] / 2
            top += heights[vertex] + _ROW_GAP
    for sweep in range(_SWEEPS):
        for vertices in columns if sweep % 2 == 0 else reversed(columns):
            wanted = [sum(y[v] for v in near[u]) / len(near[u]) if near.get(u) else y[u] for u in vertices]
            _settle(vertices, wanted, heights, y)
    highest = min(y[v] - heights[v] / 2 for v in y)
    return {vertex: value - highest for vertex, value in y.items()}


def _settle(vertices: list[str], wanted: list[float], heights: dict[str, float], y: dict[str, float]) -> None:
    """Put each vertex where it is wanted, or as near as order and gaps allow (least squares)."""
    from scipy.optimize import isotonic_regression

    gaps = [(heights[a] + heights[b]) / 2 + _ROW_GAP for a, b in pairwise(vertices)]
    offsets = np.cumsum([0.0, *gaps])
    y.update(zip(vertices, (isotonic_regression(wanted - offsets).x + offsets).tolist(), strict=True))


def _stack_height(vertices: list[str], heights: dict[str, float]) -> float:
    return sum(heights[v] for v in vertices) + _ROW_GAP * (len(vertices) - 1)
