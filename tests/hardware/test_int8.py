"""Networks in INT8 by onnxruntime: what they compute, how large they are, how a task scores them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.hardware import Setting, int8_bytes, int8_network, weight_bytes

pytest.importorskip("onnxruntime")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 64, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 200),
    )  # fmt: skip


def test_outputs_are_near_and_the_file_is_about_as_small_as_the_formula_says() -> None:
    made, images = network().eval(), torch.randn(40, 1, 12, 12)
    quantised = int8_network(made, [images[:16], images[16:]])
    with torch.no_grad():
        expected = made(images)
    found = quantised(images)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 0.2 * expected.std()
    assert not torch.equal(found, expected)
    formula = int8_bytes(made, images)
    assert (
        formula < quantised.nbytes < 0.5 * weight_bytes(made)
    )  # the file has the graph's text beside the weights
    assert quantised.nbytes - formula < 16_000


def test_named_inputs_and_several_outputs_keep_their_structure() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(4, 8), nn.Linear(6, 8)

        def forward(self, a: Tensor, *, b: Tensor) -> dict[str, Any]:
            x, y = self.left(a), self.right(b)
            return {"sum": x + y, "parts": [x, y]}

    a, b = torch.randn(9, 4), torch.randn(9, 6)
    made = Two().eval()
    found = int8_network(made, [((a,), {"b": b})])(a, b=b)
    assert found["sum"].shape == (9, 8)
    torch.testing.assert_close(found["parts"][1], made(a, b=b)["parts"][1], atol=0.1, rtol=0.1)


def test_the_meter_counts_the_bytes_of_the_file_where_it_is_asked_to() -> None:
    made, images = network().eval(), torch.randn(2, 1, 12, 12)
    measured, formula = (
        aw.Objective("int8_size", options={"measured": how}).load_meter() for how in (True, False)
    )
    assert measured is not None
    assert formula is not None
    assert not measured.is_cheap
    assert formula.measure(made, images) == int8_bytes(made, images)
    assert measured.measure(made, images) == int8_network(made, [images]).nbytes


def test_latency_is_measured_in_int8() -> None:
    made = nn.Sequential(nn.Conv2d(16, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.Flatten()).eval()
    images = torch.randn(2, 16, 12, 12)
    setting = Setting(runtime="onnxruntime", precision="int8")
    with setting.prepare(made, images) as run:
        (found,) = run()
    assert found.shape == (1, 64 * 64)
    expected = made(images[:1]).detach()
    assert 0 < abs(torch.from_numpy(found) - expected).max() < 0.2 * expected.std()
    options = {"runtime": "onnxruntime", "precision": "int8"}
    meter = aw.Objective("latency_ms", options=options).load_meter()
    assert meter is not None
    assert meter.measure(made, images) > 0


def test_int8_runs_in_onnxruntime_alone() -> None:
    with pytest.raises(UsageError, match="the precision int8 runs in onnxruntime, got the runtime eager"):
        aw.Objective("latency_ms", options={"precision": "int8"}).load_meter()


def test_without_examples_it_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one example to calibrate"):
        int8_network(network(), [])


@pytest.mark.slow
def test_a_search_under_a_limit_of_int8_size_tells_the_score_in_int8(tmp_path: Path) -> None:
    result = aw.search(
        "chain", "digits", objectives=["accuracy", aw.Objective("int8_size", limit=1e5, optimize=False)],
        budget=aw.Budget(trials=2), recipe=aw.Recipe(epochs=2), retrain=1, baseline=False, accelerator="cpu",
        formats=[], out=tmp_path / "run",
    )  # fmt: skip
    told = result.run.measured
    assert told is not None
    assert told["int8_size"]["measured"] > 0
    assert told["int8_size"]["predicted"] == result.run.winner.metrics["int8_size"]
    assert told["int8_accuracy"]["predicted"] == result.run.test["accuracy"]
    assert abs(told["int8_accuracy"]["measured"] - told["int8_accuracy"]["predicted"]) < 0.1
