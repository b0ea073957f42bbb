"""What meters of devices say, computed by hand where there is a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archwright.errors import UsageError
from archwright.hardware import RAPL, Energy, Int8Size, Latency, Memory, Setting, Size, record
from archwright.hardware.energy import EnergyCounter, joules
from archwright.hardware.setting import repeated
from archwright.hardware.timing import DRIFT, time_calls
from archwright.objectives import METERS, Objective, measure_by, with_options


class Branches(nn.Module):
    """x -> a -> b, and x read again at the end: x and a live beside b."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(10, 100, bias=False)
        self.narrow = nn.Linear(100, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.relu(self.wide(x))
        return x + self.narrow(wide)


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 4),
    )


IMAGES = torch.randn(2, 3, 6, 6)


def peak_by_lifetimes(lives: list[tuple[int, int, int]]) -> int:
    """The most bytes at any time, from (first time, last time, bytes) of each tensor."""
    times = range(max(last for _, last, _ in lives) + 1)
    return max(sum(size for first, last, size in lives if first <= time <= last) for time in times)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_peak_is_that_of_the_lifetimes(batch: int) -> None:
    # Times: 0 wide, 1 relu, 2 narrow, 3 add.
    wide, narrow = 4 * 100 * batch, 4 * 10 * batch
    lives = [(0, 3, narrow), (0, 1, wide), (1, 2, wide), (2, 3, narrow), (3, 3, narrow)]
    assert Memory(batch=batch).measure(Branches(), torch.randn(2, 10)) == peak_by_lifetimes(lives)


def test_views_and_operations_in_place_take_no_memory() -> None:
    image = torch.randn(1, 3, 8, 8)
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten())
    in_place = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Flatten())
    assert Memory().measure(plain, image) == 4 * 64 * (
        4 + 4
    )  # the convolution's result and that of the activation
    assert Memory().measure(in_place, image) == 4 * 64 * (3 + 4)


def test_what_is_measured_is_no_less_than_the_formula() -> None:
    network, images = small(), IMAGES
    formula, held = Memory().measure(network, images), Memory(measured=True).measure(network, images)
    assert formula <= held <= 2 * formula
    assert network.training


def test_memory_grows_with_the_batch_and_weights_are_not_in_it() -> None:
    network = nn.Linear(1000, 10)
    assert Memory().measure(network, torch.randn(2, 1000)) == 4 * 1010
    assert Memory(batch=5).measure(network, torch.randn(2, 1000)) == 5 * 4 * 1010


def test_bytes_of_weights_in_int8_by_hand() -> None:
    convolution = 8 * 3 * 9 + 8 * 4 + 8 * 4  # weights, scales, and the bias that comes of the folded norm
    linear = 4 * 8 * 36 + 4 * 4 + 4 * 4
    assert Int8Size().measure(small(), IMAGES) == convolution + linear


def test_a_norm_that_cannot_be_folded_and_an_embedding_stay_as_they_are() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm, self.out = (
                nn.Embedding(50, 6),
                nn.LayerNorm(6),
                nn.Linear(6, 3, bias=False),
            )

        def forward(self, tokens: Tensor) -> Tensor:
            return self.out(self.norm(self.words(tokens)))

    expected = 4 * 50 * 6 + 4 * 12 + (18 + 3 * 4)
    assert Int8Size().measure(Tagger(), torch.zeros(2, 5, dtype=torch.long)) == expected

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.convolution(x)
            return y + self.norm(y)  # the norm is not the only one that reads it

    assert Int8Size().measure(Shared(), IMAGES) == (24 + 32) + 4 * 8 * 4


def test_bytes_of_weights_count_shared_ones_once() -> None:
    first = nn.Linear(4, 4, bias=False)
    assert Size().measure(nn.Sequential(first, first, nn.BatchNorm1d(4))) == 4 * 16 + 4 * 16 + 8


def test_multiply_accumulates_are_half_of_the_operations() -> None:
    found = measure_by({name: METERS.make(name) for name in ("flops", "macs")}, small(), IMAGES)
    assert found["macs"] == 8 * 27 * 36 + 4 * 8 * 36
    assert found["flops"] == 2 * found["macs"]


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_latency_has_a_range_and_a_reference_and_leaves_the_network_as_it_was(runtime: Any) -> None:
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    network, threads = small(), torch.get_num_threads()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = measure_by({"latency_ms": Latency(Setting(runtime=runtime, device="cpu"))}, network, IMAGES)
    assert set(found) == {"latency_ms", "latency_ms_iqr", "latency_ms_reference"}
    assert found["latency_ms"] > 0 <= found["latency_ms_iqr"]
    assert network.training
    assert torch.get_num_threads() == threads
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime", pytest.param("compile", marks=pytest.mark.slow)])
def test_a_network_made_ready_computes_what_it_computes(runtime: Any) -> None:
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    network = small().eval()
    with Setting(batch=3, runtime=runtime, device="cpu").prepare(network, IMAGES) as run, torch.no_grad():
        found = run()
        given = torch.as_tensor(found[0]) if isinstance(found, list) else found
        torch.testing.assert_close(given, network(IMAGES[:1].repeat(3, 1, 1, 1)), rtol=1e-4, atol=1e-5)


def test_precision_is_that_of_weights_and_inputs() -> None:
    with Setting(precision="bf16-true", device="cpu").prepare(small(), IMAGES) as run:
        assert run().dtype is torch.bfloat16
    with Setting(precision="bf16-mixed", device="cpu").prepare(small(), IMAGES) as run:
        assert run().dtype is torch.bfloat16


def test_more_work_takes_longer_in_the_same_round() -> None:
    matrix = torch.randn(256, 256)
    setting = Setting(device="cpu")
    few, many = (lambda: matrix @ matrix), (lambda: [matrix @ matrix for _ in range(12)])
    found = time_calls({"few": few, "many": many}, setting, seconds=0.1)
    assert found["many"].median > 2 * found["few"].median
    assert found["few"].reference == found["many"].reference > 0
    assert all(
        one.low <= one.median <= one.high and one.runs >= 11 and one.drift >= 0 for one in found.values()
    )


def test_a_round_in_which_the_reference_drifts_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    from archwright.hardware import timing

    rounds = iter([[[1.0] * 6 + [2.0] * 6, [9.0] * 12], [[1.0] * 12, [3.0] * 12]])
    monkeypatch.setattr(timing, "_round", lambda *_: next(rounds))
    found = time_calls({"": lambda: None}, Setting(device="cpu"))[""]
    assert (found.median, found.drift) == (3.0, 0.0)
    assert DRIFT < 1.0


def test_the_reference_call_finds_its_data_whatever_runs_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from archwright.hardware import timing

    called: list[str] = []
    monkeypatch.setattr(timing, "reference_call", lambda _: lambda: called.append("reference"))
    found = time_calls({name: lambda name=name: called.append(name) for name in "ab"}, Setting(device="cpu"))
    rounds = [*["reference"] * 5, "a", "b"]
    assert found["a"].runs >= 11
    assert called[-len(rounds) :] == rounds


def test_a_round_slower_than_the_quietest_is_repeated_and_what_remains_is_set_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from archwright.hardware import timing

    # 15 modules: a round of 12 and one of 3. The reference takes 1 ms when it is quiet; each module 5 times as long.
    speeds = iter([1.5, 1.0, 1.3, 1.05])
    rounds: list[int] = []

    def measured(calls: dict[str, Any], *_: Any) -> list[list[float]]:
        slow = next(speeds)
        rounds.append(len(calls))
        return [[slow * ms, slow * ms, 9 * ms] for ms in (1.0, *[5.0] * len(calls))]

    monkeypatch.setattr(timing, "_round", measured)
    found = timing.time_modules({str(i): (small(), IMAGES) for i in range(15)}, Setting(device="cpu"))
    assert rounds == [12, 3, 12, 12]
    assert [one.least for one in found.values()] == pytest.approx([5.0] * 15)
    assert [one.reference_least for one in found.values()] == pytest.approx([1.0] * 15)
    assert [found[name].drift for name in ("0", "14")] == pytest.approx([0.05, 0.0])


def test_arguments_that_are_no_batch_are_not_repeated() -> None:
    graph = ((torch.randn(5, 3), torch.zeros(2, 7, dtype=torch.long)), {})
    args, _ = repeated(graph, 1)
    assert args[1].shape == (2, 7)
    with pytest.raises(UsageError, match="leave batch at 1"):
        repeated(graph, 4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 0}, "batch and threads >= 1"),
        ({"precision": "8"}, "precision: expected one of 32-true"),
        ({"runtime": "tensorrt"}, "runtime: expected one of eager"),
        ({"runtime": "onnxruntime", "precision": "16-true"}, "onnxruntime runs in the precision 32-true"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Setting(**options)


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(UsageError, match="device: expected one that torch can use, got 'abacus'"):
        _ = Setting(device="abacus").place


class Clockwork(EnergyCounter):
    """A machine that takes 2 J a second idle, and 3 J more for each call."""

    def __init__(self) -> None:
        import time

        self.now, self.calls = time.perf_counter, 0

    def read(self) -> float:
        return 2.0 * self.now() + 3.0 * self.calls

    def call(self) -> None:
        self.calls += 1
        torch.randn(200, 200) @ torch.randn(200, 200)


def test_idle_power_is_taken_off() -> None:
    counter = Clockwork()
    assert joules(counter.call, counter, 0.2) == pytest.approx(3.0, rel=0.05)


def test_rapl_adds_packages_and_memory_and_evens_out_a_wrap(tmp_path: Path) -> None:
    def domain(folder: str, name: str, now: int) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "name").write_text(f"{name}\n")
        (tmp_path / folder / "max_energy_range_uj").write_text("10000000\n")
        (tmp_path / folder / "energy_uj").write_text(f"{now}\n")
        return tmp_path / folder / "energy_uj"

    package, memory = domain("intel-rapl:0", "package-0", 9_000_000), domain("intel-rapl:0:2", "dram", 0)
    core = domain("intel-rapl:0:0", "core", 0)
    domain("intel-rapl:1", "psys", 0)
    counter = RAPL(tmp_path)
    package.write_text("1000000")  # it wrapped: 2 J
    memory.write_text("500000")
    core.write_text("900000")
    assert counter.read() == pytest.approx(2.5)
    assert counter.read() == pytest.approx(2.5)
    with pytest.raises(OSError, match="no RAPL domain"):
        RAPL(tmp_path / "nowhere")


def test_energy_without_a_counter_is_watts_times_seconds_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.hardware.energy.energy_counter", lambda place: None)
    found = measure_by({"energy": Energy(watts=5.0, batch=2, device="cpu")}, small(), IMAGES)
    assert found["energy_estimated"] == 1.0
    assert 0 < found["energy"] < 5.0
    monkeypatch.setattr("archwright.hardware.energy.energy_counter", lambda place: Clockwork())
    found = measure_by({"energy": Energy(duration=0.1, device="cpu")}, small(), IMAGES)
    assert found["energy_estimated"] == 0.0


def test_options_reach_a_meter_by_its_name_and_through_json() -> None:
    limit = Objective("memory", limit=1e6, optimize=False)
    (given,) = with_options([limit], {"memory.batch": 7})
    for one in (given, Objective.from_json(given.to_json())):
        meter = one.load_meter()
        assert isinstance(meter, Memory)
        assert meter.setting.batch == 7
    assert "options" not in limit.to_json()
    with pytest.raises(UsageError, match="no option 'bach'"):
        with_options([limit], {"memory.bach": 7})
    with pytest.raises(UsageError, match=r"expected NAME.OPTION"):
        with_options([limit], {"energy.batch": 7})
    with pytest.raises(UsageError, match="comes from the estimate"):
        with_options([Objective("accuracy")], {"accuracy.batch": 7})


def test_a_recording_names_what_ran() -> None:
    recording = record(small(), (IMAGES,), {})
    names = [operation.name for operation in recording.operations]
    assert names[0] == "convolution"
    assert any("batch_norm" in name for name in names)
    assert F.relu.__name__ in names
