from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest

from archwright.errors import MissingExtraError, UsageError
from archwright.spaces import Architecture, Space
from archwright.spaces.decisions import Categorical
from archwright.surrogates import Features, GaussianProcess, make_surrogate
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import conditional, flat, reals, shared, subsets

pytest.importorskip("botorch")


def sampled(space: Space, count: int) -> tuple[list[Architecture], np.ndarray]:
    found = {space.canonical(a): a for a in (space.sample(seed) for seed in range(3 * count))}
    chosen = list(found.values())[:count]
    return chosen, np.array([ToyEstimator(space).score(architecture) for architecture in chosen])


@pytest.mark.parametrize("make", [flat, conditional, shared, reals, subsets])
def test_the_posterior_is_that_of_our_own_process(make: Callable[[], Space]) -> None:
    space = make()
    architectures, values = sampled(space, 30)
    cut = len(architectures) // 2
    ours = GaussianProcess(space)
    ours.fit(architectures[:cut], values[:cut])
    *log_weights, log_noise = ours.state_dict()["hyperparameters"]
    unordered: list[float] = []
    ordered: list[float] = []
    for group, weight in zip(Features(space).groups, np.exp(log_weights), strict=True):
        if group.ordered:
            ordered.append(weight)
        else:
            level = isinstance(space.decisions[group.address], Categorical)
            unordered += [weight] * (1 if level else group.stop - group.start)
    # BoTorch standardises by n - 1, and takes the mean over the columns of [x ≠ y] / lengthscale.
    _, signal = ours._posterior._white(ours._values)
    signal *= (cut - 1) / cut
    lengthscales = {
        "categorical": [[1.0 / (len(unordered) * weight) for weight in unordered]],
        "matern": [[weight**-0.5 for weight in ordered]],
    }
    theirs = make_surrogate("botorch", space, steps=1)
    theirs.fit(architectures[:cut], values[:cut])
    state = theirs.state_dict()
    kernels = [name for name in state["hyperparameters"] if name.endswith("raw_lengthscale")]
    there = [name for name, part in (("categorical", unordered), ("matern", ordered)) if part]
    state["hyperparameters"] = {
        "likelihood.noise_covar.raw_noise": [signal * math.exp(log_noise)],
        "mean_module.raw_constant": 0.0,
        "covar_module.raw_outputscale": signal,
        **{name: lengthscales[part] for name, part in zip(kernels, there, strict=True)},
    }
    theirs.load_state_dict(json.loads(json.dumps(state)))
    for mine, other in zip(ours.predict(architectures), theirs.predict(architectures), strict=True):
        np.testing.assert_allclose(other, mine, rtol=1e-4, atol=1e-5)


def test_fitting_makes_the_data_more_likely_and_says_the_same_again() -> None:
    space = flat(5, 3)
    architectures, values = sampled(space, 60)
    found = []
    for steps in (1, 60, 60):
        process = make_surrogate("botorch", space, steps=steps)
        process.fit(architectures[:40], values[:40])
        mean, deviation = process.predict(architectures[40:])
        found.append((mean, deviation, -np.log(deviation) - 0.5 * ((values[40:] - mean) / deviation) ** 2))
    assert found[1][2].mean() > found[0][2].mean() + 0.5
    for one, other in zip(found[1], found[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_fitted_lengthscales_show_which_decision_matters() -> None:
    space = flat(4, 3)
    architectures = list(space)[::2]
    process = make_surrogate("botorch", space)
    process.fit(architectures, [float(a["d1"] == 2) for a in architectures])
    fitted = process.state_dict()["hyperparameters"]
    assert np.argmin(fitted["covar_module.base_kernel.raw_lengthscale"]) == 1


def test_random_numbers_of_others_are_left_alone() -> None:
    import torch

    space = flat()
    architectures, values = sampled(space, 10)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    make_surrogate("botorch", space, seed=5).fit(architectures, values)
    assert torch.equal(torch.rand(2), expected)


def test_an_option_out_of_range_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="expected steps >= 1, got 0"):
        make_surrogate("botorch", flat(), steps=0)
    monkeypatch.delitem(sys.modules, "archwright.surrogates.botorch_process")
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(MissingExtraError, match=r"'botorch'.*pip install 'archwright\[bayes\]'"):
        make_surrogate("botorch", flat())
