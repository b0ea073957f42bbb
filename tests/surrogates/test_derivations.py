"""Surrogates on derivations of a grammar."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import make_space
from archwright.surrogates import kendall, make_surrogate


def _worth(architecture: Architecture) -> float:
    """Layers that a person would count, at one level and over two of them."""
    text = architecture["derivation"]
    good = text.count("conv3x3") + 0.5 * text.count("block(relu")
    return float(good - text.count("avg_pool") - text.count("residual2"))


@pytest.fixture(scope="module")
def scored() -> tuple[Space, list[Architecture], np.ndarray]:
    space, random = make_space("hierarchical_nasbench201", (1, 8, 8), 10, channels=4), Random(0)
    architectures = [space.sample(random) for _ in range(140)]
    return space, architectures, np.array([_worth(one) for one in architectures])


@pytest.mark.parametrize("name", ["gp", "forest"])
def test_what_rules_are_made_of_is_learned_from_few(
    scored: tuple[Space, list[Architecture], np.ndarray], name: str
) -> None:
    space, architectures, worth = scored
    surrogate = make_surrogate(name, space)
    surrogate.fit(architectures[:60], worth[:60])
    predicted, _ = surrogate.predict(architectures[60:])
    assert kendall(predicted, worth[60:]) > 0.4


def test_the_digits_that_make_a_code_unique_are_not_felt(
    scored: tuple[Space, list[Architecture], np.ndarray],
) -> None:
    space, architectures, _ = scored
    codes = np.stack([space.encode(one) for one in architectures[:20]])
    (decision,) = space.decisions.values()
    digits = decision.digits  # type: ignore[attr-defined]
    apart = ((codes[:10] - codes[10:]) ** 2).sum(1)
    assert (((codes[:10] - codes[10:])[:, -digits:] ** 2).sum(1) < 1e-9 * apart).all()
    assert len({code.tobytes() for code in codes}) == 20
