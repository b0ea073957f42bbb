from __future__ import annotations

import math

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.strategies.bayesian.acquisition import (
    log_expected_hypervolume_improvement,
    log_expected_improvement,
)
from archwright.strategies.bayesian.box_decomposition import improving_boxes, inferred_reference

pytest.importorskip("botorch")


def made(seed: int, objectives: int, results: int, n: int = 1) -> tuple[np.ndarray, ...]:
    """Results, a reference point that some of them are better than, and n expectations of as many objectives."""
    drawn = np.random.default_rng(seed)
    losses = drawn.normal(size=(results, objectives))
    reference = np.full(objectives, 0.7)
    return (
        losses,
        reference,
        drawn.normal(size=(n, objectives)),
        np.exp(drawn.normal(-0.5, 0.7, (n, objectives))),
    )


@pytest.mark.parametrize("best", [-2.0, 0.0, 1.5])
def test_expected_improvement_is_its_integral(best: float) -> None:
    from scipy.integrate import quad

    mean, deviation = 0.3, 0.8

    def improvement(f: float) -> float:
        u = (f - mean) / deviation
        return (best - f) * math.exp(-0.5 * u * u) / (deviation * math.sqrt(2 * math.pi))

    expected, _ = quad(improvement, mean - 12 * deviation, best)
    found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert math.exp(found[0]) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), objectives=st.integers(2, 4), results=st.integers(0, 6))
def test_expected_hypervolume_improvement_is_the_mean_of_what_draws_add(
    seed: int, objectives: int, results: int
) -> None:
    losses, reference, mean, deviation = made(seed, objectives, results)
    found = log_expected_hypervolume_improvement(mean, deviation, *improving_boxes(losses, reference))
    draws = mean + deviation * np.random.default_rng(seed + 1).standard_normal((2000, objectives))
    before = moocore.hypervolume(losses, ref=reference) if results else 0.0
    added = [moocore.hypervolume(np.vstack([losses, draw]), ref=reference) - before for draw in draws]
    error = np.std(added) / len(draws) ** 0.5
    assert math.exp(found[0]) == pytest.approx(np.mean(added), abs=6 * error + 1e-3)


@pytest.mark.filterwarnings("ignore:Data .outcome observations. is not standardized")
@pytest.mark.parametrize("objectives", [2, 3])
def test_expected_hypervolume_improvement_agrees_with_botorch(objectives: int) -> None:
    import torch
    from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.utils.multi_objective.box_decompositions import NondominatedPartitioning

    drawn = np.random.default_rng(objectives)
    at, losses = torch.as_tensor(drawn.random((8, 2))), drawn.normal(size=(8, objectives))
    reference = losses.max(0) + 0.1
    model = ModelListGP(
        *(SingleTaskGP(at, torch.as_tensor(-column)[:, None], outcome_transform=None) for column in losses.T)
    ).eval()
    there = torch.as_tensor(drawn.random((20, 1, 2)))
    boxes = NondominatedPartitioning(ref_point=torch.as_tensor(-reference), Y=torch.as_tensor(-losses))
    with torch.no_grad():
        theirs = ExpectedHypervolumeImprovement(model, (-reference).tolist(), boxes)(there).log().numpy()
        posterior = model.posterior(there.squeeze(1))
        mean, deviation = -posterior.mean.numpy(), posterior.variance.sqrt().numpy()
    ours = log_expected_hypervolume_improvement(mean, deviation, *improving_boxes(losses, reference))
    exact = theirs > -20.0  # below, theirs is a difference of numbers that are nearly 1
    assert exact.sum() >= 5
    np.testing.assert_allclose(ours[exact], theirs[exact], rtol=1e-5, atol=1e-5)


def test_what_hopeless_candidates_promise_still_tells_them_apart() -> None:
    losses, reference, _, _ = made(0, 2, 5)
    mean = np.array([[far, far] for far in (5.0, 20.0, 80.0)])
    found = log_expected_hypervolume_improvement(
        mean, np.full_like(mean, 0.1), *improving_boxes(losses, reference)
    )
    assert np.isfinite(found).all()
    assert found[0] > found[1] > found[2]


def test_the_inferred_reference_is_a_tenth_beyond_the_worst() -> None:
    losses = np.array([[0.0, 10.0], [1.0, 0.0], [5.0, 20.0]])
    np.testing.assert_allclose(inferred_reference(losses), [5.5, 22.0])
    np.testing.assert_allclose(inferred_reference(losses[:1]), [0.0, 11.0], atol=1e-6)
