"""What calls that compute nothing or one element at a time say: views, permutations, joins, cuts, reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archwright.pretrained.dimensions import FOREIGN, Dim
from archwright.pretrained.rules.call import MEETS, Call, Dims, Rule, copied, unknown
from archwright.pretrained.shapes import regroup

__all__ = ["ARRANGEMENT", "pointwise"]


def pointwise(call: Call) -> Dims:
    """Element by element, with broadcasting: equal places are tied."""
    shapes = call.out
    made: Dims = []
    for back in range(len(shapes), 0, -1):
        meeting = [dims[-back] for dims in call.tensors() if len(dims) >= back]
        sizes = [shape[-back] for shape in call.shapes if shape is not None and len(shape) >= back]
        long = [one for one, size in zip(meeting, sizes, strict=True) if size != 1 or shapes[-back] == 1]
        call.atoms.fix([one for one in meeting if not any(one is kept for kept in long)], "it is broadcast")
        made.append(call.atoms.tie(*long, why=MEETS))
    return made


def _same(call: Call) -> Dims:
    return list(call.args[0])


def _fresh(call: Call) -> Dims:
    """A new tensor of which the size is said."""
    return [FOREIGN] * len(call.out)


# Windows over places


def _pool(rank: int) -> Rule:
    def rule(call: Call) -> Any:
        x = call.args[0]
        made = [*copied(x[:-rank]), *call.over(x[-rank:])]
        return [made, list(made)] if call.out and not isinstance(call.out[0], int) else made

    return rule


def _pad(call: Call) -> Dims:
    x, amounts = list(call.args[0]), call.raw[1]
    for back in range(len(amounts) // 2):
        if any(amounts[2 * back : 2 * back + 2]):
            call.atoms.fix([x[-1 - back]], "it is padded")
            x[-1 - back] = FOREIGN
    return x


def _pixel_shuffle(call: Call) -> Dims:
    """Each channel of the output is made of factor² channels of the input, which go together."""
    x, factor = call.args[0], call.raw[1]
    made, labels = FOREIGN, x[-3].labels
    if labels is not None:
        rows = labels.reshape(-1, factor * factor).T
        call.atoms.tie_rows(rows)
        made = Dim(rows[0])
    return [*copied(x[:-3]), made, *call.over(x[-2:])]


def _pixel_unshuffle(call: Call) -> Dims:
    x, factor = call.args[0], call.raw[1]
    labels = x[-3].labels
    made = FOREIGN if labels is None else Dim(np.repeat(labels, factor * factor))
    return [*copied(x[:-3]), made, *call.over(x[-2:])]


# Over one dimension


def _axes(wanted: Any, rank: int) -> set[int] | None:
    """The dimensions that are meant; None where all are."""
    if isinstance(wanted, bool) or not isinstance(wanted, int | list | tuple) or wanted == []:
        return None
    return {one % rank for one in ([wanted] if isinstance(wanted, int) else wanted)}


def _reduce(mixes: bool, at: int = 1) -> Rule:
    """A reduction; one that mixes is a mean or a norm, which dropped channels change but do not break.

    Args:
        mixes: Whether it is one.
        at: The argument that says over which dimensions.
    """

    def rule(call: Call) -> Any:
        x = call.args[0]
        axes = _axes(call.number(at), len(x))
        if axes is None:
            return unknown(call)
        for one in axes:
            (call.atoms.mix if mixes else lambda dim: call.over([dim]))(x[one])
        parts = call.out if call.out and not isinstance(call.out[0], int) else [call.out]
        keep = len(parts[0]) == len(x)
        made = [Dim(None if i in axes else one.labels) for i, one in enumerate(x) if keep or i not in axes]
        return [list(made) for _ in parts] if parts is call.out else made

    return rule


def _along(call: Call) -> Dims:
    """What goes along dimensions and keeps the shape: softmax, cumulative sums, a roll, a flip."""
    x = call.args[0]
    axes = _axes(call.raw[-1 if call.name == "roll" else 1], len(x))
    if axes is None:
        made: Dims = unknown(call)
        return made
    call.over([x[one] for one in axes])
    return [Dim(None if i in axes else one.labels) for i, one in enumerate(x)]


# Shapes


def _view(call: Call) -> Dims:
    return regroup(call.atoms, call.args[0], call.shapes[0] or [], call.out, heads=call.heads)


def _permute(call: Call) -> Dims:
    return [call.args[0][one] for one in call.raw[1]]


def _transpose(call: Call) -> Dims:
    x = list(call.args[0])
    one, other = (call.raw[1], call.raw[2]) if len(call.raw) > 2 else (0, len(x) - 1)
    x[one], x[other] = x[other], x[one]
    return x


def _move(call: Call) -> Dims:
    x = list(call.args[0])
    taken, given = ([one] if isinstance(one, int) else list(one) for one in call.raw[1:3])
    to = {there % len(x): x[here % len(x)] for here, there in zip(taken, given, strict=True)}
    rest = iter([one for i, one in enumerate(x) if i not in {here % len(x) for here in taken}])
    return [to[i] if i in to else next(rest) for i in range(len(x))]


def _expand(call: Call) -> Dims:
    x, shape = call.args[0], call.shapes[0] or []
    new = len(call.out) - len(x)
    grown = [size != wide for size, wide in zip(shape, call.out[new:], strict=True)]
    call.atoms.fix([one for one, grows in zip(x, grown, strict=True) if grows], "it is broadcast")
    return [*[FOREIGN] * new, *(FOREIGN if grows else one for one, grows in zip(x, grown, strict=True))]


def _repeat(call: Call) -> Dims:
    """Whole repetitions, one behind another: each channel is in all of them."""
    x, times = call.args[0], call.raw[1]
    new = len(times) - len(x)
    return [
        *[FOREIGN] * new,
        *(
            one if one.labels is None or n == 1 else Dim(np.tile(one.labels, n))
            for one, n in zip(x, times[new:], strict=True)
        ),
    ]


def _repeat_each(call: Call) -> Dims:
    x, times, axis = list(call.args[0]), call.raw[1], call.number(2)
    if not isinstance(times, int) or not isinstance(axis, int):
        made: Dims = unknown(call)
        return made
    labels = x[axis].labels
    x[axis] = FOREIGN if labels is None else Dim(np.repeat(labels, times))
    return x


# Joins and cuts


def _cat(call: Call) -> Dims:
    parts = call.args[0]
    axis = call.raw[1] % len(parts[0]) if len(call.raw) > 1 else 0
    made = [
        call.atoms.tie(*(part[i] for part in parts), why=call.why) for i in range(len(parts[0])) if i != axis
    ]
    joined = [part[axis] for part in parts]
    if all(one.labels is None for one in joined):
        made.insert(axis, FOREIGN)
        return made
    sizes = [shape[axis] for shape in call.shapes if shape is not None]
    labels = [
        call.atoms.new(size) if one.labels is None else one.labels
        for one, size in zip(joined, sizes, strict=True)
    ]
    for one, fresh in zip(joined, labels, strict=True):
        if one.labels is None:
            call.atoms.fix([Dim(fresh)], "it comes from the network's input")
    made.insert(axis, Dim(np.concatenate(labels)))
    return made


def _stack(call: Call) -> Dims:
    parts, axis = call.args[0], call.number(1, 0) % len(call.out)
    made = [call.atoms.tie(*dims, why=MEETS) for dims in zip(*parts, strict=True)]
    return [*made[:axis], FOREIGN, *made[axis:]]


def _unbind(call: Call) -> list[Dims]:
    x = call.args[0]
    axis = call.number(1, 0) % len(x)
    call.over([x[axis]])
    return [[*x[:axis], *x[axis + 1 :]] for _ in call.out]


def _chunk(call: Call) -> list[Dims]:
    x = call.args[0]
    axis = (call.raw[2] if len(call.raw) > 2 else 0) % len(x)
    sizes = [shape[axis] for shape in call.out]
    whole = x[axis].labels
    if whole is None:
        return [list(x) for _ in sizes]
    parts = np.split(whole, np.cumsum(sizes)[:-1])
    if call.name != "split_with_sizes":
        if len(set(sizes)) > 1:
            call.atoms.fix([x[axis]], f"{call.name} cuts it in unequal parts")
        else:
            call.atoms.tie_rows(np.stack(parts))
    return [[*x[:axis], Dim(part), *x[axis + 1 :]] for part in parts]


def _slice(call: Call) -> Dims:
    x = list(call.args[0])
    axis, start, end, step = (call.raw + [0, None, None, 1][len(call.raw) - 1 :])[1:5]
    labels = x[axis % len(x)].labels
    if labels is not None:
        x[axis % len(x)] = Dim(labels[slice(start, end, step)])
    return x


def _select(call: Call) -> Dims:
    x, axis = call.args[0], call.raw[1] % len(call.args[0])
    call.atoms.fix([x[axis]], "one index of it is picked")
    return [*x[:axis], *x[axis + 1 :]]


def _index_select(call: Call) -> Dims:
    x, axis = list(call.args[0]), call.raw[1] % len(call.args[0])
    call.atoms.fix([x[axis]], "indices of it are picked")
    x[axis] = FOREIGN
    return x


def _index(call: Call) -> Dims:
    """Picks by tensors of indices, in dimensions beside each other; the others come along."""
    x, picked = call.args[0], list(call.raw[1])
    axes = [i for i, one in enumerate(picked) if one is not None]
    if axes != list(range(axes[0], axes[-1] + 1)):
        made: Dims = unknown(call)
        return made
    call.atoms.fix([x[i] for i in axes], "indices of it are picked")
    return [*x[: axes[0]], *[FOREIGN] * (len(call.out) - len(x) + len(axes)), *x[axes[-1] + 1 :]]


def _glu(call: Call) -> Dims:
    x = list(call.args[0])
    axis = call.number(1, -1) % len(x)
    labels = x[axis].labels
    if labels is not None:
        call.atoms.tie_rows(labels.reshape(2, -1))
        x[axis] = Dim(labels[: len(labels) // 2])
    return x


def _named(rules: dict[Sequence[str] | str, Rule]) -> dict[str, Rule]:
    return {
        name: rule for names, rule in rules.items() for name in ([names] if isinstance(names, str) else names)
    }


_SCALED = {
    1: ("linear1d", "nearest1d"),
    2: ("bilinear2d", "bicubic2d", "nearest2d"),
    3: ("trilinear3d", "nearest3d"),
}

# fmt: off
_SAME = (
    "dropout", "feature_dropout", "alpha_dropout", "contiguous", "clone", "detach", "alias", "to", "_to_copy",
    "type_as", "zeros_like", "ones_like", "full_like",
)
# fmt: on

ARRANGEMENT: dict[str, Rule] = _named(
    {
        ("hardswish", "log_sigmoid", "fill"): pointwise,
        **dict.fromkeys(_SAME, _same),
        ("new_zeros", "new_ones", "new_empty", "new_full"): _fresh,
        **{
            f"{kind}_pool{rank}d": _pool(rank)
            for kind in ("avg", "max", "adaptive_avg", "adaptive_max", "lp")
            for rank in (1, 2, 3)
        },
        **{
            f"upsample_{kind}": _pool(rank)
            for rank, kinds in _SCALED.items()
            for kind in (
                *kinds,
                *(one.replace("nearest", "_nearest_exact") for one in kinds if "nearest" in one),
            )
        },
        ("pad", "constant_pad_nd", "reflection_pad2d", "replication_pad2d"): _pad,
        "pixel_shuffle": _pixel_shuffle,
        "pixel_unshuffle": _pixel_unshuffle,
        ("mean", "sum", "var", "std", "var_mean", "std_mean"): _reduce(mixes=True),
        "linalg_vector_norm": _reduce(mixes=True, at=2),
        ("amax", "amin", "argmax", "argmin", "prod", "logsumexp"): _reduce(mixes=False),
        ("softmax", "log_softmax", "cumsum", "flip", "roll"): _along,
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"): _view,
        "permute": _permute,
        ("transpose", "t", "numpy_T", "swapaxes", "swapdims"): _transpose,
        ("movedim", "moveaxis"): _move,
        ("expand", "expand_as", "broadcast_to"): _expand,
        ("repeat", "tile"): _repeat,
        "repeat_interleave": _repeat_each,
        ("cat", "concat", "concatenate"): _cat,
        "stack": _stack,
        "unbind": _unbind,
        ("chunk", "split", "split_with_sizes", "tensor_split"): _chunk,
        "slice": _slice,
        "select": _select,
        "index_select": _index_select,
        "index": _index,
        "glu": _glu,
    }
)
