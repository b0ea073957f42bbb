"""Taylor losses against the polynomial written out, and that networks are trained with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor

from archwright.errors import SpaceError
from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.export.source import print_source
from archwright.primitives import TaylorLoss, taylor_loss_space
from archwright.spaces import Space
from archwright.tasks import make_task
from archwright.testing import NetworkSpaceContract
from archwright.trials import Candidate


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: taylor_loss_space((5,), 3, channels=4)
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 5)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


def test_the_loss_is_the_polynomial_of_all_third_order_terms_with_the_output() -> None:
    """By the general Taylor sum over powers, of which the terms without the output have no gradient."""
    random = np.random.default_rng(0)
    theta = random.normal(size=8)
    scores, targets = random.normal(size=(5, 4)), random.integers(4, size=5)
    y = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    x = np.eye(4)[targets]
    derivatives = {(0, 1): 2, (0, 2): 3, (0, 3): 4, (1, 1): 5, (1, 2): 6, (2, 1): 7}
    total = 0.0
    for i, j in itertools.product(range(4), repeat=2):
        if 1 <= i + j <= 3 and j >= 1:
            weight = math.factorial(i) * math.factorial(j)
            total += theta[derivatives[i, j]] * ((x - theta[0]) ** i * (y - theta[1]) ** j).sum(1) / weight
    expected = float(np.mean(-total / 4))
    found = TaylorLoss(theta.tolist())(torch.tensor(scores), torch.tensor(targets))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_the_gradient_is_that_of_cross_entropy_s_taylor_series_to_the_third_order() -> None:
    """Sympy expands -x log y around a point; its derivatives are the parameters, and its gradient is ours.

    Terms of the series without y are dropped by the method, so that gradients are the same and values are not.
    """
    x, y, a, b, step = sympy.symbols("x y a b step")
    loss = -x * sympy.log(y)
    along = loss.subs({x: a + step * (x - a), y: b + step * (y - b)}, simultaneous=True)
    whole = sympy.series(along, step, 0, 4).removeO().subs(step, 1)
    centre = {a: 0.4, b: 0.3}
    slope = sympy.lambdify((x, y), sympy.diff(whole, y).subs(centre))
    powers = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)]
    derivatives = [sympy.diff(loss, x, i, y, j).subs({x: a, y: b}).subs(centre) for i, j in powers]
    theta = [0.4, 0.3, *(-float(one) for one in derivatives)]  # the published loss is minus its polynomial

    random = np.random.default_rng(1)
    scores, targets = torch.tensor(random.normal(size=(5, 4)), requires_grad=True), torch.arange(5) % 4
    TaylorLoss(theta)(scores, targets).backward()
    softmax = scores.detach().softmax(1).numpy()
    by_output = slope(np.eye(4)[targets], softmax) / softmax.size
    jacobian = np.einsum("ni,ij->nij", softmax, np.eye(4)) - np.einsum("ni,nj->nij", softmax, softmax)
    assert scores.grad is not None
    np.testing.assert_allclose(scores.grad.numpy(), np.einsum("ni,nij->nj", by_output, jacobian), atol=1e-12)


def test_a_network_is_trained_with_its_loss_and_judged_by_the_task_s() -> None:
    task = make_task("breast_cancer")
    space = taylor_loss_space(task.input_shape, 2, channels=8)
    training = Training(space, task, Recipe(epochs=4), accelerator="cpu")
    good = space.default
    # Turned around, the loss teaches the wrong class.
    bad = space.architecture({**good, "loss.theta_5": -1.0})
    (_, right), (_, wrong) = (training.fit(Candidate(one)) for one in (good, bad))
    assert right.metrics["accuracy"] > 0.85
    assert wrong.metrics["accuracy"] < 0.15
    assert right.metrics["loss"] > 0


def test_the_exported_source_runs_alone() -> None:
    space = taylor_loss_space((5,), 3, channels=4)
    made: dict[str, object] = {"__name__": "model", "__file__": "model.py"}
    exec(print_source(space, space.default, torch.randn(2, 5)), made)
    network = space.build(space.default)
    printed = made["build"]()  # type: ignore[operator]
    printed.load_state_dict(network.state_dict())
    x = torch.randn(3, 5)
    torch.testing.assert_close(printed.eval()(x), network.eval()(x))


def test_a_task_without_classes_is_refused() -> None:
    with pytest.raises(SpaceError, match="two classes or more, got regression with 1 outputs"):
        taylor_loss_space((5,), 1, kind="regression")
