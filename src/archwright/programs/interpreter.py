"""The 65 operations in NumPy: the plain form, which the compiled one is compared with and replaced by.

Semantics are those of the reference implementation (Real et al. 2020, arXiv:2003.03384): IEEE float64 without guards,
so that x/0 is infinite and log(-1) is NaN. heaviside(0) is 1 for scalars, 0 for vectors and matrices. A standard
deviation is sqrt(mean(x^2) - mean(x)^2), which rounding can make NaN. The minimum of scalars and vectors is `b if b <
a else a`, of matrices `a if a < b else b`, the maximum alike, which says what becomes of NaN. An element's index is
the whole part of F times a share, in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.programs.compiling import quiet
from archwright.programs.operations import OPERATIONS
from archwright.programs.random_numbers import gaussian_at, mixed, uniform_at

__all__ = ["compute", "execute"]

Floats = NDArray[np.float64]


def _mean(x: Floats, axis: Any) -> Floats:
    return np.asarray(x.sum(axis=axis) / np.prod([x.shape[i] for i in np.atleast_1d(axis)]))


def _std(x: Floats, axis: Any) -> Any:
    return np.sqrt(_mean(x * x, axis) - _mean(x, axis) ** 2)


def _norm(x: Floats, axis: Any) -> Any:
    return np.sqrt((x * x).sum(axis=axis))


_ELEMENTWISE: dict[int, Callable[..., Any]] = {
    **dict.fromkeys((1, 23, 39), np.add),
    **dict.fromkeys((2, 24, 40), np.subtract),
    **dict.fromkeys((3, 18, 25, 29, 41), np.multiply),
    **dict.fromkeys((4, 26, 42), np.divide),
    **dict.fromkeys((5, 22, 38), np.abs),
    **dict.fromkeys((6, 20, 30), np.reciprocal),
    **dict(enumerate((np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.exp, np.log), 7)),
    15: lambda x: np.where(x >= 0.0, 1.0, 0.0),
    **dict.fromkeys((16, 17), lambda x: np.where(x > 0.0, 1.0, 0.0)),
    **dict.fromkeys((44, 45), lambda x, y: np.where(y < x, y, x)),
    **dict.fromkeys((47, 48), lambda x, y: np.where(x < y, y, x)),
    46: lambda x, y: np.where(x < y, x, y),
    49: lambda x, y: np.where(x > y, x, y),
}
# Scalars have the shape (T,), vectors (F, T), matrices (F, F, T).
_OTHERS: dict[int, Callable[..., Any]] = {
    19: lambda s, v: np.broadcast_to(s, v.shape),
    21: lambda v: _norm(v, 0),
    27: lambda x, y: (x * y).sum(axis=0),
    28: lambda x, y: x[:, None] * y[None],
    31: lambda m, v: (m * v[None]).sum(axis=1),
    32: lambda v: np.broadcast_to(v[:, None], (len(v), *v.shape)),
    33: lambda v: np.broadcast_to(v[None], (len(v), *v.shape)),
    34: lambda m: _norm(m, (0, 1)),
    35: lambda m: _norm(m, 0),
    36: lambda m: _norm(m, 1),
    37: lambda m: m.transpose(1, 0, 2),
    43: lambda x, y: sum(x[:, j, None] * y[None, j] for j in range(len(x))),
    50: lambda v: _mean(v, 0),
    51: lambda m: _mean(m, (0, 1)),
    52: lambda m: _mean(m, 1),
    53: lambda m: _std(m, 1),
    54: lambda v: _std(v, 0),
    55: lambda m: _std(m, (0, 1)),
}


def compute(
    op: int, inputs: tuple[Floats, ...], old: Floats, constants: Any, draw: Callable[[], Floats]
) -> Any:
    """What an operation writes.

    Args:
        op: Number of the operation.
        inputs: What it reads, of shape (T,), (F, T) or (F, F, T).
        old: What stands where it writes; gives the shape.
        constants: Its constants.
        draw: Draws what random operations write.
    """
    if op in _ELEMENTWISE:
        return _ELEMENTWISE[op](*inputs)
    if op == 19:
        return _OTHERS[op](*inputs, old)
    if op in _OTHERS:
        return _OTHERS[op](*inputs)
    if op == 56:
        return np.full_like(old, constants[0])
    if op in (57, 58):
        size = np.float32(len(old))
        changed = old.copy()
        places = tuple(int(size * np.float32(share)) for share in constants[: op - 56])
        changed[places] = constants[op - 56]
        return changed
    return draw()


def execute(
    op: int,
    a: int,
    b: int,
    o: int,
    data: Any,
    k: int,
    mem: Floats,
    keys: Any,
    step: int,
    lanes: Any,
    feats: Any,
) -> None:
    """Run one instruction. For the arguments see `archwright.programs.kernels.execute`."""
    if op == 0:
        return
    operation, size = OPERATIONS[op], len(feats)
    shapes = {"s": (), "v": (size,), "m": (size, size)}

    def seen(kind: str, row: int) -> Floats:
        shape = shapes[kind]
        return mem[row : row + int(np.prod(shape, dtype=int))].reshape(*shape, len(lanes))

    old = seen(operation.output, o)

    def draw() -> Floats:
        at = uniform_at if op <= 61 else gaussian_at
        with quiet():
            # What compiled code returns are Python's numbers, which must not be taken for signed ones.
            streams = [np.uint64(mixed(key ^ np.uint64(mixed(np.uint64(step))))) for key in keys]
            drawn = [[at(stream, i) for stream in streams] for i in range(old.size // len(lanes))]
        low, second = data[k, 0], data[k, 1]
        spread = second - low if op <= 61 else second
        made: Floats = low + spread * np.array(drawn).reshape(old.shape)
        return made

    inputs = tuple(seen(kind, row) for kind, row in zip(operation.inputs, (a, b), strict=False))
    with quiet():
        old[...] = compute(op, inputs, old, data[k], draw)
