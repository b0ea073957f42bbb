"""What surrogates read of networks beside their decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.graf import GRAF
from archwright.surrogates.graph_counts import GraphCounts

__all__ = ["Columns", "JoinedColumns", "ProxyReader", "more_columns", "named_columns"]


class Columns(Protocol):
    """Numbers of networks that are no decisions: what graphs are made of, GRAF, proxies' scores.

    Two random networks are to be at a mean squared distance of about 1 in each group.
    """

    @property
    def groups(self) -> Sequence[tuple[str, int]]:
        """Name and number of columns of those that belong together."""

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns)."""


ProxyReader = Callable[[Sequence[str]], Columns]
"""From names of zero-cost proxies to their scores as columns."""

_SAMPLE = 20
_GRAPHS: dict[str, Callable[[Space], Columns]] = {"graf": GRAF, "graph": GraphCounts}


class JoinedColumns:
    """Several kinds of columns, one after the other.

    Args:
        parts: At least one.

    Attributes:
        groups: Those of all parts.
        is_cheap: Whether all are read off graphs, in a fraction of a millisecond or more for each network.
    """

    def __init__(self, parts: Sequence[Columns]) -> None:
        self.parts = tuple(parts)
        self.groups = tuple(group for part in self.parts for group in part.groups)
        self.is_cheap = all(isinstance(part, GRAF | GraphCounts) for part in self.parts)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns)."""
        return np.hstack([part(architectures) for part in self.parts])


def named_columns(
    space: Space, columns: str | Columns | None, proxies: ProxyReader | None = None
) -> JoinedColumns | None:
    """Columns by their names. What they find out of a network is remembered, so make them once for a search.

    Args:
        space: The space.
        columns: Separated by commas: "graf", see `GRAF`; "graph", see `GraphCounts`; names of zero-cost proxies. Or
            columns of one's own. Nothing makes none.
        proxies: Reads the proxies, where there is a task for them.

    Raises:
        UsageError: When a proxy is unknown or there is no task, or all networks of the space are alike in what is read.
    """
    if not columns:
        return None
    if not isinstance(columns, str):
        return JoinedColumns([columns])
    names = list(dict.fromkeys(filter(None, (name.strip() for name in columns.split(",")))))
    parts = {name: _GRAPHS[name](space) for name in names if name in _GRAPHS}
    if scored := [name for name in names if name not in _GRAPHS]:
        if proxies is None:
            raise UsageError(
                f"columns {', '.join(scored)}: only a search with a task reads proxies, and here is none; expected "
                f"some of {', '.join(_GRAPHS)}, or in Python ProxyColumns(ZeroCost(space, task, {scored}))"
            )
        parts[", ".join(scored)] = proxies(scored)
    random = Random(0)
    few = [space.sample(random) for _ in range(_SAMPLE)] if parts else []
    for name, part in parts.items():
        if not np.ptp(part(few), axis=0).any():
            raise UsageError(
                f"columns {name}: the networks of the space {space.name or 'unnamed'!r} are all alike in it, as those "
                "that are no graph of different calls are; leave it out"
            )
    return JoinedColumns(list(parts.values())) if parts else None


def more_columns(
    space: Space, graph: bool = False, graf: bool = False, columns: Columns | None = None
) -> list[Columns]:
    """What is read beside the decisions.

    Args:
        space: The space.
        graph: What graphs are made of, see `GraphCounts`.
        graf: Counts, path lengths and degrees, see `GRAF`.
        columns: Others.
    """
    chosen: list[Columns | None] = [
        GraphCounts(space) if graph else None,
        GRAF(space) if graf else None,
        columns,
    ]
    return [one for one in chosen if one is not None]
