import functools
import operator
import os
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archwright.export.source.origins import global_names_of, is_named, is_public, public_name_of

SENTINEL = object()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (nn.Conv2d, ("torch.nn", "Conv2d")),
        (nn.Parameter, ("torch.nn", "Parameter")),
        (F.relu, ("torch.nn.functional", "relu")),
        (torch.relu, ("torch", "relu")),
        (F.gelu, ("torch.nn.functional", "gelu")),  # a builtin of a private module
        (F.max_pool2d, ("torch.nn.functional", "max_pool2d")),  # does not know its own name
        (nn.init.kaiming_normal_, ("torch.nn.init", "kaiming_normal_")),
        (torch.nn.utils.parametrizations.weight_norm, ("torch.nn.utils.parametrizations", "weight_norm")),
        (torch.Tensor, ("torch", "Tensor")),
        (operator.add, ("operator", "add")),
        (functools.partial, ("functools", "partial")),
        (dict.fromkeys.__self__, ("builtins", "dict")),
    ],
)
def test_shortest_public_name(value, expected):
    module, name = public_name_of(value)
    assert (module, name) == expected
    assert functools.reduce(getattr, name.split("."), sys.modules[module]) is value


def test_what_is_public():
    assert is_public("torch.nn.modules.conv")
    assert is_public("typing")
    assert is_public("builtins")
    assert is_public("collections.abc")
    assert not is_public("archwright.spaces.zoo")
    assert not is_public("__main__")
    assert not is_public("no_such_module_at_all")
    assert not is_public(__name__)


def test_an_installed_package_is_public_and_the_users_own_is_not(user_module):
    """A package whose file lies outside site-packages, as an editable installation does, is the user's own."""
    installed = user_module("fake_vision.layers", "class Block: pass", folder="lib/site-packages")
    sys.modules["fake_vision"].Block = installed.Block
    own = user_module("own_vision.layers", "class Block: pass", folder="project/src")
    assert is_public("fake_vision.layers")
    assert not is_public("own_vision.layers")
    assert public_name_of(installed.Block) == ("fake_vision", "Block")
    assert public_name_of(own.Block) is None


def test_a_users_module_may_be_called_like_one_of_the_standard_library(user_module):
    assert not is_public(user_module("this", "X = 1").__name__)


def test_named_things():
    assert is_named(nn.Conv2d)
    assert is_named(os.path.join)
    assert not is_named(functools.partial(nn.Conv2d))
    assert not is_named(nn.ReLU())


def test_the_variable_that_holds_an_object():
    ((module, name),) = global_names_of(SENTINEL)
    assert (module.__name__, name) == (__name__, "SENTINEL")
    assert list(global_names_of(object())) == []
