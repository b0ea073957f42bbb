"""The methods give the same numbers with compiled kernels, which do not do what partial channels or dropout ask."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import archwright as aw
from archwright.spaces.zoo.darts import darts_space
from archwright.supernets import Supernet, make_method
from archwright.supernets.fused import FusedCell, accelerate
from archwright.supernets.methods.p_darts import drop_skips
from archwright.tasks import Task


@pytest.fixture
def space(images: Task) -> aw.Space:
    return darts_space(images.input_shape, images.outputs, cells=3, channels=8, nodes=2)


def made(space: aw.Space, images: Task, name: str, *, fast: bool) -> Any:
    torch.manual_seed(0)
    supernet = Supernet(space, images.example_arguments())
    if fast:
        accelerate(supernet)
    assert any(isinstance(module, FusedCell) for module in supernet.modules()) or not fast
    method: Any = make_method(name, batch_size=16, accelerators=[])
    trainer = method.trainer(supernet, images, accelerator="cpu")
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for alpha in method.policy.parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=drawn))
    return trainer


def outputs_of(trainer: Any, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    method = trainer.step
    with method.supernet.on(method.policy.weight_gates(0.0)):
        outputs: Tensor = method.supernet(x)
    return outputs


def test_partial_channels_and_dropout_of_skips_are_not_left_out(space: aw.Space, images: Task) -> None:
    x = images.train[:][0][:16]
    partial = [outputs_of(made(space, images, "pcdarts", fast=fast), x) for fast in (False, True)]
    torch.testing.assert_close(*partial, rtol=1e-4, atol=1e-5)
    dropped, plain = [], []
    for fast in (False, True):
        trainer = made(space, images, "darts", fast=fast)
        plain.append(outputs_of(trainer, x))
        drop_skips(trainer.network, 0.5)
        dropped.append(outputs_of(trainer, x))
    torch.testing.assert_close(*plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(*dropped, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(plain[0], dropped[0], atol=1e-2)


def test_second_order_and_the_eigenvalue_agree(space: aw.Space, images: Task) -> None:
    alphas, eigenvalues = [], []
    for fast in (False, True):
        trainer = made(space, images, "darts2", fast=fast)
        method = trainer.step
        trainer.optimizers["architecture"] = torch.optim.SGD(method.policy.parameters(), lr=1.0)
        before = torch.cat([alpha.detach().flatten() for alpha in method.policy.parameters()])
        trainer.network.train()
        method.architecture_step(trainer, trainer.pull("architecture"), trainer.pull("weights"))
        alphas.append(torch.cat([alpha.detach().flatten() for alpha in method.policy.parameters()]) - before)
        eigenvalues.append(method.eigenvalue(trainer))
    assert (alphas[0] - alphas[1]).norm() < 1e-2 * alphas[0].norm()
    assert eigenvalues[0] == pytest.approx(eigenvalues[1], rel=2e-2)
