"""The generator: the contract of strategies, what it learns, and how it is guided."""

from __future__ import annotations

from functools import partial
from random import Random

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import make_space, nasbench201_space
from archwright.strategies import Strategy, make_strategy
from archwright.strategies.generator import GuidedDiffusion, generator_search
from archwright.strategies.generator.denoiser import Denoiser, Example
from archwright.strategies.generator.noise import NoiseSchedule
from archwright.strategies.generator.variables import Variables
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import LocalTrial, Measurement, Trial, TrialState

SCORE = Objective("score", Direction.MAXIMIZE)
QUICK = {"chains": 4, "proposals": 2, "steps": 2, "examples": 8, "passes": 1}


@pytest.mark.sampled(6)
class TestGenerator(StrategyContract):
    make = partial(generator_search, initial=6, every=25, **QUICK)


@pytest.mark.slow
@pytest.mark.sampled(4)
class TestGeneratorWithALimit(StrategyContract):
    make = partial(generator_search, initial=6, every=25, **QUICK)
    objectives = (SCORE, Objective("cost", Direction.MINIMIZE, limit=0.3))


def best_of(strategy: Strategy, trials: int) -> float:
    estimator = ToyEstimator(flat(8, 4))
    best = 0.0
    for number in range(trials):
        candidate = strategy.ask()
        trial = Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        best = max(best, trial.metrics["score"])
        strategy.tell(trial)
    return best


@pytest.mark.slow
def test_finds_better_than_random() -> None:
    space = flat(8, 4)
    seeds = range(5)
    found = [best_of(generator_search(space, [SCORE], seed=seed), 50) for seed in seeds]
    random = [best_of(make_strategy("random", space, [SCORE], seed), 50) for seed in seeds]
    assert np.mean(found) > np.mean(random)
    assert sum(a > b for a, b in zip(found, random, strict=True)) >= 4


def examples(space: Space, architectures: list[Architecture], schedule: NoiseSchedule) -> list[Example]:
    variables, random, made = Variables(space), Random(0), []
    for i in range(200):
        clean = variables.read(architectures[i % len(architectures)])
        t = 1 + i % schedule.steps
        levels = {
            number: schedule.noised(level, variables.listed[number].levels, t, random)
            for number, level in clean.items()
        }
        noisy = variables.write(levels, {}, random)
        made.append(Example(space.graph(noisy).condensed(), variables.read(noisy), t, clean))
    return made


def test_the_network_learns_what_the_best_have_in_common() -> None:
    """All have a 3x3 convolution on the edge from the input to the output; of the other edges nothing is known."""
    space, schedule = nasbench201_space((3, 8, 8), 10, cells=1), NoiseSchedule(4)
    fixed = space.fix({"cell.node_3.from_0": "nor_conv_3x3"})
    known = [fixed.sample(seed) for seed in range(40)]
    denoiser = Denoiser(Variables(space), schedule, seed=0)
    denoiser.learn(examples(space, known, schedule), 15)
    noise = [space.sample(seed) for seed in range(30)]
    variables = Variables(space)
    given = [(space.graph(made).condensed(), variables.read(made)) for made in noise]
    (number,) = variables.numbers("cell.node_3.from_0")
    (other,) = variables.numbers("cell.node_2.from_1")
    guesses = denoiser.guess(given, schedule.steps)
    assert np.mean([guess[number][3] for guess in guesses]) > 0.9
    assert np.mean([guess[other].max() for guess in guesses]) < 0.75
    assert all(abs(chances.sum() - 1) < 1e-5 for guess in guesses for chances in guess.values())


def test_guidance_steers_what_is_generated() -> None:
    """The surrogate knows that label 0 scores; with guidance it is generated more often than without."""
    space = flat(6, 3)

    def share(guidance: float) -> float:
        strategy = generator_search(
            space, [SCORE], seed=1, initial=20, guidance=guidance, elite=1.0, passes=3
        )
        for number in range(20):
            candidate = strategy.ask()
            value = float(sum(value == 0 for value in candidate.architecture.values()))
            strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": value})))
        generated: list[Architecture] = []
        source = strategy.source
        assert isinstance(source, GuidedDiffusion)
        clean = source._clean

        def kept(states, t, ask):  # type: ignore[no-untyped-def]
            chosen, valued = clean(states, t, ask)
            if t == 1:
                generated.extend(chosen)
            return chosen, valued

        source._clean = kept  # type: ignore[method-assign]
        for _ in range(3):
            strategy.ask()
        return float(np.mean([value == 0 for made in generated for value in made.values()]))

    assert share(5.0) > share(0.0) + 0.1


def test_a_derivation_is_taken_from_the_best_trials_or_mutated() -> None:
    """The only decision of the space is no list of values, so there is nothing for the network to guess."""
    space = make_space("einspace", (3, 8, 8), 10)
    strategy = generator_search(space, [SCORE], initial=5, **QUICK)
    variables = Variables(space)
    assert variables.listed == []
    assert variables.open == ["derivation"]
    told = []
    for number in range(10):
        candidate = strategy.ask()
        assert space.contains(candidate.architecture)
        told.append(candidate.architecture)
        score = -float(len(candidate.architecture["derivation"]))
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": score})))
    assert len({space.canonical(made) for made in told}) == 10


def test_copies_of_a_cell_are_one_in_the_condensed_graph() -> None:
    one, five = (nasbench201_space((3, 8, 8), 10, cells=cells) for cells in (1, 5))
    for seed in range(5):
        architecture = one.sample(seed)
        small, large = one.graph(architecture).condensed(), five.graph(architecture).condensed()
        assert {node.label for node in large.nodes} == {node.label for node in five.graph(architecture).nodes}
        assert len(large.nodes) <= len(small.nodes) + 3
        assert len(five.graph(architecture).nodes) > 3 * len(large.nodes)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"chains": 0}, "chains, proposals, steps, examples and passes >= 1"),
        ({"elite": 0.0}, r"elite in \(0, 1\]"),
        ({"guidance": -1.0}, "guidance >= 0"),
        ({"initial": 1}, "initial >= 2"),
        ({"surrogate": "forrest"}, "Did you mean 'forest'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make_strategy("generator", flat(3, 3), [SCORE], **options)
