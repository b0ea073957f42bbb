"""Weights that mutants of derived networks inherit: of einspace and of the hierarchical grammar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
import torch
from torch import Tensor, nn

from archwright.estimators import Recipe
from archwright.estimators.morphism import morph
from archwright.estimators.morphism.morphing import EXACT
from archwright.estimators.training import Training
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import einspace_space, hierarchical_space
from archwright.tasks import make_task
from archwright.trials import Candidate, LocalTrial

X = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
SMALL = einspace_space((1, 8, 8), 3, depth=7, widths=(8,))
CONVOLUTION = "routing(im2col3s1, computation(linear8), col2im)"


def _run(network: nn.Module) -> Tensor:
    y: Tensor = network(X)
    return y


def _parent(space: Space, architecture: Architecture) -> nn.Module:
    torch.manual_seed(0)
    network = space.build(architecture, X).train()
    for _ in range(3):  # so that norms have statistics of their own
        network(X)
    return network.eval()


def _architecture(text: str) -> Architecture:
    return SMALL.architecture({"derivation": f"output({text})"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: einspace_space((1, 8, 8), 3, widths=(8,)),
        lambda: hierarchical_space((1, 8, 8), 3, channels=4, macro="stage"),
    ],
    ids=["einspace", "hierarchical"],
)
def test_mutants_inherit_and_say_how_much_they_changed(make: Callable[[], Space]) -> None:
    space = make()
    architecture, random = space.default, Random(0)
    shares = []
    for _ in range(6):
        parent = _parent(space, architecture)
        child = space.mutate(architecture, random)
        made = morph(space, (architecture, parent.state_dict()), child, _run, X)
        with torch.no_grad():
            before, after = parent(X), made.network(X)
        scale = max(1.0, before.abs().max().item())
        assert made.change == pytest.approx((before - after).abs().max().item() / scale, abs=1e-5)
        assert torch.isfinite(after).all()
        assert made.network(X).shape == (6, 3)
        shares.append(made.inherited)
    assert sum(shares) / len(shares) > 0.5


def test_the_same_derivation_inherits_everything() -> None:
    architecture = _architecture(f"sequential({CONVOLUTION}, computation(norm))")
    parent = _parent(SMALL, architecture)
    made = morph(SMALL, (architecture, parent.state_dict()), architecture, _run, X)
    assert made.inherited == 1.0
    assert made.change == 0.0


@pytest.mark.parametrize(
    ("text", "most"),
    [
        # A norm begins as an identity, though all behind it stand one place later in the row.
        (f"sequential({CONVOLUTION}, sequential(computation(norm), computation(identity)))", EXACT),
        # A branch beside an identity adds nothing at first.
        (f"sequential({CONVOLUTION}, branch2(clone2, {CONVOLUTION}, computation(identity), add))", EXACT),
        # What stands before the convolution gives it more channels: of its weights a part fits.
        (f"sequential(branch2(clone2, computation(linear8), computation(linear8), add), {CONVOLUTION})", 1.0),
    ],
    ids=["norm", "branch", "before"],
)
def test_what_was_trained_stands_in_the_larger_network(text: str, most: float) -> None:
    small = _architecture(f"sequential({CONVOLUTION}, computation(identity))")
    parent = _parent(SMALL, small)
    made = morph(SMALL, (small, parent.state_dict()), _architecture(text), _run, X)
    assert made.change <= most
    convolution, head = (p for p in parent.parameters() if p.ndim == 2)
    kept = [p for p in made.network.parameters() if p.ndim == 2]
    assert torch.equal(kept[-1], head)
    if most == EXACT:
        assert torch.equal(kept[0], convolution)


def test_a_layer_inserted_among_equal_ones_leaves_these_their_weights() -> None:
    """By places in the row the new one would take over the weights of the one that stood there."""
    first, second = CONVOLUTION, "routing(im2col1s1, computation(linear8), col2im)"
    small = _architecture(f"sequential({first}, {second})")
    large = _architecture(f"sequential({first}, sequential(computation(norm), {second}))")
    parent = _parent(SMALL, small)
    made = morph(SMALL, (small, parent.state_dict()), large, _run, X)
    old, new = ([p for p in one.parameters() if p.ndim == 2] for one in (parent, made.network))
    assert len(old) == len(new) == 3
    assert all(torch.equal(a, b) for a, b in zip(old, new, strict=True))
    assert made.is_exact


def test_a_child_is_trained_from_its_parent_s_weights_for_a_part_of_the_epochs() -> None:
    task = make_task("digits")
    space = einspace_space((1, 8, 8), 10, depth=7, widths=(8,))
    small = f"output(sequential({CONVOLUTION}, computation(leaky_relu)))"
    large = f"output(sequential({CONVOLUTION}, sequential(computation(norm), computation(leaky_relu))))"
    estimator = Training(space, task, Recipe(epochs=3, batch_size=64), accelerator="cpu", threads=1)
    first = LocalTrial(3)
    estimator.estimate(Candidate(space.architecture({"derivation": small})), first)
    child = Candidate(space.architecture({"derivation": large}), parent=3, inherit="morph")
    measured = estimator.estimate(child, LocalTrial(4, parent=first.checkpoint))
    assert len(measured.curve) == 1
    assert measured.metrics["inherited"] > 0.8
    assert measured.metrics["morph_change"] <= EXACT
    fresh = estimator.estimate(replace(child, parent=None, inherit="nothing"), LocalTrial(5))
    assert measured.curve[0]["train_loss"] < fresh.curve[0]["train_loss"]
