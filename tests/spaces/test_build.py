"""Expression and architecture become a plain network."""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from types import FunctionType, ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as top
import archwright.spaces as aw
from archwright.errors import BuildError
from archwright.spaces.build import construct
from archwright.supernets import Supernet


class ConvBNReLU(nn.Sequential):
    """A user's block."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class SepConv(nn.Module):
    """Another."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel_size, padding="same", groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))  # type: ignore[no-any-return]


def test_the_example_of_the_design() -> None:
    aw = top
    width = aw.integer(16, 64, step=16)

    def block(i: int) -> Any:
        return aw.choice(
            {
                "conv3": aw.layer(ConvBNReLU, width, width, kernel_size=3),
                "sep": aw.layer(SepConv, width, width, kernel_size=aw.choice(3, 5)),
                "skip": aw.layer(nn.Identity),
            }
        )

    net = aw.layer(
        nn.Sequential,
        aw.layer(nn.Conv2d, 1, width, 3, padding=1),
        aw.repeat(block, times=aw.integer(2, 6)),
        aw.layer(nn.AdaptiveAvgPool2d, 1),
        aw.layer(nn.Flatten),
        aw.layer(nn.Linear, width, 10),
    )
    space = aw.Space(net)
    assert space.size == 4 * sum(4**depth for depth in range(2, 7))
    kinds = {"conv3": ConvBNReLU, "sep": SepConv, "skip": nn.Identity}
    seen = set()
    for seed in range(30):
        architecture = space.sample(seed)
        network = space.build(architecture, example=torch.zeros(2, 1, 8, 8))
        assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
        depth = architecture["1"]
        assert len(network) == depth + 4  # type: ignore[arg-type]
        assert network[0].out_channels == architecture["0.out_channels"]  # type: ignore[index]
        for i, made in enumerate(list(network)[1 : depth + 1]):  # type: ignore[call-overload]
            op = architecture[f"1.{i}"]
            seen.add(op)
            assert type(made) is kinds[op]
            if op == "sep":
                assert made.depthwise.kernel_size == (architecture[f"1.{i}.sep.kernel_size"],) * 2
    assert seen == set(kinds)


def test_nothing_of_archwright_is_inside() -> None:
    space = aw.Space(
        aw.layer(nn.Sequential, OrderedDict(a=aw.layer(nn.Linear, 4, aw.integer(1, 3)), b=aw.layer(nn.ReLU)))
    )
    network = space.build(space.sample(0), example=torch.zeros(1, 4))
    assert list(dict(network.named_children())) == ["a", "b"]
    reached: dict[int, Any] = {}
    ahead: list[Any] = [network]
    while ahead:
        found = ahead.pop()
        if id(found) not in reached and not isinstance(found, type | FunctionType | ModuleType):
            reached[id(found)] = found
            ahead += gc.get_referents(found)
    assert len(reached) > 50
    assert {type(found).__module__.partition(".")[0] for found in reached.values()} <= {
        "builtins",
        "collections",
        "torch",
    }


def test_lazy_modules_take_their_size_from_the_example() -> None:
    network = aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.LazyConv2d, 4, aw.choice(1, 3, name="k")),
            aw.layer(nn.LazyBatchNorm2d),
            aw.layer(nn.Flatten),
            aw.layer(nn.LazyLinear, 5),
        )
    )
    for k, features in ((1, 4 * 64), (3, 4 * 36)):
        built = network.build(network.architecture({"k": k}), example=torch.zeros(2, 3, 8, 8))
        assert [type(layer) for layer in built] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]  # type: ignore[attr-defined]
        assert built[3].in_features == features  # type: ignore[index]
        assert built(torch.zeros(7, 3, 8, 8)).shape == (7, 5)
        assert built.training


def test_a_dry_run_changes_nothing_else() -> None:
    class Frozen(nn.Sequential):
        """Keeps its norm in evaluation mode, as for a frozen backbone."""

        def __init__(self) -> None:
            super().__init__(nn.BatchNorm1d(2), nn.Dropout(), nn.BatchNorm1d(2))
            self[0].eval()

    space = aw.Space(aw.layer(Frozen))
    network = space.build(space.sample(0), example=torch.ones(4, 2))
    assert [module.training for module in network.modules()] == [True, False, True, True]
    assert network[2].num_batches_tracked == 0  # type: ignore[index]
    assert torch.equal(network[2].running_mean, torch.zeros(2))  # type: ignore[index]
    assert all(parameter.grad is None for parameter in network.parameters())


def test_tied_weights_are_one_and_others_are_not() -> None:
    shared, plain = aw.tied(aw.layer(nn.Linear, 4, 4)), aw.layer(nn.Linear, 4, 4)
    space = aw.Space(aw.layer(nn.Sequential, shared, plain, aw.layer(nn.Sequential, shared, plain)))
    network = space.build(space.sample(0))
    assert network[0] is network[2][0]  # type: ignore[index]
    assert network[1] is not network[2][1]  # type: ignore[index]
    assert sum(parameter.numel() for parameter in network.parameters()) == 3 * 20
    network(torch.ones(1, 4)).sum().backward()
    again = space.build(space.sample(0))
    assert again[0] is not network[0]  # type: ignore[index]


def test_construct_tells_what_each_call_made() -> None:
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 2, 3), aw.layer(nn.ReLU)))
    root = aw.resolve(space, space.sample(0))
    network, made = construct(root)
    assert made[root] is network
    assert [type(made[call]) for call in aw.walk_calls(root)] == [nn.Sequential, nn.Linear, nn.ReLU]


class Grouped(nn.Conv2d):
    """A user's class that refuses some arguments."""

    def __init__(self, channels: int, groups: int) -> None:
        if channels % groups:
            raise ValueError(f"{channels} channels are not {groups} groups")
        super().__init__(channels, channels, 3, groups=groups)


def test_an_error_in_a_users_class_names_place_arguments_and_decisions() -> None:
    channels = aw.integer(8, 9, name="channels")
    block = aw.choice(
        {"grouped": aw.layer(Grouped, channels, groups=2), "skip": aw.layer(nn.Identity)}, name="op"
    )
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Sequential, block, name="body")))
    space.build(space.architecture({"body.op": "grouped", "body.op.grouped.channels": 8}))
    with pytest.raises(BuildError) as raised:
        space.build(space.architecture({"body.op": "grouped", "body.op.grouped.channels": 9}))
    assert str(raised.value) == (
        "could not build Grouped(9, groups=2) at body.op.grouped (decided: body.op='grouped', "
        "body.op.grouped.channels=9): ValueError: 9 channels are not 2 groups"
    )
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_missing_argument_is_told() -> None:
    space = aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Linear, aw.when(aw.boolean(name="b"), 3), 2, name="head"))
    )
    with pytest.raises(
        BuildError, match=r"could not build Linear\(2\) at head \(decided: head.b=False\): TypeError"
    ):
        space.build(space.architecture({"head.b": False}))


def test_an_error_in_the_forward_pass_names_the_innermost_call() -> None:
    width = aw.integer(3, 4, name="width")
    head = aw.layer(
        nn.Sequential, aw.layer(nn.Flatten), aw.layer(nn.Linear, width, 2, name="last"), name="head"
    )
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.ReLU), head))
    assert space.build(space.architecture({"head.last.width": 4}), example=torch.ones(2, 4))
    with pytest.raises(BuildError) as raised:
        space.build(space.architecture({"head.last.width": 3}), example=torch.ones(2, 4))
    told = str(raised.value)
    assert (
        "does not run on an input of shape (2, 4): in Linear(3, 2) at head.last (decided: head.last.width=3)"
        in told
    )
    assert "RuntimeError: mat1 and mat2" in told


def test_an_error_inside_a_users_module_names_the_call_that_made_it() -> None:
    class Broken(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Linear(width, width)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)  # type: ignore[no-any-return]

    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Broken, 5)))
    with pytest.raises(BuildError, match=r"in Broken\(5\) at 0: RuntimeError"):
        space.build(space.sample(0), example=torch.ones(2, 4))


class Exits(nn.Module):
    """Ends the process where it is told to."""

    def __init__(self, at_once: bool) -> None:
        super().__init__()
        if at_once:
            sys.exit(0)

    def forward(self, x: Tensor) -> Tensor:
        sys.exit("no more")


@pytest.mark.parametrize(("at_once", "told"), [(True, r"sys\.exit\(0\)"), (False, r"sys\.exit\('no more'\)")])
def test_a_users_code_cannot_end_the_process(at_once: bool, told: str) -> None:
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Exits, at_once)))
    with pytest.raises(BuildError, match=told):
        space.build(space.sample(0), example=torch.ones(2, 4))


class Unreached(nn.Module):
    """Holds a lazy part and never calls it."""

    def __init__(self, lazy: nn.Module) -> None:
        super().__init__()
        self.lazy = lazy

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("lazy", [aw.layer(nn.LazyLinear, 3), aw.layer(nn.LazyBatchNorm1d, affine=False)])
def test_a_lazy_module_that_is_never_reached(lazy: aw.DeferredCall) -> None:
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Unreached, lazy)))
    with pytest.raises(BuildError, match=r"the lazy module '0.lazy' was not reached by the forward pass"):
        space.build(space.sample(0), example=torch.ones(2, 4))


def test_what_is_no_module_cannot_be_run() -> None:
    space = aw.Space(aw.layer(dict, a=1))
    assert space.build(space.sample(0)) == {"a": 1}
    with pytest.raises(BuildError, match=r"expected the space to build a torch.nn.Module, got dict"):
        space.build(space.sample(0), example=torch.ones(1))


class Masked(nn.Module):
    """Its buffers are an expanded mask, a slice, and one that is not there yet."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.LazyLinear(width)
        self.register_buffer("mask", torch.tensor([[1.0], [0.0]]).expand(2, width))
        self.register_buffer("slice", torch.arange(20.0)[:width])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) * self.mask[0] + self.slice


@pytest.mark.parametrize("example", [None, torch.randn(2, 3)])
def test_a_state_can_be_loaded_into_what_is_built(example: torch.Tensor | None) -> None:
    space = aw.Space(aw.layer(Masked, aw.integer(2, 4, name="width")))
    first, second = (space.build(space.sample(0), example) for _ in range(2))
    assert torch.equal(first.mask[:, 0], torch.tensor([1.0, 0.0]))
    if example is not None:
        state = {name: tensor + 1 for name, tensor in first.state_dict().items()}
        second.load_state_dict(state)
        assert all(torch.equal(tensor, state[name]) for name, tensor in second.state_dict().items())
        supernet, other = Supernet(space, example), Supernet(space, example)
        other.load_state_dict(supernet.state_dict())
