"""Supernets with and without the kernels are one network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cells_for_tests import distance
from torch import Tensor, nn

from archwright.spaces.zoo.darts import OPERATIONS, darts_space
from archwright.supernets import Supernet, freeze_scales
from archwright.supernets.fused import FusedCell, accelerate
from archwright.supernets.gates import Gate, Mixture, OnePath


def supernets(operations: tuple[str, ...] = OPERATIONS, nodes: int = 2) -> tuple[Supernet, Supernet]:
    """The same supernet, plain and accelerated."""
    torch.manual_seed(0)
    space = darts_space((3, 10, 10), 4, cells=3, channels=6, nodes=nodes, operations=operations)
    plain, fused = Supernet(space), Supernet(space)
    fused.load_state_dict(plain.state_dict())
    freeze_scales(plain)
    freeze_scales(fused)
    accelerate(fused)
    return plain, fused


def mixtures(supernet: Supernet, alphas: dict[str, Tensor]) -> dict[str, Gate]:
    gates: dict[str, Gate] = {a: Mixture.of_all(alpha.softmax(0)) for a, alpha in alphas.items()}
    for address in supernet.edges:
        count = supernet.space.decisions[address].n  # type: ignore[attr-defined]
        gates[address] = Mixture(torch.linspace(0.5, 1.0, count), tuple(range(count)))
    return gates


def alphas_of(supernet: Supernet) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        address: torch.randn(int(decision.size), requires_grad=True)
        for address, decision in supernet.space.decisions.items()
        if address not in supernet.edges
    }


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("operations", "nodes"), [(OPERATIONS, 2), (OPERATIONS[1:], 3), (OPERATIONS[3:6], 1)]
)
def test_mixtures_and_their_gradients(operations: tuple[str, ...], nodes: int) -> None:
    plain, fused = supernets(operations, nodes)
    assert sum(isinstance(module, FusedCell) for module in fused.modules()) == 3
    images = torch.randn(3, 3, 10, 10)
    found = []
    for supernet in (plain, fused):
        alphas = alphas_of(supernet)
        weights = [parameter for parameter in supernet.parameters() if parameter.requires_grad]
        with supernet.on(mixtures(supernet, alphas)):
            output = supernet(images)
        gradients = torch.autograd.grad(output.square().sum(), [*alphas.values(), *weights])
        found.append((output, torch.cat([g.flatten() for g in gradients])))
    assert type(found[1][0].grad_fn) is type(found[0][0].grad_fn)
    assert distance(found[1][0], found[0][0]) < 1e-4
    assert distance(found[1][1], found[0][1]) < 1e-4
    for own, theirs in zip(fused.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)


def test_the_state_dict_and_what_is_extracted_are_the_same() -> None:
    plain, fused = supernets()
    assert list(fused.state_dict()) == list(plain.state_dict())
    fused.load_state_dict(plain.state_dict())
    images = torch.randn(3, 3, 10, 10)
    for seed in range(3):
        architecture = plain.space.sample(seed)
        with plain.on(architecture), fused.on(architecture):
            assert torch.equal(fused(images), plain(images))
        alone = fused.extract(architecture)
        assert torch.equal(alone(images), plain.extract(architecture)(images))
        assert not any(isinstance(module, FusedCell) for module in alone.modules())


def test_what_the_kernels_do_not_do_runs_as_it_is() -> None:
    plain, fused = supernets()
    alphas = alphas_of(plain)
    images = torch.randn(3, 3, 10, 10)
    gates = mixtures(plain, alphas)
    with plain.on(gates), fused.on(gates), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fused(images), plain(images))
    with plain.on(gates), fused.on(gates):
        assert torch.equal(fused.double()(images.double()), plain.double()(images.double()))


def test_one_value_of_some_decisions_and_mixtures_of_others() -> None:
    plain, fused = supernets()
    gates = mixtures(plain, alphas_of(plain))
    for address in list(gates)[::2]:
        if address not in plain.edges:
            gates[address] = OnePath("sep_conv_3x3")
    chosen = next(a for a in gates if isinstance(gates[a], Mixture) and a not in plain.edges)
    gates[chosen] = Mixture(gates[chosen].weights, (1, 4))  # type: ignore[union-attr]
    images = torch.randn(3, 3, 10, 10)
    with plain.on(gates), fused.on(gates):
        assert distance(fused(images), plain(images)) < 1e-4


def test_an_operation_that_was_changed_is_seen_after_train() -> None:
    plain, fused = supernets()
    gates = mixtures(plain, alphas_of(plain))
    images = torch.randn(3, 3, 10, 10)
    with plain.on(gates), fused.on(gates):
        fused(images)
        for supernet in (plain, fused):
            for module in supernet.modules():
                if isinstance(module, nn.Sequential) and isinstance(module[0], nn.MaxPool2d):
                    module[0] = nn.MaxPool2d(5, module[0].stride, 2)
            supernet.train()
        assert distance(fused(images), plain(images)) < 1e-4


_TWO_THREADS = """
import sys
import torch
torch.set_num_threads(2)
sys.path.insert(0, sys.argv[1])
from test_accelerate import OPERATIONS, alphas_of, mixtures, supernets
for _ in range(6):
    _, fused = supernets(OPERATIONS[5:6], 2)
    alphas = alphas_of(fused)
    with fused.on(mixtures(fused, alphas)):
        output = fused(torch.randn(3, 3, 10, 10))
    output.square().sum().backward()
print("done")
"""


def test_two_threads_leave_the_heap_whole() -> None:
    """Torch's convolutions break it when the cells between them give channels-last tensors."""
    here = str(Path(__file__).parent)
    ran = subprocess.run([sys.executable, "-c", _TWO_THREADS, here], capture_output=True, text=True)
    assert ran.stdout == "done\n", ran.stderr


def test_cells_give_contiguous_tensors() -> None:
    _, fused = supernets()
    given: list[Tensor] = []
    for module in fused.modules():
        if isinstance(module, FusedCell):
            module.register_forward_hook(lambda _, inputs, output: given.append(output))
    with fused.on(mixtures(fused, alphas_of(fused))):
        fused(torch.randn(3, 3, 10, 10))
    assert [output.is_contiguous() for output in given] == [True] * 3
