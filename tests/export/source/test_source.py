"""Printing whole networks."""

import ast
import collections
import functools
import itertools
import re
import runpy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import archwright as aw
from archwright.errors import BuildError, ExportError
from archwright.export import Card, export_network, print_source

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))


def build_text(text):
    """The function `build` of a printed module."""
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "build")
    return ast.get_source_segment(text, node)


def returned(text):
    return build_text(text).partition("return ")[2]


class Wrap(nn.Module):
    """Takes anything, to print every kind of argument."""

    def __init__(self, *args, activation=None, **kwargs):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.told = repr((args, kwargs))
        self.activation = activation() if isinstance(activation, type) else activation
        self.parts = nn.ModuleList(part for part in flat([args, kwargs]) if isinstance(part, nn.Module))

    def forward(self, x):
        x = self.inner(x)
        for part in self.parts:
            x = part(x)
        return x if self.activation is None else self.activation(x)


def flat(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [item for inner in value for item in flat(inner)]
    return [value]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (aw.layer(Wrap, activation=nn.ReLU), "Wrap(activation=nn.ReLU)"),
        (aw.layer(Wrap, activation=F.relu), "Wrap(activation=F.relu)"),
        (aw.layer(Wrap, activation=torch.tanh), "Wrap(activation=torch.tanh)"),
        (aw.layer(Wrap, activation=functools.partial(F.leaky_relu, negative_slope=0.3)),
         "Wrap(activation=partial(F.leaky_relu, negative_slope=0.3))"),
        (aw.layer(functools.partial(Wrap, 1, a=2), 3, b=aw.choice(4)), "Wrap(1, 3, a=2, b=4)"),
        (aw.layer(Wrap, None, True, float("inf"), -1.5, "a'b", torch.float64),
         'Wrap(None, True, float("inf"), -1.5, "a\'b", torch.float64)'),
        (aw.layer(Wrap, [1, (2, {"a": [aw.choice(3)]})]), 'Wrap([1, (2, {"a": [3]})])'),
        (aw.layer(Wrap, [aw.layer(nn.ReLU), (aw.layer(nn.Tanh),)], {"x": aw.layer(nn.Tanh)}),
         'Wrap([nn.ReLU(), (nn.Tanh(),)], {"x": nn.Tanh()})'),
        (aw.layer(Wrap, **{"class": 1, "plain": 2, "two words": aw.layer(nn.ReLU)}),
         'Wrap(plain=2, **{"class": 1, "two words": nn.ReLU()})'),
        (aw.layer(nn.Sequential, aw.layer(collections.OrderedDict, a=aw.layer(nn.Linear, 4, 4))),
         "nn.Sequential(OrderedDict(a=nn.Linear(4, 4)))"),
        (aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 4, dtype=torch.float32, device=torch.device("cpu"))),
         'nn.Sequential(nn.Linear(4, 4, dtype=torch.float32, device=torch.device("cpu")))'),
        (aw.layer(torch.nn.utils.parametrizations.weight_norm, aw.layer(nn.Linear, 4, 4)),
         "nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))"),
    ],
)  # fmt: skip
def test_arguments(layer, expected, exported):
    assert returned(exported(layer, VECTORS)) == expected


LAZY = [
    (nn.LazyLinear, (5,), {"bias": False}, (2, 3), "nn.Linear(3, 5, bias=False)"),
    (nn.LazyLinear, (), {"out_features": 5}, (2, 3), "nn.Linear(3, out_features=5)"),
    (nn.LazyConv1d, (4, 3), {"padding": 1}, (2, 3, 8), "nn.Conv1d(3, 4, 3, padding=1)"),
    (nn.LazyConv2d, (4,), {"kernel_size": (3, 1)}, (2, 3, 8, 8), "nn.Conv2d(3, 4, kernel_size=(3, 1))"),
    (nn.LazyConv3d, (4, 1), {}, (2, 3, 2, 2, 2), "nn.Conv3d(3, 4, 1)"),
    (nn.LazyConvTranspose2d, (4, 2), {"stride": 2}, (2, 3, 4, 4), "nn.ConvTranspose2d(3, 4, 2, stride=2)"),
    (nn.LazyBatchNorm1d, (), {}, (2, 3), "nn.BatchNorm1d(3)"),
    (nn.LazyBatchNorm2d, (1e-3,), {"momentum": None}, (2, 3, 4, 4), "nn.BatchNorm2d(3, 0.001, momentum=None)"),
    # The lazy form has other defaults than the sized one.
    (nn.LazyInstanceNorm2d, (), {}, (2, 3, 4, 4), "nn.InstanceNorm2d(3, affine=True, track_running_stats=True)"),
    (nn.LazyInstanceNorm1d, (), {"affine": False}, (2, 3, 4),
     "nn.InstanceNorm1d(3, affine=False, track_running_stats=True)"),
    (functools.partial(nn.LazyLinear, 5), (), {"bias": True}, (2, 3), "nn.Linear(3, 5, bias=True)"),
]  # fmt: skip


@pytest.mark.parametrize(("lazy", "args", "kwargs", "shape", "expected"), LAZY)
def test_lazy_modules_are_printed_with_their_sizes(lazy, args, kwargs, shape, expected, exported):
    text = exported(aw.layer(nn.Sequential, aw.layer(lazy, *args, **kwargs)), torch.randn(shape))
    assert returned(text) == f"nn.Sequential({expected})"


class OwnLazy(nn.modules.lazy.LazyModuleMixin, nn.Linear):
    """A lazy class of a user's own, whose sized class has another order of arguments."""

    cls_to_become = None

    def __init__(self, out):
        super().__init__(0, 0)
        self.weight = nn.UninitializedParameter()
        self.bias = nn.UninitializedParameter()
        self.out = out

    def initialize_parameters(self, x):
        if self.has_uninitialized_params():
            self.weight.materialize((self.out, x.shape[-1]))
            self.bias.materialize((self.out,))
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)


class Hidden(nn.Module):
    """Has lazy parts that no call of the space makes."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))

    def forward(self, x):
        return self.inner(x)


class HiddenLinear(nn.Sequential):
    """Has a lazy part, which is sized by an input of the default type."""

    def __init__(self):
        super().__init__(nn.LazyLinear(3))


def test_lazy_modules_inside_a_block_are_sized_by_a_run(exported):
    text = exported(aw.layer(nn.Sequential, aw.layer(Hidden), aw.layer(nn.LazyLinear, 3)), IMAGES)
    assert "network = nn.Sequential(Hidden(), nn.Linear(2, 3))" in build_text(text)
    assert "network.eval()(torch.zeros(1, *INPUT_SHAPE))" in build_text(text)
    own = exported(aw.layer(nn.Sequential, aw.layer(OwnLazy, 3)), VECTORS)
    assert "network = nn.Sequential(OwnLazy(3))" in build_text(own)


def test_tied_calls_are_made_once(exported):
    inner = aw.tied(aw.layer(nn.Linear, 4, 4))
    block = aw.tied(aw.layer(nn.Sequential, inner, aw.layer(nn.ReLU)))
    once = aw.tied(aw.layer(nn.Tanh))
    text = exported(
        aw.layer(nn.Sequential, block, inner, block, once, aw.repeat(lambda i: inner, 2)), VECTORS
    )
    assert build_text(text).splitlines()[2:] == [
        "    linear = nn.Linear(4, 4)",
        "    sequential = nn.Sequential(linear, nn.ReLU())",
        "    return nn.Sequential(sequential, linear, sequential, nn.Tanh(), linear, linear)",
    ]


def test_a_shared_part_does_not_take_a_name_of_the_module(user_module, exported):
    module = user_module("own_lower", "from torch import nn\ndef linear(n): return nn.Linear(n, n)\n")
    part = aw.tied(aw.layer(module.linear, 4))
    assert "linear_2 = linear(4)" in exported(aw.layer(nn.Sequential, part, part), VECTORS)


def test_generated_lines_fit_and_nest(exported):
    def block(i):
        return aw.layer(
            nn.Sequential,
            aw.layer(nn.Linear, 4, 4),
            aw.layer(Wrap, "a long argument " * 3, label="another long argument " * 2, activation=nn.ReLU),
        )

    text = exported(aw.layer(nn.Sequential, aw.repeat(block, 5)), VECTORS)
    assert max(map(len, build_text(text).splitlines())) <= 100
    whole = exported(aw.layer(nn.Sequential, aw.repeat(lambda i: aw.layer(nn.Linear, 4, 4), 50)), VECTORS)
    assert max(map(len, whole.splitlines())) <= 100
    assert "        nn.Sequential(\n            nn.Linear(4, 4),\n            Wrap(\n" in text


def test_decisions_are_those_of_the_architecture():
    width = aw.integer(4, 12, step=4, name="width")
    kind = aw.choice({"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)}, name="kind")
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 2 * width), kind), name="some")
    for w, k in itertools.product((4, 8, 12), ("relu", "tanh")):
        text = print_source(space, space.architecture({"width": w, "kind": k}), VECTORS)
        assert (
            returned(text)
            == f"nn.Sequential(nn.Linear(4, {2 * w}), nn.{'ReLU' if k == 'relu' else 'Tanh'}())"
        )
        assert "in the search space some" in text


def test_printing_draws_no_random_numbers_and_is_the_same_each_time():
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 4), aw.layer(Wrap)))
    torch.manual_seed(1)
    first = print_source(space, space.sample(0), VECTORS)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert print_source(space, space.sample(0), VECTORS) == first


def test_a_name_of_a_space_may_hold_anything(tmp_path, capsys):
    name = 'a "quoted\\" """name""" \\N{'
    space = aw.Space(aw.layer(nn.Linear, 4, 4), name=name)
    (tmp_path / "model.py").write_text(print_source(space, space.sample(0)))
    assert "'''name'''" in runpy.run_path(str(tmp_path / "model.py"))["__doc__"]


def run_as_script(text, tmp_path, capsys):
    (tmp_path / "model.py").write_text(text)
    runpy.run_path(str(tmp_path / "model.py"), run_name="__main__")
    return capsys.readouterr().out


def test_the_summary(tmp_path, capsys):
    convolution = aw.layer(nn.Conv2d, 3, 8, 3)
    network = aw.layer(nn.Sequential, convolution, aw.layer(nn.Flatten), aw.layer(nn.Linear, 288, 10))
    space = aw.Space(network)
    out = run_as_script(print_source(space, space.sample(0), IMAGES), tmp_path, capsys)
    rows = [re.split(r"\s{2,}", line) for line in out.splitlines()]
    assert rows == [
        ["layer", "type", "output", "parameters"],
        ["0", "Conv2d", "(1, 8, 6, 6)", "224"],
        ["1", "Flatten", "(1, 288)", "0"],
        ["2", "Linear", "(1, 10)", "2,890"],
        ["3,114 parameters in all"],
        ["weights: fresh, since there is no weights.safetensors beside this file"],
    ]
    without = run_as_script(print_source(space, space.sample(0)), tmp_path, capsys)
    assert "(1, 10)" not in without
    assert "3,114 parameters in all" in without


def test_the_summary_with_whole_numbers_as_input(tmp_path, capsys, exported):
    tokens = torch.randint(5, (2, 7), generator=torch.Generator().manual_seed(0))
    network = aw.layer(nn.Sequential, aw.layer(nn.Embedding, 5, 3), aw.layer(nn.LSTM, 3, 2, batch_first=True))
    text = exported(network, tokens)
    assert "torch.zeros(1, *INPUT_SHAPE, dtype=torch.int64)" in text
    out = run_as_script(text, tmp_path, capsys)
    assert "(1, 7, 3)" in out
    assert "56" in out  # 4 * 2 * (3 + 2) + 2 * 4 * 2 parameters of the LSTM


def test_half_and_double_precision_are_kept(exported, tmp_path):
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.LazyLinear, 4), aw.layer(HiddenLinear)))
    for dtype in (torch.float64, torch.bfloat16):
        network = space.build(space.sample(0), VECTORS).to(dtype)
        written = export_network(
            tmp_path / str(dtype),
            space=space,
            architecture=space.sample(0),
            network=network,
            example=VECTORS.to(dtype),
            card=Card(name="", data={}, split=""),
            onnx=False,
        )
        loaded = runpy.run_path(str(written.source))["load"]()
        assert {p.dtype for p in loaded.parameters()} == {dtype}


def test_what_is_no_network():
    space = aw.Space(aw.choice(3, 5))
    with pytest.raises(ExportError, match=r"to be an aw\.layer"):
        print_source(space, space.sample(0))
    space = aw.Space(aw.layer(dict, a=1))
    with pytest.raises(ExportError, match=r"torch\.nn\.Module, got dict"):
        print_source(space, space.sample(0))
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 5, 4), aw.layer(nn.LazyLinear, 4)))
    with pytest.raises(BuildError, match="does not run"):
        print_source(space, space.sample(0), VECTORS)


class Views(nn.Module):
    """State that shares memory: slices of a table, halves of one matrix, a mask of one row for all."""

    def __init__(self):
        super().__init__()
        table = torch.arange(80.0).view(20, 4).sin()
        self.register_buffer("pe", table[:8])
        self.register_buffer("later", table[4:12], persistent=False)
        self.up, self.down = map(nn.Parameter, torch.randn(4, 12).chunk(2, dim=1))
        self.register_buffer("mask", torch.tensor([[1.0], [0.5]]).expand(2, 4))

    def forward(self, x):
        return (x + self.pe[:1] + self.later[:1]) @ self.up @ self.down.T * self.mask[:1]


def test_state_that_shares_memory_is_exported(exported):
    text = exported(aw.layer(nn.Sequential, aw.layer(Views)), VECTORS)
    assert "copy=True" in text
