"""What holds for all proxies: passes that are shared, networks that are left alone, reasons."""

import copy

import pytest
import torch
from torch import nn

from archwright.errors import TrialError
from archwright.estimators.zero_cost import PROXIES, Probe, read_proxies
from archwright.objectives import measure_cheap
from archwright.tasks import Task

CHEAP = {"params": 10.0, "flops": 100.0}


def read(probe):
    return read_proxies({name: PROXIES[name] for name in probe.wanted}, probe, CHEAP)


def test_a_proxy_is_the_same_alone_and_beside_all_others(network, make_probe):
    together, undefined = read(make_probe(network, *PROXIES))
    assert not undefined
    for name in PROXIES:
        alone, _ = read(make_probe(network, name))
        assert alone[name] == pytest.approx(together[name], rel=1e-9, abs=1e-12), name


def test_nothing_is_left_in_the_network(network, make_probe):
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    read(make_probe(network, *PROXIES))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks for m in network.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_works_in_place_and_is_reused_scores_as_what_does_not(network, make_probe):
    """The same network with a ReLU of its own at each place, that writes nowhere."""

    class Apart(type(network)):
        def forward(self, x):
            x = torch.relu(self.norm(self.stem(x)))
            x = nn.functional.relu(self.again(x))
            x = self.again(x).relu()
            return self.head(self.pool(x).flatten(1))

    apart = Apart().double()
    apart.load_state_dict(network.state_dict())
    first, _ = read(make_probe(network, *PROXIES))
    second, _ = read(make_probe(apart, *PROXIES))
    for name in PROXIES:
        assert first[name] == pytest.approx(second[name], rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("activation", [nn.SiLU, nn.Hardswish, nn.ELU])
def test_an_activation_in_place_behind_a_norm_leaves_the_shortcut_around_both(make_probe, activation):
    class Residual(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            torch.manual_seed(0)
            self.stem, self.conv = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.norm, self.act = nn.BatchNorm2d(3), activation(inplace=inplace)
            self.head = nn.Linear(48, 3)

        def forward(self, x):
            x = self.stem(x)
            return self.head((x + self.conv(self.act(self.norm(x)))).flatten(1))

    (first, _), (second, _) = (
        read(make_probe(Residual(inplace).double(), *PROXIES)) for inplace in (True, False)
    )
    assert first.keys() == second.keys()
    for name, parts in first.items():
        assert parts == pytest.approx(second[name], rel=1e-9, abs=1e-12), name


def test_what_a_network_makes_while_it_runs_has_the_bits_of_its_weights(make_probe):
    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.again, self.head = nn.Linear(16, 3), nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            state = torch.zeros(len(x), 3)
            for row in x.flatten(2).unbind(1):
                state = torch.relu(self.cell(row) + self.again(state))
            return self.head(state)

    network = Stateful()
    found, undefined = read(make_probe(network, "synflow"))
    assert not undefined
    assert found["synflow"]["synflow"] > 0
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize(
    ("proxy", "layers", "reason"),
    [
        ("naswot", [nn.Conv2d(2, 3, 1), nn.Tanh()], "has no ReLU"),
        ("swap", [nn.Conv2d(2, 3, 1), nn.GELU()], "has no ReLU"),
        ("te_nas", [nn.Conv2d(2, 3, 1), nn.Sigmoid()], "has no ReLU"),
        ("zen", [nn.Conv2d(2, 3, 1), nn.ReLU()], "has no batch normalisation"),
        ("az_nas", [nn.ReLU()], "compares the blocks"),
    ],
)
def test_where_it_is_not_defined_it_says_why(make_probe, proxy, layers, reason):
    network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3)).double()
    network(torch.zeros(1, 2, 4, 4, dtype=torch.float64))
    found, undefined = read(make_probe(network, proxy))
    assert not found
    assert reason in undefined[proxy]


def test_a_network_without_weights_has_no_gradients(make_probe):
    network = nn.Sequential(
        nn.AdaptiveAvgPool2d((1, 3)), nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Flatten(2)
    )
    wanted = ("grad_norm", "snip", "plain", "grasp", "fisher", "zico", "synflow")

    class Summed(nn.Module):
        def forward(self, x):
            return network(x).sum(1)

    found, undefined = read(make_probe(Summed(), *wanted))
    assert not found
    assert set(undefined) == set(wanted)


def test_a_frozen_weight_is_left_out(network, make_probe):
    probe = make_probe(network, "snip")
    whole = read(probe)[0]["snip"]["snip"]
    network.again.weight.requires_grad_(False)
    left = read(make_probe(network, "snip"))[0]["snip"]["snip"]
    again = (probe.weights["again.weight"] * probe.gradients["again.weight"]).abs().sum()
    assert left == pytest.approx(whole - again.item())


@pytest.mark.parametrize("name", ["naswot", "jacob_cov"])
def test_a_network_that_tells_no_examples_apart_has_minus_infinity(make_probe, name):
    """Its kernel is singular, whose determinant is zero: the logarithm is minus infinity."""
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)).double()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert read(make_probe(network, name))[0][name][name] == float("-inf")


def test_more_examples_than_units_make_a_singular_kernel(make_probe):
    """Five patterns of two units cannot be independent, though none of them need be the same."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(32, 2), nn.ReLU(), nn.Linear(2, 3)).double()
    assert read(make_probe(network, "naswot"))[0]["naswot"]["naswot"] == float("-inf")


class Reading(Task):
    """Symbols to the next symbol."""

    name, kind = "reading", "language modelling"

    def loss(self, outputs, batch):
        return nn.functional.cross_entropy(outputs.flatten(0, 1), batch[1].flatten())


def test_symbols_have_gradients_by_weights_alone():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.body, self.out = nn.Embedding(11, 6), nn.Linear(6, 8), nn.Linear(8, 11)

        def forward(self, x):
            return self.out(torch.relu(self.body(self.embed(x))))

    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randint(0, 11, (4, 7), generator=generator),) * 2 for _ in range(2)]
    torch.manual_seed(0)
    found, undefined = read(Probe(Reader(), Reading(), batches, wanted=tuple(PROXIES)))
    no_amounts = {"jacob_cov", "zen", "synflow"}
    assert set(undefined) == {*no_amounts, "vkdnw"}
    assert all("symbols" in undefined[name] for name in no_amounts)
    assert "outputs of the shape" in undefined["vkdnw"]
    assert set(found) == set(PROXIES) - set(undefined)


def test_nan_is_told():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x):
            return self.linear(x) / 0.0 * 0.0

    class Numbers(Task):
        name = "numbers"

        def loss(self, outputs, batch):
            return outputs.mean()

    probe = Probe(Broken(), Numbers(), [(torch.ones(4, 3), torch.ones(4))], wanted=("snip",))
    with pytest.raises(TrialError, match="loss of the untrained network is nan"):
        _ = probe.gradients


def test_baselines_are_the_meters(network):
    cheap = measure_cheap(network, torch.zeros(2, 2, 4, 4, dtype=torch.float64))
    found, _ = read_proxies({"params": PROXIES["params"], "flops": PROXIES["flops"]}, None, cheap)
    assert found == {"params": {"params": cheap["params"]}, "flops": {"flops": cheap["flops"]}}
