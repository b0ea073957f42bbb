"""What layers with weights say about the dimensions of their inputs, weights and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from archwright.pretrained.dimensions import FOREIGN, Dim
from archwright.pretrained.rules.call import MEETS, Call, Dims, copied, unknown

__all__ = ["LAYERS"]


def _convolve(call: Call) -> Dims:
    """A convolution: its input's channels are summed over, in groups where it has groups."""
    x, weight, bias, groups = call.args[0], call.args[1], call.get(2), call.number(6, 1)
    atoms, width = call.atoms, len(weight[0].labels)
    atoms.fix(weight[2:], "it is the kernel's size")
    channel = -(len(weight) - 1)
    if groups == 1:
        atoms.contract(x[channel], weight[1], MEETS)
    elif len(weight[1].labels) == 1:  # a filter or several for each channel, and as many groups as channels
        atoms.fix([weight[1]], "each filter sees one channel")
        each = width // groups
        if x[channel].labels is None:
            atoms.fix([weight[0]], MEETS)
        else:
            atoms.tie_rows(np.stack([np.repeat(x[channel].labels, each), weight[0].labels]))
            atoms.tie_rows(weight[0].labels.reshape(groups, each).T)
    else:  # every group of filters shrinks alike, so that the number of groups stays
        part = _part(call, x[channel], groups)
        atoms.tie_rows(weight[0].labels.reshape(groups, -1))
        atoms.contract(part, weight[1], MEETS)
    return _spread(call, x, channel, atoms.tie(weight[0], *([bias[0]] if bias else []), why=call.why))


def _convolve_back(call: Call) -> Dims:
    """A transposed convolution, whose weight has the input's channels first and the outputs of one group second."""
    x, weight, bias, groups = call.args[0], call.args[1], call.get(2), call.number(6, 1)
    atoms, channel = call.atoms, -(len(weight) - 1)
    atoms.fix(weight[2:], "it is the kernel's size")
    if groups > 1 and len(weight[0].labels) == groups and len(weight[1].labels) == 1:
        atoms.fix([weight[1]], "each filter sees one channel")
        made = atoms.tie(x[channel], weight[0], why=MEETS)
    else:
        atoms.contract(x[channel], weight[0], MEETS)
        atoms.tie_rows(weight[0].labels.reshape(groups, -1))
        made = Dim(np.tile(weight[1].labels, groups)) if groups > 1 else weight[1]
    return _spread(call, x, channel, atoms.tie(made, *([bias[0]] if bias else []), why=call.why))


def _part(call: Call, channels: Dim, groups: int) -> Dim:
    if channels.labels is None:
        return FOREIGN
    parts = channels.labels.reshape(groups, -1)
    call.atoms.tie_rows(parts)
    return Dim(parts[0])


def _spread(call: Call, x: Dims, channel: int, made: Dim) -> Dims:
    at = len(x) + channel
    return [*copied(x[:at]), made, *call.over(x[at + 1 :])]


def _linear(call: Call) -> Dims:
    x, weight, bias = call.args[0], call.args[1], call.get(2)
    call.atoms.contract(x[-1], weight[1], MEETS)
    made = call.atoms.tie(weight[0], *([bias[0]] if bias else []), why=call.why)
    return [*copied(x[:-1]), made]


def _batch_norm(call: Call) -> Dims:
    x = call.args[0]
    vectors = [one[0] for one in call.args[1:5] if one]
    return [Dim(x[0].labels), call.atoms.tie(x[1], *vectors, why=MEETS), *x[2:]]


def _layer_norm(call: Call) -> Dims:
    x, shape = call.args[0], call.raw[1]
    vectors = [one for one in (call.get(2), call.get(3)) if isinstance(one, list) and one]
    if len(shape) > 1:
        made: Dims = unknown(call)
        return made
    last = call.atoms.tie(x[-1], *(one[0] for one in vectors), why=MEETS)
    call.atoms.mix(last)
    return [*copied(x[:-1]), last]


def _group_norm(call: Call) -> Dims:
    x, groups = call.args[0], call.raw[1]
    vectors = [one[0] for one in (call.get(2), call.get(3)) if one]
    made = call.atoms.tie(x[1], *vectors, why=MEETS)
    if made.labels is not None:
        call.atoms.tie_rows(made.labels.reshape(groups, -1))
        call.atoms.mix(made)
    return [Dim(x[0].labels), made, *x[2:]]


def _embedding(call: Call) -> Dims:
    weight, index = call.args[:2]
    call.atoms.fix([weight[0]], "it is the vocabulary")
    return [*[FOREIGN] * len(index), Dim(weight[1].labels)]


def _prelu(call: Call) -> Dims:
    x, weight = list(call.args[0]), call.args[1]
    if weight[0].labels is not None and len(weight[0].labels) == 1:
        call.atoms.fix(weight, "one slope serves all channels")
    else:
        x[1] = call.atoms.tie(x[1], weight[0], why=call.why)
    return x


def _recur(call: Call) -> Any:
    """Layers of a recurrent network: all, in both directions, have one hidden size, and its units go together.

    A unit is a row of each gate, and a column of what reads the state.
    """
    x, states, weights = call.args[0], call.args[1], call.args[2]
    biases, layers, both = call.raw[3], call.raw[4], call.raw[7]
    atoms, ways, each = call.atoms, 2 if both else 1, 4 if biases else 2
    if not isinstance(biases, bool) or len(weights) != layers * ways * each:  # packed, or projected
        return unknown(call)
    hidden = weights[1][1]
    read = x[-1]
    for layer in range(layers):
        for way in range(ways):
            first = (layer * ways + way) * each
            atoms.contract(read, weights[first][1], MEETS)
            atoms.contract(hidden, weights[first + 1][1], call.why)
            for one in weights[first : first + each]:  # the rows of input, state and biases: gate by gate
                rows = one[0].labels.reshape(-1, len(hidden.labels))
                atoms.tie_rows(np.concatenate([hidden.labels[None], rows]))
        read = Dim(np.concatenate([hidden.labels] * ways))
    made = Dim(hidden.labels)
    for state in [states] if states and isinstance(states[0], Dim) else states:
        if state[-1].labels is not None:
            atoms.tie(state[-1], made, why=call.why)
    outputs = [[*copied(x[:-1]), read]]
    return outputs + [[FOREIGN] * (len(shape) - 1) + [made] for shape in call.out[1:]]


LAYERS = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolve),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _convolve_back),
    "linear": _linear,
    **dict.fromkeys(("batch_norm", "instance_norm"), _batch_norm),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    "group_norm": _group_norm,
    "embedding": _embedding,
    "prelu": _prelu,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recur),
}
