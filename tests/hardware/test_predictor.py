"""Latency predictors: kernels cut out of networks, forests on laws that are known, and what another device changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archwright as aw
from archwright.errors import UsageError
from archwright.hardware import (
    Agreement,
    Calibration,
    KernelForest,
    LatencyPredictor,
    Provenance,
    Setting,
    load_latency_model,
    measure_predictor,
    record,
)
from archwright.hardware import predictor as module_of_predictor
from archwright.hardware.kernels import Kernel, kernels_in, pairs_in, replay_of
from archwright.hardware.predictor import fused_pairs, nearest_kernels
from archwright.hardware.recording import Recording
from archwright.hardware.timing import Timing

IMAGES = torch.randn(2, 3, 8, 8)


class Skipping(nn.Module):
    """The convolution's result has two readers, so nothing may be joined behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return y + F.relu(self.second(y))


def recording_of(network: nn.Module) -> tuple[Recording, set[int]]:
    found = record(network, (IMAGES[:1],), {})
    return found, {value.storage for value in found.weights.values()}


def test_kernels_are_joined_where_nothing_else_reads_between() -> None:
    recording, weights = recording_of(Skipping())
    assert [one.kind for one in kernels_in(recording.operations, (), weights)] == [
        "convolution", "convolution", "relu", "add",
    ]  # fmt: skip
    fused = {("convolution", "convolution"), ("convolution", "relu"), ("relu", "add")}
    kinds = [one.kind for one in kernels_in(recording.operations, fused, weights)]
    assert kinds == ["convolution", "convolution + relu + add"]
    assert {pair.kind for pair in pairs_in(recording.operations, weights)} == {
        "convolution + relu",
        "relu + add",
    }


def test_convolutions_in_groups_are_kinds_of_their_own() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 3, groups=2))
    recording, weights = recording_of(network)
    assert [k.kind for k in kernels_in(recording.operations, (), weights)] == [
        "convolution",
        "depthwise",
        "grouped",
    ]


def test_features_count_products_and_bytes_by_hand() -> None:
    recording, weights = recording_of(nn.Conv2d(3, 20, 3, bias=False))
    (kernel,) = kernels_in(recording.operations, (), weights)
    *_, over_in, over_out, work, moved = kernel.features
    assert (over_in, over_out) == (3.0, 4.0)
    assert work == 20 * 36 * 27
    assert moved == 4 * (3 * 64 + 20 * 27 + 20 * 36)
    recording, weights = recording_of(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)))
    assert kernels_in(recording.operations, (), weights)[-1].features[-2] == 192 * 5


def test_a_replayed_kernel_computes_what_it_did() -> None:
    recording, weights = recording_of(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
    names = [operation.name for operation in recording.operations if "empty" not in operation.name]
    fused = {(names[0], names[1]), (names[1], names[2])}
    kernel = next(
        k for k in kernels_in(recording.operations, fused, weights) if k.kind.startswith("convolution")
    )
    module, (inputs, kwargs) = replay_of(kernel)
    assert [tuple(one.shape) for one in inputs] == [(1, 3, 8, 8)]
    found = module(*inputs, **kwargs)
    given = list(module.buffers())
    expected = F.conv2d(inputs[0], given[0], given[1])
    if "relu" in kernel.kind:
        scale, shift, mean, variance = given[2:6]
        expected = F.relu(F.batch_norm(expected, mean, variance.abs(), scale, shift))
        for buffer in given[5:6]:
            buffer.abs_()
        found = module(*inputs, **kwargs)
    torch.testing.assert_close(found, expected)


def test_the_nearest_kernels_of_the_space_are_measured_around_a_mistaken_one() -> None:
    left: dict[str, dict[tuple[float, ...], Kernel]] = {"convolution": {}}
    for channels in range(16, 16 * 60, 16):
        recording, weights = recording_of(nn.Conv2d(3, channels, 3))
        (kernel,) = kernels_in(recording.operations, (), weights)
        left["convolution"][kernel.features] = kernel
    mistaken = left["convolution"].pop(next(f for f in left["convolution"] if f[9] == 240.0))
    taken = nearest_kernels([mistaken], left)
    assert sorted(one.features[9] for one in taken) == [c for c in range(128, 464, 16) if c != 240]
    assert not {one.features for one in taken} & left["convolution"].keys()
    assert len(left["convolution"]) == 59 - 1 - 20


def law(macs: float, moved: float) -> float:
    return 0.01 + 2e-8 * macs + 1e-7 * moved


def kernels_of_law(count: int, seed: int) -> list[tuple[tuple[float, ...], float]]:
    draws = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        channels, side = float(draws.integers(8, 129)), float(draws.integers(4, 33))
        macs, moved = 9 * channels**2 * side**2, 8 * channels * side**2
        bend = 2.0 if channels < 32 else 1.0  # what no line can tell
        rows.append(((1.0, channels, side, macs, moved), bend * law(macs, moved)))
    return rows


def test_a_forest_learns_a_law_that_no_line_tells() -> None:
    forest = KernelForest(kernels_of_law(200, 0))
    held_out = kernels_of_law(100, 1)
    predicted = forest.predict([features for features, _ in held_out])
    errors = np.abs(predicted / [ms for _, ms in held_out] - 1)
    assert np.mean(errors < 0.1) > 0.85
    assert np.median(forest.errors) < 0.1
    larger = forest.predict([(1.0, 512.0, 64.0, 9 * 512.0**2 * 64**2, 8 * 512.0 * 64**2)])
    assert larger[0] > 5 * max(ms for _, ms in kernels_of_law(200, 0))


def predictor_of(network: nn.Module, ms: float = 0.5) -> LatencyPredictor:
    recording, weights = recording_of(network)
    samples: dict[str, list[Any]] = {}
    for kernel in kernels_in(recording.operations, (), weights):
        samples.setdefault(kernel.kind, []).extend((kernel.features, ms) for _ in range(3))
    provenance = Provenance(setting=Setting(device="cpu"), device={}, reference=0.1, space="mine")
    return LatencyPredictor(samples, (), provenance)


def test_a_network_is_the_sum_of_its_kernels_and_the_file_says_the_same(tmp_path: Path) -> None:
    network = Skipping()
    model = predictor_of(network)
    parts = model.parts(network, IMAGES)
    assert {kind: pytest.approx(ms) for kind, ms in parts.items()} == {
        "convolution": 1.0, "relu": 0.5, "add": 0.5, "calls": 0.02,
    }  # fmt: skip
    model.save(tmp_path / "p.json")
    again = load_latency_model(tmp_path / "p.json")
    assert again.predict(network, IMAGES) == model.predict(network, IMAGES)
    limit = aw.Objective("latency_ms", limit=9, options={"file": str(tmp_path / "p.json")}).load_meter()
    assert limit is not None
    assert limit.measure(network, IMAGES) == model.predict(network, IMAGES)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UsageError, match="knows no kernel of the kind 'sigmoid'"):
        predictor_of(Skipping()).parts(nn.Sigmoid(), IMAGES)


@pytest.mark.parametrize(("saved", "expected"), [(0.2, set()), (0.7, {("convolution", "relu")})])
def test_fusion_is_what_is_measured(
    saved: float, expected: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # T1 = 4, T2 = 2, and together they save a share of the smaller one; a call that computes nothing takes 1.
    def clock(modules: dict[str, Any], *_: Any, **__: Any) -> dict[str, Timing]:
        def taken(module: Any) -> float:
            names = [
                node.target.overloadpacket.__name__
                for node in module.graph.nodes
                if node.op == "call_function"
            ]
            alone = {"convolution": 4.0, "relu": 2.0}
            return 1.0 + sum(alone[name] for name in names) - (2.0 * saved if len(names) == 2 else 0.0)

        def timing(ms: float) -> Timing:
            return Timing(
                median=ms, low=ms, high=ms, least=ms, runs=1, reference=1, reference_least=1, drift=0
            )

        return {name: timing(taken(module)) for name, (module, _) in modules.items()}

    monkeypatch.setattr(module_of_predictor, "time_modules", clock)
    recording, _ = recording_of(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
    assert fused_pairs([recording], Setting(device="cpu")) == expected


def test_ten_measurements_on_another_device_mend_the_ranks() -> None:
    draws = np.random.default_rng(0)
    kinds = ("convolution", "depthwise", "linear")
    parts = [dict(zip(kinds, draws.uniform(0.5, 3, 3), strict=True)) for _ in range(40)]
    slow = {"convolution": 0.3, "depthwise": 4.0, "linear": 1.0}
    measured = [
        sum(slow[k] * ms for k, ms in one.items()) * float(np.exp(draws.normal(0, 0.02))) for one in parts
    ]
    line, kind_by_kind = (
        Calibration.fit(parts[:10], measured[:10]),
        Calibration.fit_kinds(parts[:10], measured[:10]),
    )
    before = Agreement.of([line(one) for one in parts[10:]], measured[10:])
    after = Agreement.of([kind_by_kind(one) for one in parts[10:]], measured[10:])
    assert before.correlation < 0.9 < 0.97 < after.correlation
    assert after.within > 0.9 > before.within


@pytest.mark.slow
def test_a_measured_predictor_judges_itself_by_networks_that_it_has_not_seen() -> None:
    from archwright.spaces.zoo.registry import SPACES

    space = SPACES.make("chain", (1, 8, 8), 10)
    told: list[str] = []
    model = measure_predictor(
        space, torch.randn(2, 1, 8, 8), Setting(device="cpu"), sample=4, rounds=1, most=12, log=told.append
    )
    assert model.provenance.agreement is not None
    assert model.provenance.agreement.networks == 12
    assert len(model.samples["convolution"]) > 3
    assert told[0].startswith("fused: ")


def test_a_kernel_without_tensors_has_features() -> None:
    recording, _ = recording_of(nn.BatchNorm2d(3))
    assert all(len(Kernel((one,)).features) == 32 for one in recording.operations)
