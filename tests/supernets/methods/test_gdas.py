from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.supernets import Mixture, OnePath, Supernet, make_method, train_epoch
from archwright.supernets.methods.gdas import GumbelOneHot, gdas
from archwright.supernets.methods.gumbel import (
    bounded_items,
    gumbel_noise,
    gumbel_one_hot,
    gumbel_subset,
)
from archwright.tasks import Task


def policy_for(supernet: Supernet, **options: float) -> GumbelOneHot:
    policy = GumbelOneHot(epochs=11, **options)
    policy.setup(supernet, torch.Generator().manual_seed(3))
    return policy


def test_the_weights_are_exactly_one_hot_with_the_gradient_of_the_relaxed_weights() -> None:
    alpha = torch.tensor([0.3, -1.0, 0.8], requires_grad=True)
    for seed in range(20):
        tau = 0.1 + seed
        hard, position = gumbel_one_hot(alpha.log_softmax(0), tau, torch.Generator().manual_seed(seed))
        noise = gumbel_noise(3, torch.Generator().manual_seed(seed))
        p = ((alpha.log_softmax(0) + noise) / tau).softmax(0).detach()
        assert position == int(p.argmax())
        assert hard.tolist() == [float(i == position) for i in range(3)]
        for i in range(3):
            (gradient,) = torch.autograd.grad(hard[i], alpha, retain_graph=True)
            closed = p[i] * ((torch.arange(3) == i).float() - p) / tau
            torch.testing.assert_close(gradient, closed)


@pytest.mark.parametrize("tau", [10.0, 0.1])
def test_what_is_drawn_follows_alpha_whatever_the_temperature(tau: float) -> None:
    log_p = torch.tensor([0.5, 0.3, 0.2]).log()
    generator = torch.Generator().manual_seed(0)
    draws = 4000
    counts = torch.bincount(
        torch.tensor([gumbel_one_hot(log_p, tau, generator)[1] for _ in range(draws)]), minlength=3
    )
    shares, p = counts / draws, log_p.exp()
    assert ((shares - p).abs() < 4 * (p * (1 - p) / draws).sqrt()).all()


def test_values_that_were_dropped_are_never_drawn() -> None:
    log_p = torch.tensor([0.0, -math.inf, 0.0])
    generator = torch.Generator().manual_seed(0)
    assert {gumbel_one_hot(log_p, 5.0, generator)[1] for _ in range(200)} == {0, 2}


def test_draws_again_until_the_weights_are_numbers() -> None:
    hard, _ = gumbel_one_hot(torch.tensor([2e37, 1e37]), 0.1, torch.Generator().manual_seed(0))
    assert hard.isfinite().all()


def loss_of(outputs: Tensor) -> Tensor:
    return (outputs - 1.0).square().mean()


def test_alphas_gradient_is_the_closed_form_through_the_sampled_path(supernet: Supernet) -> None:
    policy = policy_for(supernet)
    inputs = torch.tensor([[1.0], [-0.5]])
    for progress in (0.0, 0.5, 0.9):
        tau = policy.temperature(progress)
        state = policy.generator.get_state()
        gates = policy.architecture_gates(progress)
        with supernet.on(gates):
            loss = loss_of(supernet(inputs))
        gradients = torch.autograd.grad(loss, policy.parameters())

        policy.generator.set_state(state)
        relaxed = []
        for alpha in policy.parameters():
            noise = gumbel_noise(3, policy.generator)
            relaxed.append(((alpha.log_softmax(0) + noise) / tau).softmax(0).detach())
        i, j = (int(p.argmax()) for p in relaxed)
        factors = torch.tensor([1.0, -2.0, 3.0])[i], torch.tensor([0.5, 2.0, -1.0])[j]
        outputs = inputs * factors[0] * factors[1]
        # A weight h scales the whole path's output here, so dL/dh is the same for both decisions.
        slope = (2 * (outputs - 1) * outputs).mean()
        for p, position, gradient in zip(relaxed, (i, j), gradients, strict=True):
            closed = slope * p[position] * ((torch.arange(3) == position).float() - p) / tau
            torch.testing.assert_close(gradient, closed)


def test_the_expected_gradient_is_that_of_the_expected_relaxed_weight(two_choices: aw.Space) -> None:
    """For a loss that is linear in the weights nothing else is biased: E[c_i grad p_i] over the noise, i = argmax p."""
    alpha = torch.tensor([0.4, 0.0, -0.3], requires_grad=True)
    costs = torch.tensor([1.0, -2.0, 0.5])
    generator = torch.Generator().manual_seed(1)
    tau, draws = 0.5, 1500
    drawn = []
    for _ in range(draws):
        hard, position = gumbel_one_hot(alpha.log_softmax(0), tau, generator)
        drawn.append(torch.autograd.grad(hard[position] * costs[position], alpha)[0])
    found = torch.stack(drawn)
    noise = torch.stack([gumbel_noise(3, generator) for _ in range(20000)])
    p = ((alpha.detach().log_softmax(0) + noise) / tau).softmax(1)
    i = p.argmax(1)
    p_i = p.gather(1, i[:, None])
    exact = (costs[i][:, None] * p_i * (nn.functional.one_hot(i, 3) - p) / tau).mean(0)
    error = found.std(0) / math.sqrt(draws)
    assert ((found.mean(0) - exact).abs() < 4.5 * error).all()


def test_only_the_sampled_operation_runs(supernet: Supernet) -> None:
    calls: list[str] = []
    for name, module in supernet.named_modules():
        if name.split(".")[-1] in list("abcdef"):
            module.register_forward_hook(lambda *_, name=name: calls.append(name.split(".")[-1]))
    policy = policy_for(supernet)
    for gates in (policy.architecture_gates(0.0), policy.weight_gates(0.0)):
        calls.clear()
        with supernet.on(gates):
            supernet(torch.ones(2, 1))
        assert len(calls) == 2


def test_the_weights_step_is_one_path_without_scaling(supernet: Supernet) -> None:
    gates = policy_for(supernet).weight_gates(0.0)
    assert all(isinstance(gate, OnePath) for gate in gates.values())
    supernet.set_gates(gates)
    supernet(torch.ones(2, 1)).sum().backward()
    trained = [name for name, tensor in supernet.named_parameters() if tensor.grad is not None]
    assert len(trained) == 2


def test_the_temperature_falls_linearly_to_the_last_epoch(supernet: Supernet) -> None:
    policy = policy_for(supernet)
    found = [policy.temperature(epoch / 11) for epoch in range(11)]
    torch.testing.assert_close(torch.tensor(found), torch.linspace(10.0, 0.1, 11))


def test_items_of_a_subset_are_drawn_by_their_sigmoids_within_the_bounds() -> None:
    logits = torch.tensor([1.0, 0.0, -2.0], requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    total, draws = torch.zeros(3), 1500
    for _ in range(draws):
        hard, chosen = gumbel_subset(logits, 2.0, (0, 3), generator)
        assert [i for i, weight in enumerate(hard.tolist()) if weight == 1.0] == list(chosen)
        total += hard.detach()
    p = logits.detach().sigmoid()
    assert ((total / draws - p).abs() < 4 * (p * (1 - p) / draws).sqrt()).all()
    hard.sum().backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()
    assert {len(gumbel_subset(logits, 2.0, (1, 2), generator)[1]) for _ in range(200)} == {1, 2}


def test_bounds_on_items() -> None:
    assert bounded_items([0.2, -1.0, 3.0], (0, 3)) == (0, 2)
    assert bounded_items([0.2, -1.0, 3.0], (1, 1)) == (2,)
    assert bounded_items([-0.2, -1.0, -3.0], (2, 3)) == (0, 1)


def test_wrong_temperatures_are_refused() -> None:
    with pytest.raises(UsageError, match="lowest_temperature > 0"):
        gdas(lowest_temperature=0.0)


def test_it_trains_nested_and_shared_decisions(nested: aw.Space, task: Task) -> None:
    method = make_method("gdas", seed=1, epochs=2, batch_size=32)
    trainer = method.trainer(Supernet(nested, task.example_arguments()), task, accelerator="cpu")
    before = {a: dict(p) for a, p in method.probabilities().items()}
    assert math.isfinite(train_epoch(trainer).metrics["train_loss"])
    train_epoch(trainer)
    after = method.probabilities()
    assert set(after) == {"outer", "outer.deep.inner", "act"}
    assert all(after[address] != before[address] for address in after)
    assert nested.contains(method.derive(1)[0])


def test_a_gate_that_is_drawn_holds_a_weight_for_every_value(supernet: Supernet) -> None:
    for gate in policy_for(supernet).architecture_gates(0.0).values():
        assert isinstance(gate, Mixture)
        assert gate.weights is not None
        assert gate.weights.shape == (3,)
        assert gate.weights[gate.computed[0]] == 1.0
