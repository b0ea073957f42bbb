"""Lookup tables: which blocks there are, what they add up to, and what becomes of it in a supernet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.hardware import (
    Agreement,
    Calibration,
    Entry,
    LookupTable,
    Provenance,
    Setting,
    load_latency_model,
    measure_table,
    transfer,
)
from archwright.hardware.blocks import blocks_of, key_of
from archwright.hardware.fitted import CALLS, device_facts
from archwright.objectives import Objective, measure_by
from archwright.supernets import Supernet
from archwright.supernets.methods.latency import costs_of

CPU = Setting(device="cpu")
IMAGES = torch.randn(2, 3, 8, 8)


class Wide(nn.Module):
    """A block with parts: known as one."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.body = nn.Sequential(nn.Conv2d(channels, channels, kernel, padding=kernel // 2), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def tiny() -> aw.Space:
    operation = aw.choice(aw.layer(Wide, 4, 3), aw.layer(Wide, 4, 5), aw.layer(nn.Identity), name="operation")
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 3, 4, 1),
            operation,
            aw.choice(aw.layer(Wide, 4, 3), aw.layer(Wide, 4, 7), name="last"),
            aw.layer(nn.AdaptiveAvgPool2d, 1),
            aw.layer(nn.Flatten),
            aw.layer(nn.Linear, 4, 2),
        )
    )


def numbered(space: aw.Space) -> LookupTable:
    """Every block of the space with a price of its own."""
    entries: dict[str, Entry] = {}
    for architecture in space:
        for block in blocks_of(space, architecture, IMAGES)[1]:
            entries.setdefault(block.key, Entry(block.name, 2.0 ** len(entries), 0.0))
    return LookupTable(entries, Provenance(setting=CPU, device={}, reference=0.1, space="tiny"))


def total(table: LookupTable, network: nn.Module, example: Tensor) -> float:
    return sum(table.parts(network, example).values())


def sums(values: Iterable[float]) -> list[dict[str, float]]:
    return [{"block": float(value)} for value in values]


def test_blocks_are_what_calls_make_and_each_is_one_entry() -> None:
    network, blocks = blocks_of(tiny(), tiny().architecture({"operation": 1, "last": 0}), IMAGES)
    assert isinstance(network, nn.Sequential)
    assert [type(block.module).__name__ for block in blocks] == [
        "Conv2d", "Wide", "Wide", "AdaptiveAvgPool2d", "Flatten", "Linear",
    ]  # fmt: skip
    assert len({block.key for block in blocks}) == 6


def test_a_key_tells_work_apart_and_nothing_else() -> None:
    first, same = Wide(4, 3), Wide(4, 3)
    x = torch.randn(1, 4, 8, 8)
    assert key_of(first, (x,), {}) == key_of(same, (2 * x,), {})
    others = [
        key_of(Wide(4, 5), (x,), {}),
        key_of(first, (x[..., :4],), {}),
        key_of(nn.Conv2d(4, 4, 1), (x,), {}),
        key_of(nn.Conv2d(4, 4, 1, stride=2), (x,), {}),
        key_of(first, (x.double(),), {"flag": True}),
    ]
    assert len({key_of(first, (x,), {}), *others}) == 6


def test_a_key_is_the_same_in_another_process() -> None:
    code = (
        "import torch; from torch import nn; from archwright.hardware.blocks import key_of;"
        "print(key_of(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardswish()), (torch.zeros(1, 3, 5, 5),), {}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardswish())
    assert ran.stdout.strip() == key_of(module, (torch.zeros(1, 3, 5, 5),), {})


def test_a_network_is_the_sum_of_its_blocks_by_hand() -> None:
    space = tiny()
    table = numbered(space)
    for architecture in space:
        network, blocks = blocks_of(space, architecture, IMAGES)
        expected = sum(table.entries[block.key].ms for block in blocks)
        assert total(table, network, IMAGES) == expected
        assert total(table, space.build(architecture, IMAGES).train(), IMAGES) == expected


def test_the_term_of_a_supernet_is_the_table_s_latency_of_each_network(tmp_path: Path) -> None:
    space = tiny()
    table = numbered(space)
    table.save(tmp_path / "table.json")
    costs = costs_of(Supernet(space, example=IMAGES), IMAGES, str(tmp_path / "table.json"))
    for architecture in space:
        weights = {}
        for address, decision in space.decisions.items():
            values = list(decision.values())
            weights[address] = torch.tensor([float(value == architecture[address]) for value in values])
        network = space.build(architecture, IMAGES)
        assert costs.expected(weights).item() == pytest.approx(total(table, network, IMAGES))


def test_a_part_without_an_entry_is_named() -> None:
    table = numbered(tiny())
    with pytest.raises(UsageError, match=r"no entry for Conv2d\(3, 9.* on \(1, 3, 8, 8\); measure one"):
        table.parts(nn.Sequential(nn.Conv2d(3, 9, 1)), IMAGES)


def test_a_table_through_its_file_is_a_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = tiny()
    table = numbered(space)
    table = table.moved(replace(table.provenance, calibration=Calibration(2.0, 1.0)))
    table.save(tmp_path / "table.json")
    monkeypatch.chdir(tmp_path)
    objective = Objective("latency_ms", limit=9.0, options={"file": "table.json"})
    monkeypatch.chdir("/")  # as workers and a resumed run do
    network = space.build(space.default, IMAGES)
    for one in (objective, Objective.from_json(objective.to_json())):
        meter = one.load_meter()
        assert meter is not None
        assert meter.is_cheap
        found = measure_by({"latency_ms": meter}, network, IMAGES)
        assert found == {"latency_ms": 2 * total(table, network, IMAGES) + 1}


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Objective("latency_ms", options={"file": str(tmp_path / "nothing.json")})
    (tmp_path / "other.json").write_text("[1, 2]")
    with pytest.raises(UsageError, match="expected a lookup table or a latency predictor"):
        load_latency_model(tmp_path / "other.json")
    numbered(tiny()).save(tmp_path / "table.json")
    with pytest.raises(UsageError, match="predicts latency for batch=1, got batch=8"):
        Objective("latency_ms", options={"file": str(tmp_path / "table.json"), "batch": 8})


def test_a_measured_table_predicts_what_it_was_made_from() -> None:
    table = measure_table(tiny(), IMAGES, CPU, name="tiny", sample=30)
    assert len(table.entries) == 8
    assert all(entry.ms > 0 for entry in table.entries.values())
    assert table.provenance.agreement is not None
    assert table.provenance.agreement.networks == 12
    by_name = {entry.name: entry.ms for entry in table.entries.values()}
    assert by_name["AdaptiveAvgPool2d on 1x4x8x8"] < sum(by_name.values())
    assert table.provenance.device["device"]


def test_calibration_finds_a_line_through_bad_measurements() -> None:
    parts = np.linspace(1.0, 4.0, 12)
    measured = 1.3 * parts + 0.2
    measured[[2, 7]] *= 3.0
    found = Calibration.fit(sums(parts), list(measured))
    assert (found.scale, found.rest) == pytest.approx((1.3, 0.2), abs=1e-6)
    assert Calibration.fit(sums([2.0, 4.0]), [3.0, 6.0]) == Calibration(1.5, 0.0)
    assert Calibration.fit(sums([2.0, 2.1, 2.0]), [3.0, 3.15, 3.0]).rest == 0.0


def test_networks_of_one_size_calibrate_what_lies_between_kernels_along() -> None:
    parts = [{"convolution": ms, CALLS: 0.5} for ms in (1.0, 1.05, 1.1)]
    measured = [3.0 * (one["convolution"] + 0.5) for one in parts]
    found = Calibration.fit(parts, measured)
    assert [found(one) for one in parts] == pytest.approx(measured)


def test_calibration_is_the_least_sum_of_relative_errors() -> None:
    generator = np.random.default_rng(0)
    parts = generator.uniform(1, 9, 15)
    measured = (0.8 * parts + 0.5) * np.exp(generator.normal(0, 0.1, 15))

    def error(scale: float, rest: float) -> float:
        return float(np.abs((scale * parts + rest) / measured - 1).sum())

    found = Calibration.fit(sums(parts), list(measured))
    grid = [error(a, b) for a in np.linspace(0.5, 1.2, 141) for b in np.linspace(0, 2, 201)]
    assert error(found.scale, found.rest) <= min(grid) + 1e-9


def test_agreement_by_hand() -> None:
    found = Agreement.of([1.0, 2.0, 3.0, 5.0], [1.05, 2.0, 4.0, 3.5])
    assert (found.networks, found.within) == (4, 0.5)
    assert found.correlation == pytest.approx(0.8)
    assert Agreement.of([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).correlation == 0.0


def test_another_device_keeps_the_entries_and_fits_the_line() -> None:
    table, told = numbered(tiny()), []
    moved = transfer(table, tiny(), IMAGES, Setting(device="cpu", batch=2), log=told.append)
    assert isinstance(moved, LookupTable)
    assert moved.entries == table.entries
    assert moved.provenance.setting.batch == 2
    assert moved.provenance.space == "tiny"
    assert moved.provenance.calibration != table.provenance.calibration
    before, after = told
    assert before.startswith("before: ")
    assert after == f"after 10 measurements: {moved.provenance.agreement}"


def test_what_was_predicted_is_measured_as_busy_as_the_machine_was(tmp_path: Path) -> None:
    table, network = numbered(tiny()), nn.Conv2d(3, 32, 3)
    times = {}
    for name, device, reference in (
        ("a", device_facts(CPU), 1.0),
        ("b", device_facts(CPU), 1e6),
        ("c", {}, 1e6),
    ):
        table.moved(Provenance(setting=CPU, device=device, reference=reference)).save(tmp_path / name)
        meter = Objective("latency_ms", options={"file": str(tmp_path / name)}).load_meter()
        assert meter is not None
        assert meter.measuring is not None
        times[name] = meter.measuring.measure_all(network, IMAGES)
    assert times["b"][""] > 1e3 * times["a"][""]  # a million times, but for what the machine does meanwhile
    assert times["c"][""] < 1e-3 * times["b"][""]  # another device: as it is
    assert 0 < times["b"]["_reference"] < 1e3


def test_a_file_of_the_first_format_is_read_but_its_reference_call_says_nothing(tmp_path: Path) -> None:
    table = numbered(tiny())
    table.save(tmp_path / "table.json")
    text = (tmp_path / "table.json").read_text()
    assert '"format": 2' in text
    (tmp_path / "old.json").write_text(text.replace('"format": 2', '"format": 1'))
    old = load_latency_model(tmp_path / "old.json")
    network = tiny().build(tiny().default, IMAGES)
    assert old.predict(network, IMAGES) == table.predict(network, IMAGES)
    assert (table.provenance.reference is None, old.provenance.reference) == (False, None)


def test_provenance_travels_as_json() -> None:
    for agreement in (None, Agreement(12, 0.5, 0.1, 0.9)):
        one = Provenance(
            setting=Setting(batch=8),
            device={"device": "x"},
            reference=0.1,
            calibration=Calibration(2.0, 1.0, {"block": 3.0}),
            agreement=agreement,
            space="tiny",
            drifting=3,
        )
        data = json.loads(json.dumps({**one.to_json(), "kind": "lookup_table"}))
        assert Provenance.from_json(data) == one
        assert one.notes[0].startswith("3 of the measurements")
