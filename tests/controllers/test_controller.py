from __future__ import annotations

import math

import pytest
import torch

import archwright.spaces as aw
from archwright.controllers import Controller, ControllerSample, Reinforce
from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.testing.toy_spaces import TOY_SPACES, Part, conditional, subsets, uneven

FINITE = [name for name, make in TOY_SPACES.items() if make().size_bound <= 500]


def controller_for(space: Space, seed: int = 0, **options: float) -> Controller:
    controller = Controller(space, hidden=8, generator=torch.Generator().manual_seed(seed), **options)
    with torch.no_grad():  # away from the uniform distribution it begins with
        for parameter in controller.parameters():
            parameter.mul_(30)
    return controller


def everything(space: Space) -> list[Architecture]:
    """All architectures before constraints and another canonical form."""
    return list(Space(space.network, training=space.training))


@pytest.mark.parametrize("name", FINITE)
def test_the_probabilities_of_all_architectures_sum_to_one(name: str) -> None:
    space = TOY_SPACES[name]()
    controller = controller_for(space)
    with torch.no_grad():
        found = [controller.evaluate(architecture) for architecture in everything(space)]
    assert sum(sample.log_probability.exp().item() for sample in found) == pytest.approx(1, abs=1e-4)
    # By the chain rule the mean entropy on the way is the entropy of the whole.
    p = torch.stack([sample.log_probability.exp() for sample in found]).double()
    on_the_way = torch.stack([sample.entropy for sample in found]).double()
    assert float((p * on_the_way).sum()) == pytest.approx(float(torch.special.entr(p).sum()), abs=1e-3)


@pytest.mark.parametrize("name", list(TOY_SPACES))
def test_what_it_emits_is_an_architecture_and_is_evaluated_exactly(name: str) -> None:
    space = TOY_SPACES[name]()
    controller = controller_for(space)
    generator = torch.Generator().manual_seed(1)
    bare = Space(space.network, training=space.training)
    for _ in range(10):
        sample = controller.sample(generator)
        assert bare.contains(sample.architecture)
        again = controller.evaluate(sample.architecture)
        assert again.architecture == sample.architecture
        assert again.log_probability.item() == sample.log_probability.item()
        active = {a for a in sample.architecture if space.decisions[a].size > 1}
        assert set(sample.chances) == active


@pytest.mark.parametrize("name", list(TOY_SPACES))
def test_all_at_once_are_evaluated_as_one_by_one(name: str) -> None:
    space = TOY_SPACES[name]()
    controller = controller_for(space)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        drawn = [controller.sample(generator).architecture for _ in range(9)]
    weights = torch.rand(2, len(drawn), generator=generator)

    def weighed(samples: list[ControllerSample]) -> list[torch.Tensor]:
        """The gradient of a sum of everything."""
        log_p = torch.stack([sample.log_probability for sample in samples])
        entropy = torch.stack([sample.entropy for sample in samples])
        total = (weights[0] * log_p + weights[1] * entropy).sum()
        return list(torch.autograd.grad(total, list(controller.parameters()), materialize_grads=True))

    one_by_one = [controller.evaluate(architecture) for architecture in drawn]
    at_once = controller.evaluate_all(drawn)
    for one, other in zip(one_by_one, at_once, strict=True):
        assert other.architecture == one.architecture
        torch.testing.assert_close(other.log_probability, one.log_probability)
        torch.testing.assert_close(other.entropy, one.entropy)
        assert list(other.chances) == list(one.chances)
        for address, chances in one.chances.items():
            torch.testing.assert_close(other.chances[address], chances)
    if controller.values:
        for one, other in zip(weighed(one_by_one), weighed(at_once), strict=True):
            torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    assert controller.evaluate_all([]) == []


@pytest.mark.parametrize("make", [conditional, subsets, uneven])
def test_what_it_draws_follows_its_probabilities(make) -> None:
    space = make()
    controller = controller_for(space)
    generator = torch.Generator().manual_seed(2)
    draws = 1500
    counts: dict[Architecture, int] = {}
    with torch.no_grad():
        for _ in range(draws):
            architecture = controller.sample(generator).architecture
            counts[architecture] = counts.get(architecture, 0) + 1
        statistic, cells, rest, drawn_rest = 0.0, 0, 1.0, draws
        for architecture in everything(space):
            p = controller.evaluate(architecture).log_probability.exp().item()
            if p * draws >= 5:
                statistic += (counts.get(architecture, 0) - draws * p) ** 2 / (draws * p)
                cells, rest, drawn_rest = cells + 1, rest - p, drawn_rest - counts.get(architecture, 0)
    if rest * draws >= 5:
        statistic += (drawn_rest - draws * rest) ** 2 / (draws * rest)
    # chi-square: mean cells, variance 2 cells
    assert statistic < cells + 5 * math.sqrt(2 * cells)


def test_bounds_temper_the_logits() -> None:
    space = aw.Space(
        aw.layer(
            Part, aw.categorical(["a", "b"], name="op"), aw.integer(1, 2, name="n"), aw.subset(1, name="s")
        )
    )
    controller = controller_for(space)
    with torch.no_grad():
        for parameter in controller.parameters():
            parameter.mul_(1e4)  # so that tanh is +-1
        chances = controller.sample(torch.Generator().manual_seed(0)).chances
    for address, bound in (("op", 2.5), ("n", 1.1), ("s", 1.1)):
        most = torch.tensor(2 * bound).sigmoid().item()
        reachable = torch.tensor([0.5, most, 1 - most])
        assert (reachable - chances[address][0]).abs().min() < 1e-4


def test_an_exact_number_of_items_leaves_no_choice_for_the_last() -> None:
    space = aw.Space(aw.layer(Part, aw.subset(4, 2, name="s")))
    controller = controller_for(space)
    generator = torch.Generator().manual_seed(0)
    assert {len(controller.sample(generator).architecture["s"]) for _ in range(50)} == {2}
    assert controller.evaluate({"s": (2, 3)}).log_probability.item() == pytest.approx(
        sum(torch.log(1 - controller.evaluate({"s": (2, 3)}).chances["s"][i]).item() for i in range(2)),
        abs=1e-4,
    )


def test_attention_lets_a_skip_depend_on_an_earlier_choice() -> None:
    """Whether item 1 is taken depends on the state in which the first operation was chosen."""
    first = aw.categorical(["a", "b"], name="0.operation")
    second = aw.categorical(["a", "b"], name="1.operation")
    space = aw.Space(aw.layer(Part, first, second, aw.subset(2, name="1.skips")))
    controller = controller_for(space)
    sample = controller.evaluate({"0.operation": "a", "1.operation": "b", "1.skips": (1,)})
    sample.log_probability.backward()
    gradient = controller.anchor_key.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_numbers_on_a_scale_are_chosen_among_some() -> None:
    space = aw.Space(aw.layer(Part, aw.real(1e-4, 1.0, log=True, name="rate"), aw.integer(1, 1000, name="n")))
    controller = Controller(space)
    assert len(controller.values["rate"]) == len(controller.values["n"]) == 32
    assert controller.values["n"][0] == 1
    assert controller.values["n"][-1] == 1000
    near = controller.evaluate({"rate": 0.97, "n": 998})
    assert dict(near.architecture) == {"rate": 1.0, "n": 1000}


def test_only_what_it_shall_decide_is_decided() -> None:
    space = conditional()
    controller = Controller(space, decides=["operation"])
    generator = torch.Generator().manual_seed(0)
    drawn = [controller.sample(generator).architecture for _ in range(50)]
    assert {a["operation"] for a in drawn} == {"convolution", "pooling", "identity", "zero"}
    assert {a.get("operation.convolution.kernel") for a in drawn} == {3, None}


def test_the_same_seed_gives_the_same_controller() -> None:
    first, second = (Controller(conditional(), generator=torch.Generator().manual_seed(4)) for _ in range(2))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.abs().max() <= 0.1


# REINFORCE


def two_decisions() -> Space:
    return aw.Space(
        aw.layer(Part, aw.categorical(["a", "b", "c"], name="x"), aw.categorical(["d", "e"], name="y"))
    )


def reward(architecture: Architecture) -> float:
    return {"a": 0.3, "b": -1.0, "c": 2.0}[architecture["x"]] * {"d": 1.0, "e": -0.5}[architecture["y"]]


def flat_gradient(controller: Controller, value: torch.Tensor) -> torch.Tensor:
    found = torch.autograd.grad(value, list(controller.parameters()), allow_unused=True)
    return torch.cat([
        (torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(controller.parameters(), found, strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize("baseline", [0.0, -3.0, 0.7])
def test_the_estimator_is_exactly_unbiased_by_enumeration(baseline: float) -> None:
    space = two_decisions()
    controller = controller_for(space)
    trainer = Reinforce(controller, entropy_weight=0.0)
    trainer.baseline = baseline
    evaluated = [controller.evaluate(architecture) for architecture in space]
    expected_reward = sum(e.log_probability.exp() * reward(e.architecture) for e in evaluated)
    exact = flat_gradient(controller, expected_reward)
    mean = torch.zeros_like(exact)
    for sample in [controller.evaluate(architecture) for architecture in space]:
        p = sample.log_probability.exp().item()
        mean -= p * flat_gradient(controller, trainer.loss([sample], [reward(sample.architecture)]))
    torch.testing.assert_close(mean, exact, rtol=1e-4, atol=1e-6)


def test_the_mean_over_draws_is_within_its_error_of_the_exact_gradient() -> None:
    space = two_decisions()
    controller = controller_for(space)
    trainer = Reinforce(controller, entropy_weight=0.0)
    trainer.baseline = 0.1
    evaluated = [controller.evaluate(architecture) for architecture in space]
    expected_reward = sum(e.log_probability.exp() * reward(e.architecture) for e in evaluated)
    exact = flat_gradient(controller, expected_reward)
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for _ in range(600):
        sample = controller.sample(generator)
        drawn.append(-flat_gradient(controller, trainer.loss([sample], [reward(sample.architecture)])))
    sample = torch.stack(drawn)
    error = sample.std(0) / math.sqrt(len(sample))
    assert ((sample.mean(0) - exact).abs() <= 5 * error + 1e-7).all()
    assert exact.abs().max() > 10 * error.median()


def test_the_entropy_is_a_part_of_the_reward_without_a_gradient() -> None:
    controller = controller_for(two_decisions())
    sample = controller.evaluate({"x": "a", "y": "d"})
    plain, with_entropy = Reinforce(controller, entropy_weight=0.0), Reinforce(controller, entropy_weight=0.5)
    plain.baseline = with_entropy.baseline = 0.0
    bonus = 0.5 * sample.entropy.item()
    first = flat_gradient(controller, plain.loss([sample], [1.0 + bonus]))
    second = flat_gradient(controller, with_entropy.loss([controller.evaluate({"x": "a", "y": "d"})], [1.0]))
    torch.testing.assert_close(first, second)


def test_the_baseline_is_a_moving_average() -> None:
    controller = controller_for(two_decisions())
    trainer = Reinforce(controller, baseline_decay=0.9, entropy_weight=0.0)
    trainer.step([controller.evaluate({"x": "a", "y": "d"})], [2.0])
    assert trainer.baseline == pytest.approx(2.0)
    trainer.step([controller.evaluate({"x": "a", "y": "d"})] * 2, [1.0, 0.0])
    assert trainer.baseline == pytest.approx(0.9 * (0.9 * 2.0 + 0.1 * 1.0))


def test_it_learns_the_best_of_a_table() -> None:
    space = conditional()
    controller = Controller(space, generator=torch.Generator().manual_seed(0))
    trainer = Reinforce(controller, learning_rate=3.5e-3)
    generator = torch.Generator().manual_seed(1)

    def score(architecture: Architecture) -> float:
        return float(architecture["operation"] == "convolution") + float(
            architecture.get("operation.convolution.kernel") == 5
        )

    for _ in range(100):
        samples = [controller.sample(generator) for _ in range(10)]
        trainer.step(samples, [score(sample.architecture) for sample in samples])
    drawn = [controller.sample(generator).architecture for _ in range(100)]
    assert sum(score(architecture) == 2.0 for architecture in drawn) > 70


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UsageError, match="baseline_decay < 1"):
        Reinforce(Controller(conditional()), baseline_decay=1.0)
