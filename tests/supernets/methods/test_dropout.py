from __future__ import annotations

import pytest
import torch

import archwright as aw
from archwright.errors import UsageError
from archwright.supernets import Mixture, OnePath
from archwright.supernets.methods.dropout import GateDropout

SPACE = aw.Space(
    aw.layer(
        dict, aw.choice("a", "b", "c", name="op"), aw.subset(4, name="edges"), aw.choice(1, 2, name="path")
    )
)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2])
GATES = {"op": Mixture.of_all(WEIGHTS), "edges": Mixture(None, (0, 1, 2, 3)), "path": OnePath(2)}


def test_terms_are_left_out_at_their_rate_and_the_mean_stays() -> None:
    dropout = GateDropout(0.4, 0.25, seed=0)
    draws = 3000
    sums = {"op": torch.zeros(3), "edges": torch.zeros(4)}
    counts = {"op": torch.zeros(3), "edges": torch.zeros(4)}
    for _ in range(draws):
        thinned = dropout.thin(SPACE.decisions, GATES)
        assert thinned["path"] is GATES["path"]
        for address in sums:
            gate = thinned[address]
            assert isinstance(gate, Mixture)
            assert len(gate.computed) >= 1
            assert gate.weights is not None
            for position in gate.computed:
                sums[address][position] += gate.weights[position]
                counts[address][position] += 1
    # An item is there when it is drawn, or when none was and it is the one that is kept.
    kept_op, kept_edge = 0.6 + 0.4**3 / 3, 0.75 + 0.25**4 / 4
    torch.testing.assert_close(counts["op"] / draws, torch.full((3,), kept_op), rtol=0, atol=0.04)
    torch.testing.assert_close(counts["edges"] / draws, torch.full((4,), kept_edge), rtol=0, atol=0.04)
    torch.testing.assert_close(sums["op"] / draws, WEIGHTS * kept_op / 0.6, rtol=0, atol=0.04)
    torch.testing.assert_close(sums["edges"] / draws, torch.full((4,), kept_edge / 0.75), rtol=0, atol=0.05)


def test_the_same_state_draws_the_same() -> None:
    dropout = GateDropout(0.5, 0.5, seed=3)
    state = dropout.generator.get_state()

    def drawn() -> list[tuple[int, ...]]:
        found = []
        for _ in range(10):
            gates = dropout.thin(SPACE.decisions, GATES).values()
            found += [gate.computed for gate in gates if isinstance(gate, Mixture)]
        return found

    first = drawn()
    assert drawn() != first
    dropout.generator.set_state(state)
    assert drawn() == first


@pytest.mark.parametrize("probabilities", [(1.0, 0.0), (0.0, -0.1)])
def test_probabilities_out_of_range_are_refused(probabilities: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="operation_dropout"):
        GateDropout(*probabilities, seed=0)
