"""What cannot be exported is found before anything is built or trained."""

import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import ExportError
from archwright.export import check_printable
from archwright.spaces.zoo import SPACES


class Activation(nn.Module):
    built = 0

    def __init__(self, function, width=1):
        super().__init__()
        type(self).built += 1
        self.function, self.lazy = function, nn.LazyLinear(width)

    def forward(self, x):
        return self.function(self.lazy(x))


class Unprintable:
    pass


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "name", [name for name in SPACES if name != "automl_zero"]
)  # its winners are algorithm.py
def test_the_zoo_can_be_printed(name):
    space = SPACES[name]
    check_printable(space.load()({1: (7,), 2: (1, 40), 3: (3, 16, 16)}[space.ranks[0]], 5))


def of(value):
    return aw.layer(Activation, value)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (lambda: of(lambda x: x), "a lambda has no source"),
        (
            lambda: of(aw.choice(torch.relu, torch.tanh, lambda x: 2 * x, name="act")),
            "a lambda has no source",
        ),
        (lambda: of(Unprintable()), "Unprintable"),
        (
            lambda: aw.layer(
                nn.Sequential, aw.repeat(of(aw.choice({"a": 1, "b": Unprintable()}, name="x")), times=3)
            ),
            "Unprintable",
        ),
        (  # below a value of another decision
            lambda: aw.choice(
                {
                    **{f"fine {i}": aw.layer(nn.Linear, i, 1) for i in range(30)},
                    "last": of(aw.choice(*range(9), lambda x: x, name="deep")),
                },
                name="top",
            ),
            "a lambda has no source",
        ),
    ],
)
def test_a_part_that_cannot_be_printed_is_found_without_building(network, told):
    space, before = aw.Space(network()), Activation.built
    with pytest.raises(ExportError, match=rf"of Activation at .+ cannot be printed: .*{told}"):
        check_printable(space)
    assert Activation.built == before


def test_lambdas_that_are_not_part_of_the_network_are_fine():
    width = aw.integer(1, 4, name="width")
    space = aw.Space(
        aw.layer(
            nn.Sequential, aw.layer(nn.LazyLinear, width), of(aw.choice(torch.relu, torch.tanh, name="act"))
        ),
        constraints=[lambda architecture: architecture["width"] != 1],
        canonicalize=lambda architecture: tuple(architecture.values()),
    )
    check_printable(space)


def test_a_class_of_a_script_from_standard_input_is_found():
    script = """
import archwright as aw
from archwright.export import check_printable
from torch import nn

class Net(nn.Linear):
    pass

try:
    check_printable(aw.Space(aw.layer(nn.Sequential, aw.layer(Net, 4, 2))))
except aw.errors.ExportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, check=True)
    assert "the source of Net is not found" in ran.stdout


@pytest.mark.parametrize(
    ("method", "printed"),
    [
        (torch.Tensor.relu, "torch.Tensor.relu"),
        (torch.Tensor.softmax, "torch.Tensor.softmax"),
        (str.upper, "str.upper"),
        (int.__add__, "int.__add__"),
        (dict.fromkeys, "dict.fromkeys"),
        (torch.relu, "torch.relu"),
    ],
)
def test_methods_written_in_c_are_printed(method, printed, exported):
    text = exported(aw.layer(nn.Sequential, aw.layer(Holding, method)), torch.randn(2, 3))
    assert f"Holding({printed})" in text


class Holding(nn.Module):
    def __init__(self, method):
        super().__init__()
        self.method = method

    def forward(self, x):
        return self.method(x) if self.method in (torch.relu, torch.Tensor.relu) else x


def test_a_method_of_an_object_is_refused_in_words():
    for method in ([].append, torch.zeros(2).add, pickle.Pickler(sys.stdout.buffer).dump):
        with pytest.raises(ExportError, match="cannot be printed"):
            check_printable(aw.Space(of(method)))
