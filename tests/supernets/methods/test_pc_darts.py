from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import BuildError, UsageError
from archwright.supernets import Mixture, Supernet, make_method, train_epoch
from archwright.supernets.methods.derivation import derive_ranked
from archwright.supernets.methods.pc_darts import PartialSoftmax
from archwright.tasks import Task

SMALL = {"epochs": 4, "batch_size": 16, "frozen_epochs": 1}


def policy_for(space: aw.Space, seed: int = 0, divisor: int = 4) -> PartialSoftmax:
    policy = PartialSoftmax(divisor)
    policy.setup(Supernet(space), torch.Generator().manual_seed(0))
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=drawn))
    return policy


def test_edges_are_weighed_by_the_softmax_of_beta(cells: aw.Space) -> None:
    policy = policy_for(cells)
    assert set(policy.betas) == {"normal.0.inputs", "normal.1.inputs"}
    gates = policy.architecture_gates(0.0)
    for address, beta in policy.betas.items():
        gate = gates[address]
        assert isinstance(gate, Mixture)
        assert gate.weights is not None
        torch.testing.assert_close(gate.weights, beta.exp() / beta.exp().sum())
        assert gate.weights.requires_grad
        fixed = policy.weight_gates(0.0)[address]
        assert isinstance(fixed, Mixture)
        assert fixed.weights is not None
        assert not fixed.weights.requires_grad


@pytest.mark.parametrize("seed", range(5))
def test_the_derived_edges_are_those_with_the_largest_product_of_alpha_and_beta(
    cells: aw.Space, seed: int
) -> None:
    policy = policy_for(cells, seed)
    alphas = policy.alphas
    expected: dict[str, Any] = {}
    labels = ("skip_connect", "avg_pool_3x3", "conv_3x3")
    for node, states in ((0, 2), (1, 3)):
        beta = policy.betas[f"normal.{node}.inputs"].softmax(0).tolist()
        best = {}
        for state in range(states):
            weights = alphas[f"normal.{node}.from_{state}"].softmax(0).tolist()
            label = max(range(1, 4), key=lambda i, weights=weights: weights[i])
            best[state] = (weights[label] * beta[state], labels[label - 1])
        chosen = max(
            itertools.combinations(range(states), 2),
            key=lambda pair, best=best: math.prod(best[s][0] for s in pair),  # type: ignore[misc]
        )
        expected[f"normal.{node}.inputs"] = tuple(sorted(sorted(best, key=lambda s, b=best: -b[s][0])[:2]))
        assert chosen == expected[f"normal.{node}.inputs"]
        for state in chosen:
            expected[f"normal.{node}.from_{state}"] = best[state][1]
    assert dict(next(derive_ranked(cells, policy.preferences()))) == expected


def test_alpha_and_beta_stand_still_while_they_are_frozen(cells: aw.Space, images: Task) -> None:
    torch.manual_seed(0)
    method = make_method("pcdarts", **SMALL)
    trainer = method.trainer(Supernet(cells, images.example_arguments()), images, accelerator="cpu")
    policy: Any = method.policy  # type: ignore[attr-defined]
    start = [parameter.detach().clone() for parameter in policy.parameters()]
    first = train_epoch(trainer).metrics
    assert "architecture_loss" not in first
    assert all(map(torch.equal, start, policy.parameters()))
    last = [train_epoch(trainer).metrics for _ in range(3)][-1]
    assert not any(map(torch.equal, start, policy.parameters()))
    assert last["train_loss"] < first["train_loss"]


def test_the_defaults_are_the_papers() -> None:
    method: Any = make_method("pcdarts")
    assert (method.recipe.batch_size, method.epochs, method.frozen_epochs) == (256, 50, 15)
    assert method.recipe.learning_rate == 0.1
    assert method.lowest_learning_rate == 0.0
    assert method._architecture_options["lr"] == 6e-4
    assert method.policy.partial.divisor == 4


def test_says_at_setup_what_does_not_fit(cells: aw.Space, images: Task) -> None:
    method = make_method("pcdarts", channel_divisor=16)
    with pytest.raises(BuildError, match="use a smaller channel_divisor"):
        method.trainer(Supernet(cells, images.example_arguments()), images, accelerator="cpu")
    width = aw.Space(aw.layer(torch.nn.Linear, 4, aw.integer(1, 3)))
    with pytest.raises(UsageError, match="this space has none; use darts"):
        make_method("pcdarts").trainer(Supernet(width), images, accelerator="cpu")


def test_trying_the_example_changes_nothing(cells: aw.Space, images: Task) -> None:
    supernet = Supernet(cells, images.example_arguments())
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    gates = supernet.gates.get()
    PartialSoftmax(4).setup(supernet, torch.Generator().manual_seed(0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.state_dict().items())
    assert supernet.gates.get() == gates
    assert supernet.training
