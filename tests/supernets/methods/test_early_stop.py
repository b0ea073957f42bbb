from __future__ import annotations

from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import archwright as aw
from archwright.errors import UsageError
from archwright.supernets import Supernet, train_epoch
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.darts import Softmax
from archwright.supernets.methods.dropout import GateDropout
from archwright.supernets.methods.early_stop import EigenvalueStop
from archwright.tasks import Task


def reference(values: list[float]) -> tuple[int, int] | None:
    """The epoch after which it stops and that which it returns to, from 1, written out from the paper's sentence."""
    smooth = {i: fmean(values[i - 2 : i + 3]) for i in range(2, len(values) - 2)}
    for i in smooth:
        if i - 5 in smooth and smooth[i] > 0 and smooth[i - 5] / smooth[i] < 0.75:
            return i + 2 + 1, i - 5 + 1
    return None


@given(st.lists(st.floats(0.01, 10), max_size=40))
def test_stops_where_the_papers_rule_does(values: list[float]) -> None:
    stop = EigenvalueStop()
    found = None
    for epoch, value in enumerate(values, 1):
        state = stop.add(epoch, value, {"epoch": epoch})
        stop, before = EigenvalueStop(), stop.state_dict()
        stop.load_state_dict(before)
        if state is not None:
            assert found is None
            found = epoch, state["epoch"]
    assert found == reference(values)
    assert (stop.reason is not None) == (found is not None)


def test_only_the_states_that_can_be_returned_to_are_kept() -> None:
    stop = EigenvalueStop()
    for epoch in range(1, 30):
        stop.add(epoch, 1.0, {"epoch": epoch})
    assert [state["epoch"] for state in stop.state_dict()["states"]] == list(range(22, 30))


def test_a_curvature_that_is_not_positive_stops_nothing() -> None:
    stop = EigenvalueStop()
    for epoch in range(1, 40):
        assert stop.add(epoch, -1.0 - epoch % 3, {}) is None


def test_the_search_ends_with_the_alpha_of_the_last_good_epoch(cells: aw.Space, images: Task) -> None:
    torch.manual_seed(0)
    method = Bilevel(Softmax(), epochs=20, batch_size=45, early_stop=True, frozen_epochs=2)
    trainer = method.trainer(
        Supernet(cells.scale(cells=1), images.example_arguments()), images, accelerator="cpu"
    )
    kept = []
    for _ in range(10):
        assert "eigenvalue" in train_epoch(trainer).metrics
        kept.append(method.policy.state_dict())
    # As if the validation loss had been flat so far, but in the two epochs in which alpha stood still.
    state = method.state_dict()
    assert len(state["early_stop"]["values"]) == 8
    state["early_stop"]["values"] = [1e-9] * 8
    method.load_state_dict(state, trainer.network)
    while method.stops_early() is None:
        assert train_epoch(trainer).metrics["eigenvalue"] > 1e-6
    # With the first curved epoch, the 11th, in its window, l(9) is compared with l(4), whose window begins at 2;
    # l(10) and l(5) are the first two that both are known.
    assert trainer.epoch == 12
    for address, alpha in method.policy.state_dict().items():
        assert torch.equal(alpha, kept[5 - 1][address])
    assert "alpha is that of epoch 5 again" in str(method.stops_early())


def test_gates_drawn_at_random_have_no_curvature() -> None:
    class Sampling(Softmax):  # type: ignore[misc]
        samples = True

    with pytest.raises(UsageError, match="gates that are not drawn at random"):
        Bilevel(Sampling(), GateDropout(0.0, 0.5, 0))
    for options in ({"second_order": True}, {"early_stop": True}):
        with pytest.raises(UsageError, match="gates that are not drawn at random"):
            Bilevel(Sampling(), **options)  # type: ignore[arg-type]
