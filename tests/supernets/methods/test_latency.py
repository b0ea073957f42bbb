from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.objectives import count_flops
from archwright.spaces import Architecture, Subset
from archwright.supernets import Supernet
from archwright.supernets.methods import latency
from archwright.supernets.methods.latency import METERS, CostTable, measure_costs


def certain(space: aw.Space, architecture: Architecture) -> dict[str, Tensor]:
    """All probability on one architecture."""
    weights = {}
    for address, decision in space.decisions.items():
        if isinstance(decision, Subset):
            taken = architecture.get(address, ())
            weights[address] = torch.tensor([float(i in taken) for i in range(decision.n)])
        else:
            values = list(decision.values())
            chosen = architecture.get(address, values[0])
            weights[address] = torch.tensor([float(value == chosen) for value in values])
    return weights


class Total(nn.Module):
    """The sum of what its parts give, and of the input."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return sum((part(x) for part in self.parts), x)


class Bottleneck(nn.Module):
    """In, wider, and out again."""

    def __init__(self, features: int, times: int) -> None:
        super().__init__()
        self.wide = nn.Linear(features, times * features)
        self.narrow = nn.Linear(times * features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(self.wide(x))


def chain() -> aw.Space:
    def block(i: int) -> object:
        return aw.choice(
            {
                "linear": aw.layer(nn.Linear, 4, 4),
                "twice": aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 4), aw.layer(nn.Linear, 4, 4)),
                "none": aw.layer(nn.Identity),
            }
        )

    return aw.Space(
        aw.layer(nn.Sequential, aw.repeat(block, times=aw.integer(1, 3)), aw.layer(nn.Linear, 4, 2))
    )


def shared() -> aw.Space:
    op = aw.categorical(["linear", "none"], name="op")

    def place(width: int) -> object:
        return aw.switch(op, {"linear": aw.layer(nn.Linear, width, width), "none": aw.layer(nn.Identity)})

    return aw.Space(aw.layer(nn.Sequential, place(4), aw.layer(nn.Linear, 4, 8), place(8)))


def edges() -> aw.Space:
    picked = aw.subset(3, (0, 3), name="picked")
    operation = [aw.choice({"a": aw.layer(nn.Linear, 4, 4), "b": aw.layer(nn.Identity)}) for _ in range(3)]
    extra = aw.boolean(name="extra")
    return aw.Space(
        aw.layer(
            Total,
            *[aw.when(picked.has(i), aw.layer(nn.Sequential, operation[i])) for i in range(3)],
            aw.when(extra, aw.layer(nn.Linear, 4, 4)),
        )
    )


def elastic() -> aw.Space:
    times = aw.integer(1, 4, name="times")
    outer = aw.choice(
        {"bottleneck": aw.layer(Bottleneck, 4, times), "none": aw.layer(nn.Identity)}, name="outer"
    )
    return aw.Space(aw.layer(nn.Sequential, outer, aw.layer(Bottleneck, 4, aw.choice(2, 3, name="second"))))


@pytest.mark.parametrize("make", [chain, shared, edges, elastic])
def test_the_expected_cost_of_what_is_certain_is_the_cost_of_the_network(make) -> None:
    space = make()
    example = torch.zeros(3, 4)
    supernet = Supernet(space, example)
    table = measure_costs(supernet, example, METERS["flops"])
    for seed in range(20):
        architecture = space.sample(seed)
        wanted = count_flops(supernet.extract(architecture), example)
        assert float(table.expected(certain(space, architecture))) == wanted


@pytest.mark.parametrize("make", [chain, shared, edges, elastic])
def test_it_is_the_mean_over_all_architectures(make) -> None:
    """Against enumeration, with the decisions drawn independently of each other."""
    space = make()
    example = torch.zeros(3, 4)
    supernet = Supernet(space, example)
    table = measure_costs(supernet, example, METERS["flops"])
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for address, decision in space.decisions.items():
        if isinstance(decision, Subset):
            weights[address] = torch.rand(decision.n, generator=generator)
        else:
            weights[address] = torch.rand(int(decision.size), generator=generator).softmax(0)
    mean = 0.0
    for architecture in space:
        chance = 1.0
        for address, value in architecture.items():
            decision, p = space.decisions[address], weights[address]
            if isinstance(decision, Subset):
                chance *= math.prod(float(p[i] if i in value else 1 - p[i]) for i in range(decision.n))
            else:
                chance *= float(p[list(decision.values()).index(value)])
        mean += chance * count_flops(supernet.extract(architecture), example)
    assert float(table.expected(weights)) == pytest.approx(mean, rel=1e-4)


def test_a_decision_without_probabilities_costs_all_it_can() -> None:
    space, example = edges(), torch.zeros(2, 4)
    table = measure_costs(Supernet(space, example), example, METERS["flops"])
    weights = {
        address: torch.tensor([1.0, 0.0]) for address in space.decisions if address not in ("picked", "extra")
    }
    assert float(table.expected({**weights, "extra": torch.tensor([1.0, 0.0])})) == 3 * 32


def test_the_supernet_is_as_before() -> None:
    space = chain()
    example = torch.randn(2, 4)
    supernet = Supernet(space, example)
    gates = supernet.gates.get()
    state = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    measure_costs(supernet, example, METERS["flops"])
    assert supernet.training
    assert all(module.training for module in supernet.modules())
    assert supernet.gates.get() == gates
    assert all(torch.equal(tensor, state[name]) for name, tensor in supernet.state_dict().items())
    assert not any(module._forward_pre_hooks for module in supernet.modules())


def test_time_is_measured_in_milliseconds_a_place() -> None:
    class Slow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.randn(300, 300) @ torch.randn(300, 300) * 0 + x.sum()

    op = aw.choice({"slow": aw.layer(Slow), "none": aw.layer(nn.Identity)}, name="op")
    space = aw.Space(aw.layer(nn.Sequential, op))
    example = torch.zeros(2, 300)
    table = measure_costs(Supernet(space, example), example, METERS["measured"])
    slow, fast = (
        float(table.expected({"op": weights}))
        for weights in (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    )
    assert slow > 2 * fast


def test_a_table_is_kept_as_plain_numbers() -> None:
    space, example = elastic(), torch.zeros(2, 4)
    table = measure_costs(Supernet(space, example), example, METERS["flops"])
    again = CostTable.from_state_dict(table.state_dict())
    assert again.terms == table.terms


def test_too_many_combinations_are_refused() -> None:
    widths = [aw.integer(1, 20, name=name) for name in ("first", "second")]
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Bottleneck, 4, widths[0] * widths[1])))
    example = torch.zeros(2, 4)
    with pytest.raises(UsageError, match="256 combinations"):
        measure_costs(Supernet(space, example), example, METERS["flops"])


def test_an_accelerator_has_computed_before_the_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: events.append("settled"))
    monkeypatch.setattr(latency.time, "perf_counter", lambda: events.append("read") or 0.0)
    METERS["measured"](lambda: events.append("run"))
    timed = events[events.index("settled") :]
    assert timed == ["settled", "read", "run", "settled", "read"] * (len(timed) // 5)
