"""A cell by the kernels gives what torch gives: outputs, gradients, running statistics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from cells_for_tests import LABELS, assert_same, both, cell, distance, norms_of
from torch import Tensor

from archwright.errors import BuildError
from archwright.supernets.fused.cell import run_cell
from archwright.supernets.fused.operations import Other, recognise
from archwright.supernets.fused.plan import Edge, Plan


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("reduces", [False, True])
@pytest.mark.parametrize("label", [*LABELS[1:], "padded_avg_pool", "point", "oblong", "unknown"])
def test_each_operation_alone(label: str, reduces: bool) -> None:
    plan = cell(16, nodes=1, reduces=reduces, labels=[label])
    expected, found = both(plan, (8, 8), 16, batch=2)
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("channels", "size", "reduces"),
    [
        (6, (7, 9), False),
        (6, (7, 9), True),
        (16, (8, 8), False),
        (20, (12, 5), True),
        (20, (5, 12), False),
        (32, (3, 2), True),
    ],
)
def test_whole_cells_of_any_channels_and_size(channels: int, size: tuple[int, int], reduces: bool) -> None:
    plan = cell(channels, reduces=reduces)
    expected, found = both(plan, size, channels)
    assert_same(found, expected)


def test_a_cell_with_an_operation_that_the_kernels_do_not_know() -> None:
    plan = cell(6, nodes=3, labels=["skip", "unknown", "sep_3", "none"])
    assert isinstance(plan.edges[0].operations[1], Other)
    expected, found = both(plan, (6, 6), 6)
    assert_same(found, expected)


def test_images_are_shared_by_threads(two_threads: None) -> None:
    plan = cell(16)
    expected, found = both(plan, (8, 8), 16, batch=3)
    assert_same(found, expected)


def test_the_same_gradients_every_time() -> None:
    plan = cell(16)
    first, second = both(plan, (8, 8), 16)[1], both(plan, (8, 8), 16)[1]
    assert torch.equal(first.parameters, second.parameters)
    assert torch.equal(first.weights, second.weights)


@pytest.mark.parametrize("tracks", [True, False])
def test_evaluation_mode_and_norms_without_running_statistics(tracks: bool) -> None:
    plan = cell(6)
    for norm in norms_of(plan.edges):
        if tracks:
            norm.eval()
            torch.nn.init.uniform_(norm.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
        else:
            norm.track_running_stats = False
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    expected, found = both(plan, (6, 6), 6)
    assert_same(found, expected)


def test_running_statistics_as_a_plain_mean() -> None:
    plan = cell(6)
    for norm in norms_of(plan.edges):
        norm.momentum = None
    expected, found = both(plan, (6, 6), 6)
    assert_same(found, expected)


def test_inputs_far_from_zero_lose_no_precision() -> None:
    plan = cell(6, labels=["max_pool", "avg_pool", "dil_3"])
    torch.manual_seed(0)
    states = [200.0 + torch.randn(2, 6, 9, 9) for _ in range(2)]
    weights = [torch.full((3,), 1 / 3) for _ in plan.edges]
    found = run_cell(plan, states, weights)
    for edge in plan.edges:
        for module in edge.modules:
            module.double()
    expected = plan.plain([state.double() for state in states], [weight.double() for weight in weights])
    assert distance(found.double(), expected) < 1e-4


def test_only_the_gradients_that_are_wanted() -> None:
    plan = cell(6)
    for parameter in plan.parameters:
        parameter.requires_grad_(False)
    states = [torch.randn(2, 6, 6, 6) for _ in range(2)]
    weights = [torch.rand(len(LABELS), requires_grad=True) for _ in plan.edges]
    run_cell(plan, states, weights).square().sum().backward()
    assert all(parameter.grad is None for parameter in plan.parameters)
    own = [weight.grad for weight in weights]
    expected = torch.autograd.grad(plan.plain(states, weights).square().sum(), weights)
    for mine, theirs in zip(own, expected, strict=True):
        assert mine is not None
        assert distance(mine, theirs) < 1e-4


def test_the_gradient_of_the_weights_is_the_slope() -> None:
    plan = cell(6)
    states = [torch.randn(2, 6, 6, 6) for _ in range(2)]

    def loss(weights: list[Tensor]) -> Tensor:
        return run_cell(plan, states, weights).square().mean()

    torch.manual_seed(3)
    weights = [torch.rand(len(LABELS), requires_grad=True) for _ in plan.edges]
    direction = [torch.randn(len(LABELS)) for _ in plan.edges]
    gradients = torch.autograd.grad(loss(weights), weights)
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
    step = 1e-2
    with torch.no_grad():
        ahead = loss([w + step * d for w, d in zip(weights, direction, strict=True)])
        behind = loss([w - step * d for w, d in zip(weights, direction, strict=True)])
    assert float(ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-2)


def test_second_derivatives_are_torchs_own() -> None:
    plan = cell(6, nodes=1)
    states = [torch.randn(2, 6, 5, 5) for _ in range(2)]
    vectors = []
    before = [buffer.clone() for norm in norms_of(plan.edges) for buffer in norm.buffers()]
    for run in (plan.plain, lambda x, w: run_cell(plan, x, w)):
        weights = [torch.linspace(0.1, 0.4, len(LABELS)).requires_grad_() for _ in plan.edges]
        loss = run(states, weights).pow(3).sum()
        gradients = torch.autograd.grad(loss, weights, create_graph=True)
        product = sum((g * (i + 1)).sum() for i, g in enumerate(gradients))
        assert isinstance(product, Tensor)
        vectors.append(torch.cat(torch.autograd.grad(product, weights)))
    assert distance(vectors[1], vectors[0]) < 1e-3
    after = [buffer for norm in norms_of(plan.edges) for buffer in norm.buffers()]
    counts = [int(b) - int(a) for a, b in zip(before, after, strict=True) if a.ndim == 0]
    assert set(counts) == {2}  # one forward pass each: the backward pass that repeats it counts for nothing


def test_backward_twice() -> None:
    plan = cell(6, labels=[*LABELS, "unknown"])
    states = [torch.randn(2, 6, 6, 6, requires_grad=True) for _ in range(2)]
    weights = [torch.rand(9, requires_grad=True) for _ in plan.edges]
    loss = run_cell(plan, states, weights).square().sum()
    first = torch.autograd.grad(loss, [*states, *weights], retain_graph=True)
    second = torch.autograd.grad(loss, [*states, *weights])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_operations_that_give_different_shapes_are_refused() -> None:
    sizes = cell(6, nodes=1, labels=["sep_3"]), cell(6, nodes=1, labels=["sep_3"], reduces=True)
    plan = Plan(2, [sizes[0].edges[0], sizes[1].edges[1]])
    with pytest.raises(BuildError, match="one shape"):
        run_cell(plan, [torch.randn(2, 6, 6, 6)] * 2, [torch.ones(1)] * 2)
    with pytest.raises(BuildError, match="expected 6 channels, got 5"):
        run_cell(sizes[0], [torch.randn(2, 5, 6, 6)] * 2, [torch.ones(1)] * 2)


def test_a_module_with_a_hook_runs_as_it_is() -> None:
    module = cell(6, nodes=1, labels=["sep_3"]).edges[0].modules[0]
    seen = []
    module.register_forward_hook(lambda *given: seen.append(given))
    edge = Edge(0, 0, (module,), (recognise(module),))
    assert isinstance(edge.operations[0], Other)
    run_cell(Plan(2, [edge]), [torch.randn(2, 6, 6, 6)] * 2, [torch.ones(1)])
    assert len(seen) == 1
