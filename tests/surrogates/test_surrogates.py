from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates import (
    SURROGATES,
    Features,
    GaussianProcess,
    MixedKernel,
    Paths,
    compare_surrogates,
    fit_hyperparameters,
    kendall,
    make_surrogate,
    paths_of,
    prior_hyperparameters,
    spearman,
    top_k_regret,
)
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import TOY_SPACES, conditional, flat, nested, reals, subsets

QUICK = {"boosting": {"stages": 60}, "ensemble": {"epochs": 60}, "graph": {"epochs": 40, "members": 2}}


def sampled(space: Space, count: int) -> tuple[list[Architecture], list[float]]:
    found = {space.canonical(a): a for a in (space.sample(seed) for seed in range(3 * count))}
    chosen = list(found.values())[:count]
    return chosen, [ToyEstimator(space).score(architecture) for architecture in chosen]


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("make", [lambda: flat(6, 3), reals, nested], ids=["flat", "reals", "nested"])
def test_ranks_what_it_has_not_seen(name: str, make: Callable[[], Space]) -> None:
    space = make()
    architectures, scores = sampled(space, 90)
    surrogate = make_surrogate(name, space, 0, **QUICK.get(name, {}))
    cut = 2 * len(scores) // 3
    surrogate.fit(architectures[:cut], scores[:cut])
    mean, deviation = surrogate.predict(architectures[cut:])
    assert mean.shape == deviation.shape == (len(scores) - cut,)
    assert (deviation > 0).all()
    assert spearman(mean, scores[cut:]) > 0.6


@pytest.mark.parametrize("name", SURROGATES)
def test_a_state_predicts_the_same(name: str) -> None:
    space = conditional()
    architectures, scores = sampled(space, 25)
    first, second = (make_surrogate(name, space, 3, **QUICK.get(name, {})) for _ in range(2))
    with pytest.raises(UsageError, match="learned nothing yet"):
        first.state_dict()
    with pytest.raises(UsageError, match="learned nothing yet"):
        first.predict(architectures)
    first.fit(architectures[:15], scores[:15])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for one, other in zip(first.predict(architectures), second.predict(architectures), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_constant_is_learned_and_bad_data_refused(name: str) -> None:
    space = flat()
    architectures, _ = sampled(space, 10)
    surrogate = make_surrogate(name, space, 0, **QUICK.get(name, {}))
    surrogate.fit(architectures, [0.25] * 10)
    np.testing.assert_allclose(surrogate.predict(architectures)[0], 0.25, atol=0.2)
    for values in ([1.0], [math.nan] * 10):
        with pytest.raises(UsageError, match="a surrogate learns from"):
            surrogate.fit(architectures, values)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown surrogate 'forrest'\. Did you mean 'forest'"):
        make_surrogate("forrest", flat())


@pytest.mark.parametrize("name", TOY_SPACES)
def test_features_tell_architectures_apart_and_inactive_ones_are_no_number(name: str) -> None:
    space = TOY_SPACES[name]()
    architectures = list({space.sample(seed) for seed in range(40)})
    rows = Features(space)(architectures)
    assert rows.min() >= 0.0
    assert rows.max() <= 1.0
    assert len({row.tobytes() for row in rows}) == len(architectures)


def test_the_squared_distance_of_categoricals_is_hammings() -> None:
    space = flat(5, 4)
    first, second = space.sample(1), space.sample(2)
    rows = Features(space)([first, second])
    differ = sum(first[address] != second[address] for address in first)
    assert ((rows[0] - rows[1]) ** 2).sum() == pytest.approx(differ)


@pytest.mark.parametrize("make", [conditional, reals, subsets, nested])
def test_the_kernel_is_its_formula(make: Callable[[], Space]) -> None:
    space = make()
    features = Features(space)
    kernel = MixedKernel(features.groups)
    rows = features([space.sample(seed) for seed in range(8)])
    weights = np.random.default_rng(0).normal(size=len(features.groups))
    scaled = kernel.scaled(rows, weights)
    made = kernel.between(scaled, scaled)
    for i, j in combinations(range(8), 2):
        hamming = ordered = 0.0
        for group, weight in zip(features.groups, np.exp(weights), strict=True):
            part = weight * ((rows[i] - rows[j])[group.start : group.stop] ** 2).sum()
            hamming, ordered = (hamming, ordered + part) if group.ordered else (hamming + part, ordered)
        root = math.sqrt(5 * ordered)
        expected = math.exp(-hamming) * (1 + root + 5 * ordered / 3) * math.exp(-root)
        assert made[i, j] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("make", [conditional, reals, subsets])
def test_the_kernels_gradient_is_its_difference_quotient(make: Callable[[], Space]) -> None:
    space = make()
    features = Features(space)
    kernel = MixedKernel(features.groups)
    rows = features([space.sample(seed) for seed in range(9)])
    drawn = np.random.default_rng(1)
    weights = drawn.normal(size=len(features.groups))
    outer = drawn.normal(size=(9, 9))
    outer += outer.T

    def total(at: np.ndarray) -> float:
        scaled = kernel.scaled(rows, at)
        return float((outer * kernel.between(scaled, scaled)).sum())

    scaled = kernel.scaled(rows, weights)
    gradient = kernel.gradient(scaled, kernel.between(scaled, scaled), outer)
    for i in range(len(weights)):
        step = np.zeros_like(weights)
        step[i] = 1e-5
        assert gradient[i] == pytest.approx(
            (total(weights + step) - total(weights - step)) / 2e-5, rel=1e-4, abs=1e-5
        )


def test_fitted_weights_show_which_decision_matters() -> None:
    space = flat(4, 3)
    architectures = list(space)[::2]
    values = np.array([float(a["d1"] == 2) for a in architectures])
    features = Features(space)
    kernel = MixedKernel(features.groups)
    fitted = fit_hyperparameters(
        kernel, features(architectures), values - values.mean(), prior_hyperparameters(kernel), steps=50
    )
    assert fitted[:-1].argmax() == 1


def test_the_gaussian_process_agrees_with_botorch() -> None:
    torch = pytest.importorskip("torch")
    botorch = pytest.importorskip("botorch")
    from botorch.models.kernels.categorical import CategoricalKernel
    from gpytorch.kernels import ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.means import ZeroMean

    space = flat(5, 3)
    architectures, scores = sampled(space, 60)
    ours = GaussianProcess(space)
    ours.fit(architectures[:40], scores[:40])
    state = ours.state_dict()
    fitted = np.array(state["hyperparameters"])
    values = np.array(scores[:40])
    standard = torch.tensor((values - values.mean()) / values.std())[:, None]

    def coded(some: list[Architecture]) -> object:
        return torch.tensor([[float(a[f"d{i}"]) for i in range(5)] for a in some], dtype=torch.float64)

    kernel = CategoricalKernel(ard_num_dims=5).double()
    # BoTorch's is exp(-mean_c [x_c != y_c] / lengthscale_c).
    kernel.lengthscale = torch.tensor(1.0 / (5.0 * np.exp(fitted[:-1])))
    model = botorch.models.SingleTaskGP(
        coded(architectures[:40]),
        standard,
        likelihood=GaussianLikelihood().double(),
        covar_module=ScaleKernel(kernel).double(),
        mean_module=ZeroMean(),
        outcome_transform=None,
    )
    mean, deviation = ours.predict(architectures[40:])
    _, signal = ours._posterior._white(ours._values)
    model.covar_module.outputscale = signal
    model.likelihood.noise = max(signal * math.exp(fitted[-1]), 1e-4)
    posterior = model.posterior(coded(architectures[40:]))
    np.testing.assert_allclose(
        posterior.mean.detach().numpy()[:, 0] * values.std() + values.mean(), mean, atol=2e-3
    )
    np.testing.assert_allclose(
        posterior.variance.detach().sqrt().numpy()[:, 0] * values.std(), deviation, atol=5e-3
    )


def test_paths_are_those_of_the_graph() -> None:
    space = nested()
    graph = space.graph(space.sample(1))
    inner = {i: [j for k, j in graph.contains if k == i] for i in range(len(graph.nodes))}

    def below(node: int) -> list[tuple[str, ...]]:
        label = graph.nodes[node].label
        return [(label, *rest) for j in inner[node] for rest in below(j)] or [(label,)]

    assert paths_of(graph) == set(below(0))


def test_unknown_paths_are_counted() -> None:
    space = nested()
    architectures = [space.sample(seed) for seed in range(10)]
    paths = Paths(space)
    paths.learn(architectures[:5])
    rows = paths(architectures)
    assert (rows[:5, -1] == 0.0).all()
    assert set(np.unique(rows[:, :-1])) <= {0.0, 1.0}


numbers = arrays(np.float64, 12, elements=st.integers(0, 5).map(float))


@given(first=numbers, second=numbers)
def test_kendall_and_spearman_are_their_definitions(first: np.ndarray, second: np.ndarray) -> None:
    signs = [
        (np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in combinations(range(12), 2)
    ]
    untied = [sum(pair[k] != 0 for pair in signs) for k in (0, 1)]
    if not all(untied):
        assert math.isnan(kendall(first, second))
        assert math.isnan(spearman(first, second))
        return
    expected = sum(a * b for a, b in signs) / math.sqrt(untied[0] * untied[1])
    assert kendall(first, second) == pytest.approx(expected)
    ranks = [
        np.array([(x > y for y in of) and (sum(x > of) + (sum(x == of) + 1) / 2) for x in of])
        for of in (first, second)
    ]
    assert spearman(first, second) == pytest.approx(np.corrcoef(*ranks)[0, 1])


@given(predicted=numbers, true=numbers)
def test_top_k_regret_falls_to_nothing(predicted: np.ndarray, true: np.ndarray) -> None:
    regrets = [top_k_regret(predicted, true, k) for k in range(1, 13)]
    assert regrets == sorted(regrets, reverse=True)
    assert regrets[-1] == 0.0
    assert regrets[0] == true.max() - true[predicted.argmax()]


def test_top_k_regret_checks_k() -> None:
    with pytest.raises(UsageError, match="expected k from 1 to 3, got 4"):
        top_k_regret([1, 2, 3], [1, 2, 3], 4)


def test_more_networks_rank_better() -> None:
    space = flat(6, 3)
    architectures, scores = sampled(space, 200)
    found = compare_surrogates(
        space, architectures, scores, surrogates=("gp", "forest"), sizes=(10, 80), seeds=2
    )
    assert len(found) == 8
    mean = {size: np.mean([r.kendall for r in found if r.trained == size]) for size in (10, 80)}
    assert mean[80] > mean[10]
    with pytest.raises(UsageError, match="expected sizes from 2 to"):
        compare_surrogates(space, architectures, scores, sizes=(199,))
