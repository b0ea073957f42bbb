"""A supernet under one path is the plain network of that architecture, for every node and every zoo space."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import archwright as aw
from archwright.errors import BuildError, SpaceError
from archwright.evaluating import evaluating
from archwright.references import load_object
from archwright.spaces.zoo import SPACES as ZOO
from archwright.spaces.zoo import make_space
from archwright.supernets import (
    Elastic,
    GatedEdge,
    MixedOp,
    Mixture,
    OnePath,
    Supernet,
    covering_architectures,
)

HERE = Path(__file__).parent
SHAPE, SPACES, Block, head = (
    load_object(f"{HERE / 'spaces_for_tests.py'}:{name}") for name in ("SHAPE", "SPACES", "Block", "head")
)

BLOCKS = ("archwright.spaces.zoo.blocks.", "archwright.primitives.")
# Programs, and what functions write once decisions are made.
NO_SUPERNET = ("automl_zero", "einspace", "hierarchical_nasbench201", "nago", "randomly_wired")
INPUTS = {1: (13,), 2: (1, 24), 3: (1, 8, 8)}


@pytest.fixture(scope="module", params=SPACES)
def made(request: pytest.FixtureRequest) -> tuple[aw.Space, Supernet]:
    torch.manual_seed(0)
    space = SPACES[request.param]()
    return space, Supernet(space, torch.randn(2, *SHAPE))


def outputs(module: nn.Module, x: torch.Tensor, *, training: bool) -> torch.Tensor:
    module.train(training)
    torch.manual_seed(3)  # dropout
    found: torch.Tensor = module(x)
    return found


def assert_equal_to_extracted(supernet: Supernet, architecture: aw.Architecture, x: torch.Tensor) -> None:
    for training in (False, True):  # in training last: it changes the supernet's statistics
        plain = supernet.train(training).extract(architecture)
        with supernet.on(architecture):
            expected = outputs(supernet, x, training=training)
        torch.testing.assert_close(outputs(plain, x, training=training), expected, rtol=1e-5, atol=1e-5)
    for module in plain.modules():
        assert not type(module).__module__.startswith("archwright") or type(module).__module__.startswith(
            BLOCKS
        )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_an_extracted_network_gives_what_the_supernet_gives(
    made: tuple[aw.Space, Supernet], seed: int
) -> None:
    space, supernet = made
    assert_equal_to_extracted(supernet, space.sample(seed), torch.randn(4, *SHAPE))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in ("nasnet", "proxyless") else name
        for name in ZOO
        if name not in NO_SUPERNET and name != "recurrent"  # which takes symbols
    ],
)
def test_every_space_of_the_zoo_has_a_supernet(name: str) -> None:
    shape = INPUTS[ZOO[name].ranks[0]]
    options = {"cells": 3, "channels": 4} if name in ("cell", "darts") else {}
    space = make_space(name, shape, 3, **options)
    supernet = Supernet(space, torch.randn(2, *shape))
    for seed in range(3):
        assert_equal_to_extracted(supernet, space.sample(seed), torch.randn(4, *shape))


def test_training_one_path_moves_what_the_extracted_network_inherits(made: tuple[aw.Space, Supernet]) -> None:
    space, supernet = made
    random, x = Random(0), torch.randn(4, *SHAPE)
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1)
    for _ in range(3):
        architecture = space.sample(random)
        with supernet.train().on(architecture):
            optimizer.zero_grad()
            supernet(x).square().mean().backward()
            optimizer.step()
        assert_equal_to_extracted(supernet, architecture, x)


def test_extraction_copies_and_draws_no_random_numbers() -> None:
    space = SPACES["depth"]()
    supernet = Supernet(space)
    architecture = space.sample(1)
    state = torch.get_rng_state()
    plain = supernet.extract(architecture)
    assert torch.equal(state, torch.get_rng_state())
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def test_a_state_dict_brings_the_weights_back(made: tuple[aw.Space, Supernet]) -> None:
    space, supernet = made
    torch.manual_seed(9)
    other = Supernet(space, torch.randn(2, *SHAPE))
    other.load_state_dict(supernet.state_dict())
    x = torch.randn(4, *SHAPE)
    for seed in range(4):
        architecture = space.sample(seed)
        with supernet.eval().on(architecture), other.eval().on(architecture):
            assert torch.equal(supernet(x), other(x))


def test_a_deep_copy_is_another_supernet(made: tuple[aw.Space, Supernet]) -> None:
    space, supernet = made
    other = copy.deepcopy(supernet)
    x = torch.randn(4, *SHAPE)
    for seed in range(3):
        assert_equal_to_extracted(other, space.sample(seed), x)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


# Elastic weights


def test_narrow_forms_are_the_corner_and_the_centre_of_the_largest() -> None:
    width, kernel = aw.integer(2, 6, name="width"), aw.choice(1, 3, 5, name="kernel")
    space = aw.Space(aw.layer(nn.Conv2d, 3, width, kernel, padding=kernel // 2))
    supernet = Supernet(space)
    largest = supernet.extract({"width": 6, "kernel": 5})
    narrow = supernet.extract({"width": 4, "kernel": 3})
    assert torch.equal(narrow.weight, largest.weight[:4, :, 1:4, 1:4])
    assert torch.equal(narrow.bias, largest.bias[:4])
    assert sum(p.numel() for p in supernet.parameters()) == 6 * 3 * 25 + 6


def test_a_users_class_shares_by_slices_too_and_forms_do_not_multiply_weights() -> None:
    width = aw.integer(2, 6, name="width")
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Block, 3, width), aw.layer(Block, width, width)))
    supernet = Supernet(space)
    parameters = sum(p.numel() for p in space.build({"width": 6}).parameters())
    assert sum(p.numel() for p in supernet.parameters()) == parameters


def test_a_mixture_of_kernels_is_the_weighted_sum_of_their_outputs() -> None:
    kernel = aw.choice(1, 3, 5, name="kernel")
    space = aw.Space(aw.layer(nn.Conv2d, 3, 4, kernel, padding=kernel // 2))
    supernet = Supernet(space)
    x, weights = torch.randn(2, *SHAPE), torch.tensor([0.2, 0.3, 0.5], requires_grad=True)
    with supernet.on({"kernel": Mixture.of_all(weights)}):
        mixed = supernet(x)
    parts = [supernet.extract({"kernel": size})(x) for size in (1, 3, 5)]
    torch.testing.assert_close(mixed, sum(w * part for w, part in zip(weights, parts, strict=True)))
    mixed.sum().backward()
    torch.testing.assert_close(weights.grad, torch.stack([part.sum() for part in parts]).detach())


def test_forms_beyond_the_largest_are_refused_by_name() -> None:
    with pytest.raises(BuildError, match="could not build Conv2d"):
        Supernet(aw.Space(aw.layer(nn.Conv2d, 3, aw.integer(0, 4, name="width") - 5, 3)))


def test_a_lazy_module_after_a_decided_width_takes_its_corner() -> None:
    width = aw.integer(2, 6, name="width")
    pooled = aw.layer(nn.AdaptiveAvgPool2d, aw.integer(1, 3, name="side"))
    layers = [aw.layer(nn.Conv2d, 3, width, 1), pooled, aw.layer(nn.Flatten), aw.layer(nn.LazyLinear, 3)]
    space = aw.Space(aw.layer(nn.Sequential, *layers))
    supernet = Supernet(space, torch.randn(2, *SHAPE))
    largest = supernet.extract({"width": 6, "side": 3})[3].weight
    assert largest.shape == (3, 54)
    assert torch.equal(supernet.extract({"width": 4, "side": 2})[3].weight, largest[:, :16])
    for architecture in space:
        assert_equal_to_extracted(supernet, architecture, torch.randn(4, *SHAPE))
    assert len(list(supernet.parameters())) == 4


def test_a_lazy_module_needs_an_example() -> None:
    with pytest.raises(BuildError, match="give one"):
        Supernet(aw.Space(aw.layer(nn.LazyConv2d, aw.integer(2, 4, name="width"), 3)))


def test_a_call_that_gives_no_module_is_refused_with_its_place() -> None:
    part = aw.layer(dict, size=aw.integer(1, 2, name="size"))
    with pytest.raises(
        BuildError, match=r"0: a call that depends on a decision must give a torch\.nn\.Module"
    ):
        Supernet(aw.Space(aw.layer(nn.Sequential, part)))


def test_running_a_new_form_draws_no_random_numbers() -> None:
    space = SPACES["elastic layers"]()
    supernet = Supernet(space)
    state = torch.get_rng_state()
    for seed in range(5):
        with supernet.on(space.sample(seed)):
            supernet(torch.ones(2, *SHAPE))
    assert torch.equal(state, torch.get_rng_state())


# Gates


def test_after_an_evaluation_the_forms_train_again() -> None:
    space = SPACES["elastic layers"]()
    supernet, architecture = Supernet(space), space.sample(0)
    x = torch.randn(2, *SHAPE)
    with supernet.on(architecture):
        with evaluating(supernet):
            supernet(x)
        before = {name: tensor.clone() for name, tensor in supernet.named_buffers()}
        supernet(x)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in supernet.named_buffers())


def test_each_primitive_is_one_class() -> None:
    kinds = {
        type(m) for m in Supernet(SPACES["edges"]()).modules() if "archwright.supernets" in type(m).__module__
    }
    assert {MixedOp, GatedEdge, Elastic} <= kinds


def test_a_mixture_with_all_weight_on_one_value_is_that_path() -> None:
    space = SPACES["sums"]()
    supernet = Supernet(space).eval()
    x = torch.randn(2, *SHAPE)
    for seed in range(10):
        architecture = space.sample(seed)
        gates = {}
        for address, decision in space.decisions.items():
            if address == "taken":
                weights = torch.tensor([float(i in architecture["taken"]) for i in range(3)])
            else:
                chosen = architecture.get(address, "none")
                weights = torch.tensor([float(label == chosen) for label in decision.values()])
            gates[address] = Mixture.of_all(weights)
        with supernet.on(gates):
            mixed = supernet(x)
        with supernet.on(architecture):
            torch.testing.assert_close(mixed, supernet(x), rtol=1e-5, atol=1e-5)


def test_a_shared_decision_has_one_gate_at_all_widths() -> None:
    space = SPACES["sums"]()
    supernet = Supernet(space)
    alpha = torch.zeros(3, requires_grad=True)
    gates: dict[str, OnePath | Mixture] = {"taken": Mixture(None, (0, 1, 2))}
    gates |= {f"operation_{i}": OnePath("pool") for i in (1, 2)}
    with supernet.on({**gates, "operation_0": Mixture.of_all(alpha.softmax(0))}):
        both = torch.autograd.grad(supernet(torch.ones(2, *SHAPE)).sum(), alpha)[0]
    assert both.abs().sum() > 0
    assert (
        sum(
            module.selector.reads == ("operation_0",)
            for module in supernet.modules()
            if isinstance(module, MixedOp)
        )
        == 2
    )


def test_gates_are_put_back_even_after_an_error() -> None:
    space = SPACES["depth"]()
    supernet = Supernet(space)
    before = supernet.gates.get()
    with pytest.raises(RuntimeError, match="stop"), supernet.on(space.sample(3)):
        raise RuntimeError("stop")
    assert supernet.gates.get() == before


def test_a_gate_needs_a_known_address() -> None:
    supernet = Supernet(SPACES["depth"]())
    with pytest.raises(SpaceError, match="'widht'"):
        supernet.set_gates({"widht": OnePath(4)})


def test_what_is_no_gate_and_a_gate_that_is_missing_are_told() -> None:
    space = aw.Space(aw.layer(nn.Linear, 3, aw.choice(4, 5, name="width"), bias=aw.boolean(name="bias")))
    supernet = Supernet(space)
    raw: dict[str, Any] = {"width": 4, "bias": True}
    with pytest.raises(SpaceError, match=r"expected OnePath\(value\) or Mixture.*'width', got 4"):
        supernet.set_gates(raw)
    with pytest.raises(SpaceError, match=r"no decision has the address 'with'.*Did you mean 'width'"):
        supernet.set_gates({"with": OnePath(4)})
    supernet.set_gates({"width": OnePath(4)})
    with pytest.raises(SpaceError, match=r"the decision 'bias' has no gate; .*all at once"):
        supernet(torch.zeros(2, 3))


def test_only_allowed_values_are_built() -> None:
    space = SPACES["sums"]()
    supernet = Supernet(space, allowed={"operation_0": ["pool"]})
    sizes = [len(m.options) for m in supernet.modules() if isinstance(m, MixedOp)]
    assert sorted(sizes) == [1, 1, 3, 3, 3, 3]
    architecture = space.architecture({"taken": (0, 1), "operation_0": "convolution", "operation_1": "pool"})
    with supernet.on(architecture), pytest.raises(BuildError, match="built without the option 'convolution'"):
        supernet(torch.ones(2, *SHAPE))


def test_an_edge_knows_the_decisions_that_select_its_operation() -> None:
    supernet = Supernet(SPACES["sums"]())
    assert supernet.edges == {"taken": {i: (f"operation_{i}",) for i in range(3)}}


@pytest.mark.parametrize("name", SPACES)
def test_covering_paths_reach_every_value(name: str) -> None:
    space = SPACES[name]()
    reached: dict[str, set[object]] = {address: set() for address in space.decisions}
    for architecture in covering_architectures(space):
        assert space.contains(architecture)
        for address, value in architecture.items():
            reached[address] |= set(value) if isinstance(value, tuple) else {value}

    def expected() -> Iterator[tuple[str, int]]:
        for address, decision in space.decisions.items():
            if decision.size < 64:
                yield address, 3 if address == "taken" else int(decision.size)

    shared = {address: count for address, count in expected() if "blocks" not in address}
    assert {address: len(reached[address]) for address in shared} == shared


def test_lazy_modules_are_sized_by_the_example() -> None:
    space = aw.Space(
        aw.layer(
            nn.Sequential,
            aw.choice(
                {"a": aw.layer(nn.LazyConv2d, 4, 1), "b": aw.layer(nn.LazyConv2d, 4, 3, padding=1)},
                name="operation",
            ),
            *head(4),
        )
    )
    supernet = Supernet(space, torch.randn(2, *SHAPE))
    assert not any(isinstance(p, nn.UninitializedParameter) for p in supernet.parameters())
    assert_equal_to_extracted(supernet, space.sample(0), torch.randn(2, *SHAPE))


def test_a_subset_may_select_an_option() -> None:
    options = {(i,): aw.layer(nn.Linear, 3, 3) for i in range(2)}
    space = aw.Space(aw.layer(nn.Sequential, aw.switch(aw.subset(2, 1, name="which"), options)))
    supernet, x = Supernet(space), torch.randn(2, 3)
    given = [outputs(supernet.extract(architecture), x, training=False) for architecture in space]
    assert not torch.equal(*given)


def test_of_a_held_decision_one_option_is_built() -> None:
    width = aw.choice(
        {"narrow": aw.layer(nn.Linear, 3, 5), "wide": aw.layer(nn.Linear, 3, 500)}, name="width"
    )
    operation = aw.choice({"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)}, name="operation")
    space = aw.Space(aw.layer(nn.Sequential, width, operation)).fix({"width": "narrow"})
    supernet = Supernet(space)
    assert sum(parameter.numel() for parameter in supernet.parameters()) == 20
    assert list(supernet.decisions) == ["operation"]
    assert [type(supernet.extract(architecture)[1]) for architecture in space] == [nn.ReLU, nn.Tanh]
