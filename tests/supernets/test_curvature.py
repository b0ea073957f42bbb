from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import archwright as aw
from archwright.errors import UsageError
from archwright.learning import Plan, Trainer
from archwright.supernets import Supernet, train_epoch
from archwright.supernets.curvature import largest_eigenvalue
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.darts import Softmax
from archwright.tasks import Task


@given(st.integers(1, 12), st.integers(0, 2**31))
def test_of_a_quadratic_it_is_the_largest_of_all(size: int, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    matrix = torch.randn(size, size, generator=drawn, dtype=torch.float64)
    matrix = matrix + matrix.T
    at, start = torch.randn(2, size, generator=drawn, dtype=torch.float64)
    value, vector = largest_eigenvalue(lambda x: matrix @ x, at, start, size)
    values = torch.linalg.eigvalsh(matrix)
    assert value == pytest.approx(float(values[-1]), abs=1e-8 * float(values.abs().max()))
    torch.testing.assert_close(matrix @ vector, value * vector, rtol=1e-6, atol=1e-6)


def test_a_good_start_saves_iterations() -> None:
    drawn = torch.Generator().manual_seed(0)
    matrix = torch.randn(80, 80, generator=drawn, dtype=torch.float64)
    matrix = matrix @ matrix.T
    start = torch.randn(80, generator=drawn, dtype=torch.float64)
    zero = torch.zeros(80, dtype=torch.float64)
    exact = float(torch.linalg.eigvalsh(matrix)[-1])
    errors = []
    for _ in range(6):
        value, start = largest_eigenvalue(lambda x: matrix @ x, zero, start, 3)
        assert value <= exact + 1e-6
        errors.append(exact - value)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]


def test_a_start_that_is_an_eigenvector_stays_one() -> None:
    at = torch.zeros(3, dtype=torch.float64)
    start = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)
    value, vector = largest_eigenvalue(lambda x: torch.tensor([3.0, 1.0, 2.0]) * x, at, start, 3)
    assert value == pytest.approx(1)
    assert vector.abs().tolist() == pytest.approx([0, 1, 0])


def test_flat_functions_have_eigenvalue_zero() -> None:
    zero = torch.zeros(4)
    value, vector = largest_eigenvalue(torch.zeros_like, zero, torch.ones(4), 4)
    assert value == 0
    assert vector.norm() == pytest.approx(1)


def method_for(cells: aw.Space, images: Task, dtype: torch.dtype) -> tuple[Bilevel, Trainer]:
    torch.manual_seed(0)
    method = Bilevel(Softmax(), batch_size=16, eigenvalue=True)
    if dtype is torch.float64:
        images.train = TensorDataset(images.train[:][0].double(), images.train[:][1])
        images.criterion = lambda outputs, targets, _=0.0: nn.functional.cross_entropy(outputs, targets)  # type: ignore[attr-defined]
    supernet = Supernet(cells, images.example_arguments() if dtype is torch.float32 else None)
    trainer = method.trainer(supernet.to(dtype), images, accelerator="cpu")
    drawn = torch.Generator().manual_seed(1)
    for alpha in method.policy.parameters():
        alpha.data = torch.randn(alpha.shape, generator=drawn).to(dtype)
    return method, trainer


def exact(method: Bilevel, trainer: Trainer) -> Tensor:
    """The Hessian by differentiating twice."""
    plan = Plan(size=16, device=torch.device("cpu"), division=trainer.seeds.order)
    batch = next(trainer.task.batches(method.parts["architecture"], plan))
    parameters = method.policy.parameters()
    method.supernet.train()
    method.supernet.set_gates(method.policy.architecture_gates(0.0))
    loss = trainer.task.loss(method.supernet(batch[0]).double(), batch)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    rows = [
        torch.cat([part.flatten() for part in torch.autograd.grad(one, parameters, retain_graph=True)])
        for one in flat
    ]
    return torch.stack(rows)


def test_it_is_that_of_the_exact_hessian_over_alpha(cells: aw.Space, images: Task) -> None:
    method, trainer = method_for(cells, images, torch.float64)
    before = {name: tensor.clone() for name, tensor in method.supernet.state_dict().items()}
    alphas = [alpha.detach().clone() for alpha in method.policy.parameters()]
    random = torch.get_rng_state()
    found = [method.eigenvalue(trainer) for _ in range(4)][-1]
    assert torch.equal(torch.get_rng_state(), random)
    assert all(map(torch.equal, alphas, method.policy.parameters()))
    for name, tensor in method.supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(w.requires_grad for w in method.weights)

    wanted = float(torch.linalg.eigvalsh(exact(method, trainer))[-1])
    assert wanted > 0.01
    assert found == pytest.approx(wanted, rel=1e-2)


def test_single_precision_is_enough(cells: aw.Space, images: Task) -> None:
    method, trainer = method_for(cells, images, torch.float32)
    found = [method.eigenvalue(trainer) for _ in range(4)][-1]
    wanted = float(torch.linalg.eigvalsh(exact(method, trainer).double())[-1])
    assert found == pytest.approx(wanted, rel=2e-2)


def test_an_epoch_tells_it(cells: aw.Space, images: Task) -> None:
    _, trainer = method_for(cells, images, torch.float32)
    assert "eigenvalue" in train_epoch(trainer).metrics


def test_its_batch_goes_through_the_supernet_in_micro_batches(cells: aw.Space, images: Task) -> None:
    found = []
    for accumulation in (1, 4):
        torch.manual_seed(0)
        method = Bilevel(Softmax(), batch_size=16, eigenvalue=True, accumulation=accumulation)
        supernet = Supernet(cells, images.example_arguments())
        for module in supernet.modules():
            if isinstance(module, nn.BatchNorm2d):  # else the mean over micro-batches is another function
                module.track_running_stats, module.forward = False, torch.nn.Identity().forward  # type: ignore[method-assign]
        trainer = method.trainer(supernet, images, accelerator="cpu")
        sizes: list[int] = []
        supernet.register_forward_pre_hook(lambda _, args, sizes=sizes: sizes.append(len(args[0])))
        found.append(method.eigenvalue(trainer))
        assert set(sizes) == {16 // accumulation}
    assert found[1] == pytest.approx(found[0], rel=1e-2)


@pytest.mark.parametrize("option", ["eigenvalue", "early_stop", "second_order"])
def test_it_is_not_measured_in_mixed_precision(cells: aw.Space, images: Task, option: str) -> None:
    method = Bilevel(Softmax(), batch_size=16, precision="bf16-mixed", **{option: True})  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"Bilevel cannot be trained with the precision 'bf16-mixed'.*autocast"
    ):
        method.trainer(Supernet(cells, images.example_arguments()), images, accelerator="cpu")
