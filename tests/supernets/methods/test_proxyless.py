from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import archwright as aw
from archwright.errors import SearchError, UsageError
from archwright.supernets import Bilevel, Mixture, OnePath, Supernet, make_method, train_epoch
from archwright.supernets.methods.proxyless import BinaryGates, proxyless
from archwright.tasks import Task

FACTORS = (torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.5, 2.0, -1.0]))


def policy_for(supernet: Supernet, **options: object) -> BinaryGates:
    policy = BinaryGates(**options)  # type: ignore[arg-type]
    policy.setup(supernet, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for alpha in policy.parameters():
            alpha.copy_(torch.tensor([0.2, -0.4, 0.5]))
    return policy


def loss_of(outputs: Tensor) -> Tensor:
    return (outputs - 1.0).square().mean()


def drawn_pairs(gates: dict[str, object]) -> Iterator[tuple[tuple[int, ...], int]]:
    for gate in gates.values():
        assert isinstance(gate, Mixture)
        assert gate.weights is not None
        yield gate.computed, int(gate.weights.argmax())


def test_two_paths_run_of_which_one_is_active(supernet: Supernet) -> None:
    policy = policy_for(supernet)
    for _ in range(20):
        for gate in policy.architecture_gates(0.0).values():
            assert isinstance(gate, Mixture)
            assert gate.weights is not None
            assert len(set(gate.computed)) == 2
            assert sorted(gate.weights.tolist()) == [0.0, 0.0, 1.0]
            assert int(gate.weights.argmax()) in gate.computed


def test_alphas_gradient_is_the_papers_formula_for_the_pair(supernet: Supernet) -> None:
    policy = policy_for(supernet)
    inputs = torch.tensor([[1.0], [-0.5]])
    for _ in range(30):
        gates = policy.architecture_gates(0.0)
        with supernet.on(gates):
            gradients = torch.autograd.grad(loss_of(supernet(inputs)), policy.parameters())
        draws = list(drawn_pairs(gates))
        active = [FACTORS[place][position] for place, (_, position) in enumerate(draws)]
        outputs = inputs * active[0] * active[1]
        for place, (pair, _) in enumerate(draws):
            alpha = policy.parameters()[place].detach()
            q = alpha[list(pair)].softmax(0)
            # dL/dg_j = <dL/dy, o_j>, with o_j the output of candidate j through the rest of the active path.
            candidates = [inputs * FACTORS[place][j] * active[1 - place] for j in pair]
            slopes = [(2 * (outputs - 1) / 2 * candidate).sum() for candidate in candidates]
            expected = torch.zeros(3)
            for i, j in itertools.product(range(2), range(2)):
                expected[pair[i]] += slopes[j] * q[j] * (float(i == j) - q[i])
            torch.testing.assert_close(gradients[place], expected)


def test_the_pairs_gradient_is_unbiased_where_the_loss_is_linear_in_the_gates(supernet: Supernet) -> None:
    """E over which of the pair is active = the gradient of the expected loss under the pair's probabilities."""
    policy = policy_for(supernet)
    inputs = torch.tensor([[1.0]])
    found: dict[tuple[tuple[int, ...], ...], list[Tensor]] = {}
    for _ in range(1000):
        gates = policy.architecture_gates(0.0)
        with supernet.on(gates):
            gradients = torch.autograd.grad(supernet(inputs).sum(), policy.parameters())
        pairs = tuple(tuple(sorted(pair)) for pair, _ in drawn_pairs(gates))
        found.setdefault(pairs, []).append(torch.stack(gradients))
    assert len(found) == 9
    for pairs, drawn in found.items():
        alphas = [alpha.detach().requires_grad_() for alpha in policy.parameters()]
        means = [
            (alpha[list(pair)].softmax(0) * factors[list(pair)]).sum()
            for alpha, pair, factors in zip(alphas, pairs, FACTORS, strict=True)
        ]
        exact = torch.stack(torch.autograd.grad(means[0] * means[1], alphas))
        sample = torch.stack(drawn)
        error = sample.std(0) / math.sqrt(len(drawn))
        assert ((sample.mean(0) - exact).abs() <= 5 * error + 1e-6).all()


def test_pairs_are_drawn_without_replacement_from_the_softmax(supernet: Supernet) -> None:
    policy = policy_for(supernet)
    p = policy.parameters()[0].detach().softmax(0)
    draws = 2000
    counts: dict[tuple[tuple[int, ...], int], int] = {}
    for _ in range(draws):
        pair, active = next(drawn_pairs(policy.architecture_gates(0.0)))
        key = (tuple(sorted(pair)), active)
        counts[key] = counts.get(key, 0) + 1
    for i, j in itertools.combinations(range(3), 2):
        chance = float(p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j]))
        for active in (i, j):
            share = chance * float(p[active] / (p[i] + p[j]))
            error = math.sqrt(share * (1 - share) / draws)
            assert abs(counts[(i, j), active] / draws - share) < 4 * error


def test_a_step_keeps_the_pairs_mass_and_moves_no_other_alpha(supernet: Supernet) -> None:
    """Whatever momentum and decay the optimiser has."""
    policy = policy_for(supernet)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1, betas=(0.9, 0.999), weight_decay=0.1)
    for _ in range(10):
        before = [alpha.detach().clone() for alpha in policy.parameters()]
        gates = policy.architecture_gates(0.0)
        with supernet.on(gates):
            loss = loss_of(supernet(torch.tensor([[1.0], [-0.5]])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.after_step()
        for alpha, old, (pair, _) in zip(policy.parameters(), before, drawn_pairs(gates), strict=True):
            (other,) = {0, 1, 2} - set(pair)
            assert alpha[other] == old[other]
            p, p_before = alpha.detach().softmax(0), old.softmax(0)
            torch.testing.assert_close(p[list(pair)].sum(), p_before[list(pair)].sum())
            assert not torch.equal(alpha, old)


def test_weights_that_were_not_sampled_stay_as_they_are(nested: aw.Space, task: Task) -> None:
    """Neither decay nor momentum moves them, since their gradients are absent."""
    method = proxyless(
        epochs=2, frozen_epochs=1, batch_size=16, learning_rate=0.5, weight_decay=0.1, momentum=0.9, seed=0
    )
    supernet = Supernet(nested, task.example_arguments())
    trainer = method.trainer(supernet, task, accelerator="cpu")
    taken: set[str] = set()
    for _ in range(12):
        before = {name: tensor.detach().clone() for name, tensor in supernet.named_parameters()}
        trainer.streams["weights"].start(0)
        assert method.take(trainer)
        gate = supernet.gates.get()["outer"]
        assert isinstance(gate, OnePath)
        taken.add(gate.value)
        idle = "wide" if gate.value == "deep" else "deep"
        for name, tensor in supernet.named_parameters():
            if f".{idle}." in name:
                assert torch.equal(tensor, before[name])
    assert taken == {"deep", "wide"}


def test_alpha_stands_still_in_the_warm_up_and_then_moves_every_fifth_step(
    nested: aw.Space, task: Task
) -> None:
    method = make_method(
        "proxyless", seed=0, epochs=2, frozen_epochs=1, batch_size=10, architecture_learning_rate=0.1
    )
    assert isinstance(method, Bilevel)
    trainer = method.trainer(Supernet(nested, task.example_arguments()), task, accelerator="cpu")
    start = method.probabilities()
    assert "architecture_loss" not in train_epoch(trainer).metrics
    assert method.probabilities() == start
    assert "architecture_loss" in train_epoch(trainer).metrics
    assert method.probabilities() != start
    assert nested.contains(method.derive(1)[0])
    assert method.weight_steps_per_architecture_step == 5


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="expected latency 'flops'"):
        proxyless(latency="flop")
    with pytest.raises(UsageError, match="expected latency_term"):
        proxyless(latency_term="plus")
    with pytest.raises(UsageError, match="reference > 0"):
        proxyless(reference=-1.0)


def test_costs_need_an_example(two_choices: aw.Space) -> None:
    with pytest.raises(UsageError, match="needs an input to measure on"):
        policy_for(Supernet(two_choices), latency="flops")


@pytest.mark.parametrize("term", ["multiply", "add"])
def test_the_latency_term(nested: aw.Space, task: Task, term: str) -> None:
    policy = BinaryGates(latency="flops", latency_term=term, latency_weight=0.3, reference=100.0)
    policy.setup(Supernet(nested, task.example_arguments()), torch.Generator().manual_seed(0))
    loss = torch.tensor(2.0)
    expected = policy.expected_cost()
    # Every part is a linear layer of 6 by 6 (72 FLOPs) or nothing, and the last has 36: by hand.
    p = policy.probabilities()
    by_hand = 36 + 72 * (p["outer"]["wide"] + p["outer"]["deep"] * p["outer.deep.inner"]["one"])
    assert float(expected.detach()) == pytest.approx(by_hand, rel=1e-5)
    if term == "multiply":
        wanted = 0.2 * 2.0 * (math.log(by_hand) / math.log(100.0)) ** 0.3
    else:
        wanted = 2.0 + 0.3 * (by_hand - 100) / 100
    assert float(policy.add_penalty(loss).detach()) == pytest.approx(wanted, rel=1e-5)


def test_the_expected_cost_moves_only_the_pair_along_its_gradient_at_fixed_mass() -> None:
    widths = {label: aw.layer(torch.nn.Linear, 6, 6) for label in "abc"}
    widths["none"] = aw.layer(torch.nn.Identity)
    space = aw.Space(aw.layer(torch.nn.Sequential, aw.choice(widths, name="op")))
    policy = BinaryGates(latency="flops", latency_term="add")
    policy.setup(Supernet(space, torch.zeros(2, 6)), torch.Generator().manual_seed(0))
    (alpha,) = policy.parameters()
    with torch.no_grad():
        alpha.copy_(torch.tensor([0.1, 0.2, -0.3, 0.4]))
    costs = torch.tensor([72.0, 72.0, 72.0, 0.0])
    seen = set()
    for _ in range(40):
        ((pair, _),) = drawn_pairs(policy.architecture_gates(0.0))
        seen.add(tuple(sorted(pair)))
        expected = policy.expected_cost()
        p = alpha.detach().softmax(0)
        assert float(expected.detach()) == pytest.approx(float((p * costs).sum()), rel=1e-5)
        (gradient,) = torch.autograd.grad(expected, alpha)
        mean = (p * costs)[list(pair)].sum() / p[list(pair)].sum()
        closed = torch.zeros(4)
        closed[list(pair)] = (p * (costs - mean))[list(pair)]
        torch.testing.assert_close(gradient, closed, rtol=1e-4, atol=1e-4)
    assert len(seen) == 6


def test_the_latency_term_favours_what_is_cheap(nested: aw.Space, task: Task) -> None:
    found = {}
    for latency in (None, "flops"):
        method = make_method(
            "proxyless", seed=0, epochs=12, frozen_epochs=0, every=1, architecture_learning_rate=0.1,
            latency=latency, latency_term="add", latency_weight=20.0,
        )  # fmt: skip
        trainer = method.trainer(Supernet(nested, task.example_arguments()), task, accelerator="cpu")
        for _ in range(12):
            train_epoch(trainer)
        found[latency] = method.derive(1)[0]
    assert found["flops"]["outer"] == "deep"
    assert found["flops"]["outer.deep.inner"] == "two"


def test_a_cost_whose_logarithm_is_negative_is_refused(nested: aw.Space, task: Task) -> None:
    policy = BinaryGates(latency="flops", reference=0.5)
    with pytest.raises(UsageError, match="latency_term='add'"):
        policy.setup(Supernet(nested, task.example_arguments()), torch.Generator().manual_seed(0))
    space = aw.Space(
        aw.layer(torch.nn.Sequential, aw.choice(aw.layer(torch.nn.Identity), aw.layer(torch.nn.ReLU)))
    )
    policy = BinaryGates(latency="flops", reference=5.0)
    policy.setup(Supernet(space, task.example_arguments()), torch.Generator().manual_seed(0))
    with pytest.raises(SearchError, match="latency_term='add'"):
        policy.add_penalty(torch.tensor(1.0))


def test_measured_costs_are_part_of_the_state(nested: aw.Space, task: Task) -> None:
    first, second = (BinaryGates(latency="measured", latency_term="add") for _ in range(2))
    first.setup(Supernet(nested, task.example_arguments()), torch.Generator().manual_seed(0))
    second.setup(Supernet(nested, task.example_arguments()), torch.Generator().manual_seed(0))
    second.load_state_dict(first.state_dict())
    assert second.expected_cost().item() == first.expected_cost().item() > 0
    assert second.reference == first.reference


def test_a_cost_to_aim_at_that_was_not_given_is_that_of_the_present_space(
    nested: aw.Space, task: Task
) -> None:
    policy = BinaryGates(latency="flops")
    pair = aw.choice({"one": aw.layer(torch.nn.Linear, 6, 300), "two": aw.layer(torch.nn.Linear, 6, 300)})
    wide = aw.Space(aw.layer(torch.nn.Sequential, pair, aw.layer(torch.nn.Linear, 300, 3)))
    found = []
    for space in (wide, nested):
        policy.setup(Supernet(space, task.example_arguments()), torch.Generator())
        found.append(policy.reference)
    fresh = BinaryGates(latency="flops")
    fresh.setup(Supernet(nested, task.example_arguments()), torch.Generator())
    assert found[1] == fresh.reference != found[0]
