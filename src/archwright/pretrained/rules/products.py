"""What products of activations say: matrices, attention, sums in Einstein's notation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from archwright.pretrained.dimensions import FOREIGN, Dim
from archwright.pretrained.rules.call import MEETS, Call, Dims, unknown

__all__ = ["PRODUCTS"]


def batch_of(call: Call, parts: Sequence[Dims], shapes: Sequence[Sequence[int]], inner: int) -> Dims:
    """The dimensions before the last `inner` ones, each tied where it is not broadcast."""
    rank = max(map(len, parts))
    made: Dims = []
    for back in range(rank, inner, -1):
        held = [
            (part[-back], shape[-back])
            for part, shape in zip(parts, shapes, strict=True)
            if len(part) >= back
        ]
        long = [one for one, size in held if size != 1] or [one for one, _ in held]
        call.atoms.fix(
            [one for one, size in held if size == 1 and all(one is not kept for kept in long)],
            "it is broadcast",
        )
        made.append(call.atoms.tie(*long, why=MEETS))
    return made


def _matmul(call: Call) -> Dims:
    one, other = call.args[-2:]
    if len(one) < 2 or len(other) < 2:
        made: Dims = unknown(call)
        return made
    shapes = [shape for shape in call.shapes[-2:] if shape is not None]
    call.atoms.contract(one[-1], other[-2], MEETS)
    return [*batch_of(call, [one, other], shapes, 2), Dim(one[-2].labels), Dim(other[-1].labels)]


def _addmm(call: Call) -> Dims:
    made = _matmul(call)
    bias = call.args[0]
    return [*made[:-1], call.atoms.tie(made[-1], bias[-1], why=call.why)]


def _attention(call: Call) -> Dims:
    """Scaled products of queries and keys weigh the values; heads are a dimension of the batch."""
    query, key, value = call.args[:3]
    mask = call.get(3)
    atoms, shapes = call.atoms, [shape for shape in call.shapes if shape is not None]
    parts = [query, key, value, *([mask] if isinstance(mask, list) and mask else [])]
    made = batch_of(call, parts, shapes[: len(parts)], 2)
    atoms.contract(query[-1], key[-1], call.why)
    atoms.fix(
        [query[-2], key[-2], value[-2], *(parts[3][-2:] if len(parts) > 3 else [])], "attention goes over it"
    )
    return [*made, FOREIGN, Dim(value[-1].labels)]


def _einsum(call: Call) -> Dims:
    parts, equation = call.args[1], str(call.raw[0]).replace(" ", "")
    taken, arrow, given = equation.partition("->")
    letters = taken.split(",")
    if not arrow or "." in equation or any(len(set(word)) < len(word) for word in letters):
        made: Dims = unknown(call)
        return made
    at: dict[str, list[Dim]] = defaultdict(list)
    for word, dims in zip(letters, parts, strict=True):
        for letter, dim in zip(word, dims, strict=True):
            at[letter].append(dim)
    for letter, dims in at.items():
        call.atoms.tie(*dims, why=MEETS)
        if letter not in given:
            call.atoms.consumers.update(dim.origin for dim in dims if dim.origin)
    return [Dim(at[letter][0].labels) for letter in given]


PRODUCTS = {
    **dict.fromkeys(("matmul", "mm", "bmm"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    "scaled_dot_product_attention": _attention,
    "einsum": _einsum,
}
