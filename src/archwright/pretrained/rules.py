"""What each operation of the traced graph says about the dimensions of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from archwright.pretrained.dimensions import FOREIGN, Atoms, Dim
from archwright.pretrained.shapes import regroup

__all__ = ["Call", "rule_of", "unknown"]

Dims: TypeAlias = list[Dim]
_MEETS = "it meets a dimension that no parameter gives, such as one of the input"

Rule: TypeAlias = "Callable[[Call], Any]"


@dataclass
class Call:
    """One call of the graph: `args` holds the `Dims` of a tensor, or None and plain values, where the call has them."""

    atoms: Atoms
    name: str
    args: list[Any]
    raw: list[Any]
    shapes: list[Sequence[int] | None]
    """The shape of each argument that is a tensor."""
    out: Any
    """The shape of the result, or the shapes of its parts."""

    @property
    def why(self) -> str:
        """The reason for which this call fixes something."""
        return f"{self.name} does not follow it"

    def get(self, index: int, default: Any = None) -> Any:
        """The argument at this place."""
        return self.args[index] if index < len(self.args) else default

    def tensors(self) -> list[Dims]:
        """The dimensions of all arguments that are tensors."""
        flat: list[Dims] = []
        for one in self.args:
            if _is_dims(one):
                flat.append(one)
            elif isinstance(one, list):
                flat += [part for part in one if _is_dims(part)]
        return flat


def _is_dims(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Dim) for one in value)


def _copied(dims: Dims) -> Dims:
    return [Dim(one.labels) for one in dims]


def pointwise(call: Call) -> Dims:
    """Element by element, with broadcasting: equal places are tied."""
    shapes = call.out
    made: Dims = []
    for back in range(len(shapes), 0, -1):
        meeting = [dims[-back] for dims in call.tensors() if len(dims) >= back]
        long = [
            one
            for one, size in zip(meeting, _sizes(call, back), strict=True)
            if size != 1 or shapes[-back] == 1
        ]
        call.atoms.fix([one for one in meeting if not any(one is kept for kept in long)], "it is broadcast")
        made.append(call.atoms.tie(*long, why=_MEETS))
    return made


def _sizes(call: Call, back: int) -> list[int]:
    return [shape[-back] for shape in call.shapes if shape is not None and len(shape) >= back]


def _convolve(call: Call) -> Dims:
    return _convolution(call, call.get(6, 1))


def _convolution(call: Call, groups: int) -> Dims:
    x, weight, bias = call.args[0], call.args[1], call.get(2)
    atoms, width = call.atoms, len(weight[0].labels)
    atoms.fix(weight[2:], "it is the kernel's size")
    channel = -(len(weight) - 1)
    if groups == 1:
        atoms.contract(x[channel], weight[1], _MEETS)
    elif len(weight[1].labels) == 1:  # a filter or several for each channel, and as many groups as channels
        atoms.fix([weight[1]], "each filter sees one channel")
        each = width // groups
        if x[channel].labels is None:
            atoms.fix([weight[0]], _MEETS)
        else:
            atoms.tie_rows(np.stack([np.repeat(x[channel].labels, each), weight[0].labels]))
            atoms.tie_rows(weight[0].labels.reshape(groups, each).T)
    else:  # every group of filters shrinks alike, so that the number of groups stays
        inside = x[channel].labels
        if inside is not None:
            atoms.tie_rows(inside.reshape(groups, -1))
        atoms.tie_rows(weight[0].labels.reshape(groups, -1))
        part = FOREIGN if inside is None else Dim(inside.reshape(groups, -1)[0])
        atoms.contract(part, weight[1], _MEETS)
    made = atoms.tie(weight[0], *([bias[0]] if bias else []), why=call.why)
    return [*_copied(x[: len(x) + channel]), made, *_spatial(call, x[len(x) + channel + 1 :])]


def _spatial(call: Call, dims: Dims) -> Dims:
    call.atoms.fix(dims, f"{call.name} goes over it")
    return [FOREIGN] * len(dims)


def _convolve_back(call: Call) -> Dims:
    x, weight, bias = call.args[0], call.args[1], call.get(2)
    if call.get(6, 1) != 1:
        return _unknown(call)
    call.atoms.fix(weight[2:], "it is the kernel's size")
    channel = -(len(weight) - 1)
    call.atoms.contract(x[channel], weight[0], _MEETS)
    made = call.atoms.tie(weight[1], *([bias[0]] if bias else []), why=call.why)
    return [*_copied(x[: len(x) + channel]), made, *_spatial(call, x[len(x) + channel + 1 :])]


def _linear(call: Call) -> Dims:
    x, weight, bias = call.args[0], call.args[1], call.get(2)
    call.atoms.contract(x[-1], weight[1], _MEETS)
    made = call.atoms.tie(weight[0], *([bias[0]] if bias else []), why=call.why)
    return [*_copied(x[:-1]), made]


def _matmul(call: Call) -> Dims:
    one, other = call.args[-2:]
    if len(one) < 2 or len(other) < 2:
        return _unknown(call)
    call.atoms.contract(one[-1], other[-2], _MEETS)
    made = [Dim(one[-2].labels), Dim(other[-1].labels)]
    call.atoms.fix([*one[:-2], *other[:-2]], f"{call.name} goes over it in parts")
    return [FOREIGN] * (len(call.out) - 2) + made


def _addmm(call: Call) -> Dims:
    made = _matmul(call)
    bias = call.args[0]
    return [*made[:-1], call.atoms.tie(made[-1], bias[-1], why=call.why)]


def _attention(call: Call) -> Dims:
    query, key, value = call.args[:3]
    atoms = call.atoms
    atoms.contract(query[-1], key[-1], call.why)
    atoms.fix([*query[:-1], *key[:-1], *value[:-1]], "attention goes over it in parts")
    return [*[FOREIGN] * (len(query) - 1), Dim(value[-1].labels)]


def _batch_norm(call: Call) -> Dims:
    x = call.args[0]
    vectors = [one[0] for one in call.args[1:5] if one]
    return [Dim(x[0].labels), call.atoms.tie(x[1], *vectors, why=_MEETS), *x[2:]]


def _layer_norm(call: Call) -> Dims:
    x, shape, vectors = call.args[0], call.raw[1], [one for one in (call.get(2), call.get(3)) if one]
    if len(shape) > 1:
        return _unknown(call)
    made = call.atoms.tie(x[-1], *(one[0] for one in vectors), why=_MEETS)
    if made.labels is not None:
        call.atoms.normalised.update(int(one) for one in made.labels)
    return [*_copied(x[:-1]), made]


def _group_norm(call: Call) -> Dims:
    x, groups = call.args[0], call.raw[1]
    vectors = [one[0] for one in (call.get(2), call.get(3)) if one]
    made = call.atoms.tie(x[1], *vectors, why=_MEETS)
    if made.labels is not None:
        call.atoms.tie_rows(made.labels.reshape(groups, -1))
        call.atoms.normalised.update(int(one) for one in made.labels)
    return [Dim(x[0].labels), made, *x[2:]]


def _embedding(call: Call) -> Dims:
    weight, index = call.args[:2]
    call.atoms.fix([weight[0]], "it is the vocabulary")
    return [*[FOREIGN] * len(index), Dim(weight[1].labels)]


def _pool(rank: int) -> Rule:
    def rule(call: Call) -> Dims:
        x = call.args[0]
        return [*_copied(x[:-rank]), *_spatial(call, x[-rank:])]

    return rule


def _reduce(call: Call) -> Dims:
    x, wanted = call.args[0], call.raw[1] if len(call.raw) > 1 else None
    if not isinstance(wanted, int | list | tuple) or isinstance(wanted, bool) or wanted == []:
        return _unknown(call)
    axes = {one % len(x) for one in ([wanted] if isinstance(wanted, int) else wanted)}
    call.atoms.fix([x[one] for one in axes], f"{call.name} reduces over it")
    keep = len(call.out) == len(x)
    return [Dim(None if i in axes else one.labels) for i, one in enumerate(x) if keep or i not in axes]


def _along(call: Call) -> Dims:
    x = call.args[0]
    axis = call.raw[1] % len(x)
    call.atoms.fix([x[axis]], f"{call.name} goes over it")
    return [Dim(None if i == axis else one.labels) for i, one in enumerate(x)]


def _view(call: Call) -> Dims:
    return regroup(call.atoms, call.args[0], call.shapes[0] or [], call.out)


def _permute(call: Call) -> Dims:
    return [call.args[0][one] for one in call.raw[1]]


def _transpose(call: Call) -> Dims:
    x = list(call.args[0])
    one, other = (call.raw[1], call.raw[2]) if len(call.raw) > 2 else (0, len(x) - 1)
    x[one], x[other] = x[other], x[one]
    return x


def _same(call: Call) -> Dims:
    return list(call.args[0])


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


def _chunk(call: Call) -> list[Dims]:
    x = call.args[0]
    axis = (call.raw[2] if len(call.raw) > 2 else 0) % len(x)
    sizes = [shape[axis] for shape in call.out]
    whole = x[axis].labels
    if whole is None:
        return [list(x) for _ in sizes]
    ends = np.cumsum(sizes)
    parts = np.split(whole, ends[:-1])
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


def _pad(call: Call) -> Dims:
    x, amounts = list(call.args[0]), call.raw[1]
    for back in range(len(amounts) // 2):
        if any(amounts[2 * back : 2 * back + 2]):
            call.atoms.fix([x[-1 - back]], "it is padded")
            x[-1 - back] = FOREIGN
    return x


def _select(call: Call) -> Dims:
    x, axis = call.args[0], call.raw[1] % len(call.args[0])
    call.atoms.fix([x[axis]], "one index of it is picked")
    return [*x[:axis], *x[axis + 1 :]]


def _expand(call: Call) -> Dims:
    x, shape = call.args[0], call.shapes[0] or []
    new = len(call.out) - len(x)
    grown = [size != wide for size, wide in zip(shape, call.out[new:], strict=True)]
    call.atoms.fix([one for one, grows in zip(x, grown, strict=True) if grows], "it is broadcast")
    return [*[FOREIGN] * new, *(FOREIGN if grows else one for one, grows in zip(x, grown, strict=True))]


def _glu(call: Call) -> Dims:
    x = list(call.args[0])
    axis = (call.raw[1] if len(call.raw) > 1 else -1) % len(x)
    labels = x[axis].labels
    if labels is not None:
        call.atoms.tie_rows(labels.reshape(2, -1))
        x[axis] = Dim(labels[: len(labels) // 2])
    return x


def _prelu(call: Call) -> Dims:
    x, weight = list(call.args[0]), call.args[1]
    if weight[0].labels is not None and len(weight[0].labels) == 1:
        call.atoms.fix(weight, "one slope serves all channels")
    else:
        x[1] = call.atoms.tie(x[1], weight[0], why=call.why)
    return x


def _unknown(call: Call) -> Dims:
    made: Dims = unknown(call)
    return made


def unknown(call: Call) -> Any:
    """Without a rule, everything that the operation touches stays."""
    for dims in call.tensors():
        call.atoms.fix(dims, f"no rule for {call.name}")
    if call.out and not isinstance(call.out[0], int):
        return [[FOREIGN] * len(shape) for shape in call.out]
    return [FOREIGN] * len(call.out or ())


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolve),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _convolve_back),
    "linear": _linear,
    **dict.fromkeys(("matmul", "mm", "bmm"), _matmul),
    "addmm": _addmm,
    "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("batch_norm", "instance_norm"), _batch_norm),
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
    **{f"{kind}_pool{rank}d": _pool(rank) for kind in ("avg", "max", "adaptive_avg") for rank in (1, 2, 3)},
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d"), _pool(2)),
    **dict.fromkeys(("mean", "sum", "amax", "amin"), _reduce),
    **dict.fromkeys(("softmax", "log_softmax"), _along),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"), _view),
    "permute": _permute,
    **dict.fromkeys(("transpose", "t", "numpy_T"), _transpose),
    **dict.fromkeys(
        ("dropout", "feature_dropout", "contiguous", "clone", "detach", "alias", "to", "_to_copy"), _same
    ),
    "cat": _cat,
    **dict.fromkeys(("chunk", "split", "split_with_sizes"), _chunk),
    "slice": _slice,
    **dict.fromkeys(("pad", "constant_pad_nd"), _pad),
    "select": _select,
    "expand": _expand,
    "glu": _glu,
    "prelu": _prelu,
}


def rule_of(target: Any) -> Rule:
    """The rule for an operation of ATen; one in place has that of its twin."""
    name = target._schema.name.split("::")[-1]
    if rule := _RULES.get(name) or _RULES.get(name.removesuffix("_")):
        return rule
    return pointwise if torch.Tag.pointwise in target.tags else unknown
