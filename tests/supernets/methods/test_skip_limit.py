from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import SearchError, UsageError
from archwright.supernets import Supernet
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.darts import Softmax
from archwright.supernets.methods.derivation import limit_skips, skips

LABELS = ("none", "skip_connect", "avg_pool_3x3", "conv_3x3")


def policy_for(space: aw.Space, seed: int, lift: float) -> Softmax:
    policy = Softmax()
    policy.setup(Supernet(space), torch.Generator().manual_seed(0))
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for alpha in policy.parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=drawn))
            alpha[1] += lift
    return policy


def refined(policy: Softmax, limit: int) -> dict[str, str]:
    """The active operations by the paper's refinement: while there are too many, the weakest skip is set to zero."""
    weights = {
        address: dict(zip(LABELS, alpha.softmax(0).tolist(), strict=True))
        for address, alpha in policy.alphas.items()
    }
    for labels in weights.values():
        labels["none"] = -1.0
    while True:
        chosen = {}
        for node, states in ((0, 2), (1, 3)):
            best = {
                address: max(weights[address].items(), key=lambda pair: pair[1])
                for address in (f"normal.{node}.from_{state}" for state in range(states))
            }
            for address in sorted(best, key=lambda address, best=best: -best[address][1])[:2]:
                chosen[address] = best[address]
        skipping = [address for address, (label, _) in chosen.items() if label == "skip_connect"]
        if len(skipping) <= limit:
            return {address: label for address, (label, _) in chosen.items()}
        weakest = min(skipping, key=lambda address, chosen=chosen: chosen[address][1])
        weights[weakest]["skip_connect"] = 0.0


@pytest.mark.parametrize(("seed", "limit"), list(itertools.product(range(6), (0, 1, 2))))
def test_the_best_one_is_found_by_the_papers_refinement(cells: aw.Space, seed: int, limit: int) -> None:
    policy = policy_for(cells, seed, lift=3.0)
    found = next(limit_skips(cells, policy.preferences, limit))
    assert {a: v for a, v in found.items() if ".from_" in a} == refined(policy, limit)


def test_no_proposal_has_more_and_each_comes_once(cells: aw.Space) -> None:
    policy = policy_for(cells, 1, lift=4.0)
    found = list(itertools.islice(limit_skips(cells, policy.preferences, 1), 30))
    assert all(len(skips(architecture)) <= 1 for architecture in found)
    assert len(set(found)) == len(found)


def test_only_the_normal_cell_is_limited() -> None:
    def space(first: str, second: str) -> aw.Space:
        chosen = [aw.choice(*LABELS[1:], name=name) for name in (first, second)]
        return aw.Space(aw.layer(dict, *chosen))

    def preferring_skips(at: aw.Space) -> Any:
        ranked = [("skip_connect", -0.1), ("conv_3x3", -1.0)]
        return lambda refused: {
            a: [pair for pair in ranked if (a, pair[0]) not in refused] for a in at.decisions
        }

    with_cells = space("normal.0", "reduction.0")
    (best, *_) = limit_skips(with_cells, preferring_skips(with_cells), 0)
    assert dict(best) == {"normal.0": "conv_3x3", "reduction.0": "skip_connect"}
    without = space("first", "second")
    (best, *_) = limit_skips(without, preferring_skips(without), 0)
    assert set(best.values()) == {"conv_3x3"}


def test_says_when_nothing_is_within_the_limit() -> None:
    space = aw.Space(aw.layer(dict, aw.choice("skip_connect", "conv", name="op")))
    only_skip = {"op": [("skip_connect", 0.0)]}
    with pytest.raises(SearchError, match="use a larger skip_limit"):
        next(limit_skips(space, lambda refused: only_skip, 0))


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(UsageError, match="skip_limit >= 0"):
        Bilevel(Softmax(), skip_limit=-1)
