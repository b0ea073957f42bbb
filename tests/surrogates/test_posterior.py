from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.surrogates import Features, GaussianProcess, MixedKernel, Posterior
from archwright.testing.toy_spaces import conditional, flat, nested, reals, shared, subsets

SPACES = {make.__name__: make for make in (conditional, flat, nested, reals, shared, subsets)}


def parts(name: str, seed: int, rows: int, pool: int):  # type: ignore[no-untyped-def]
    from random import Random

    space = SPACES[name]()
    features = Features(space)
    kernel = MixedKernel(features.groups)
    random = Random(seed)
    made = [space.sample(random) for _ in range(rows + pool)]
    drawn = np.random.default_rng(seed)
    weights = kernel.prior_means() + 0.5 * drawn.standard_normal(len(features.groups))
    return space, kernel, np.append(weights, -3.0), made, features(made), drawn.standard_normal(rows)


@pytest.mark.parametrize("name", sorted(SPACES))
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_is_the_exact_posterior_in_each_of_its_ways(name: str, seed: int) -> None:
    rows, pool = 12, 30
    _, kernel, fitted, _, features, values = parts(name, seed, rows, pool)
    posterior = Posterior(kernel, fitted, features[:5])
    posterior.set_pool(features[rows:])
    for row in range(5, rows):
        posterior.add_row(features[row : row + 1])
    mean, deviation = posterior.predict(values)

    # By the textbook's formula.
    scaled = kernel.scaled(features, fitted[:-1])
    full = kernel.between(scaled, scaled)
    noise = np.exp(fitted[-1]) + 1e-10
    inverse = np.linalg.inv(
        full[:rows, :rows] + noise * np.eye(rows) - np.diag(np.diag(full[:rows, :rows]) - 1.0)
    )
    cross = full[:rows, rows:]
    signal = values @ inverse @ values / rows
    expected = np.maximum(1.0 - np.einsum("ij,ik,kj->j", cross, inverse, cross), 1e-9)
    np.testing.assert_allclose(mean, values @ inverse @ cross, atol=1e-6)
    np.testing.assert_allclose(deviation**2, signal * expected, rtol=1e-4, atol=1e-6)

    looked = posterior.predict_at(values, features[rows:])
    np.testing.assert_allclose(looked[0], mean, atol=1e-8)
    np.testing.assert_allclose(looked[1], deviation, rtol=1e-4, atol=1e-6)

    glanced = posterior.optimistic_bound(values, features[rows:].astype(np.float32))
    np.testing.assert_allclose(glanced[0], mean, atol=2e-3)
    assert (glanced[1] >= deviation - 2e-3).all()


@pytest.mark.parametrize("name", sorted(SPACES))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_imputes_what_the_dense_formula_expects(name: str, data: st.DataObject) -> None:
    rows = data.draw(
        st.one_of(st.integers(2, 40), st.just(400)), label="rows"
    )  # of 400, several blocks are missing
    seed, noise = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from([-3.0, -7.0]), label="noise")
    share = data.draw(st.floats(0.0, 1.0), label="share")
    certain = data.draw(st.integers(0, rows), label="certain")
    begun = data.draw(st.integers(1, rows), label="begun")
    _, kernel, fitted, _, features, values = parts(name, seed, rows, 0)
    fitted[-1] = noise
    posterior = Posterior(kernel, fitted, features[:begun])
    for row in range(begun, rows):
        posterior.add_row(features[row : row + 1])
    missing = np.random.default_rng(seed).random(rows) < share
    missing[:certain] = False
    missing[seed % rows] = False
    given_values = np.where(missing, np.nan, values)
    filled = posterior.impute_pending(given_values)

    scaled = kernel.scaled(features, fitted[:-1])
    full = kernel.between(scaled, scaled)
    np.fill_diagonal(full, 1.0 + np.exp(noise) + 1e-10)
    known = ~missing
    expected = full[np.ix_(missing, known)] @ np.linalg.solve(full[np.ix_(known, known)], values[known])
    np.testing.assert_array_equal(filled[known], values[known])
    np.testing.assert_allclose(filled[missing], expected, rtol=0.0, atol=1e-8)
    np.testing.assert_array_equal(np.isnan(given_values), missing)  # what was given is left as it is


def test_a_process_says_the_same_as_the_surrogate() -> None:
    space, kernel, _, made, features, values = parts(sorted(SPACES)[0], 3, 12, 30)
    surrogate = GaussianProcess(space)
    surrogate.fit(made[:12], values)
    fitted = np.array(surrogate.state_dict()["hyperparameters"])
    posterior = Posterior(kernel, fitted, features[:12])
    posterior.set_pool(features[12:])
    mean, deviation = posterior.predict((values - values.mean()) / values.std())
    expected = surrogate.predict(made[12:])
    np.testing.assert_allclose(values.mean() + values.std() * mean, expected[0], atol=1e-6)
    np.testing.assert_allclose(values.std() * deviation, expected[1], rtol=1e-3, atol=1e-4)
