"""The estimator of proxies: the contract, ranks in a sample, what fails and why, and a search that ranks by one."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import archwright as aw
from archwright.errors import TrialError, UsageError
from archwright.estimators import ESTIMATORS
from archwright.estimators.zero_cost import (
    PROXIES,
    Proxy,
    ProxyColumns,
    ZeroCost,
    population_scores,
    rank_aggregate,
)
from archwright.spaces import Space, choice, layer, switch
from archwright.surrogates import make_surrogate
from archwright.tasks import from_arrays
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, Fidelity, LocalTrial


def pictures():
    random = np.random.default_rng(2)
    labels = np.arange(80) % 2
    images = random.normal(size=(80, 1, 6, 6))
    images[labels == 0, :, :, :3] += 1.5
    return from_arrays(images, labels, kind="classification", name="pictures")


def small_space():
    width = choice(2, 4, 6, name="width")
    act = switch(
        choice("relu", "tanh", name="activation"),
        {"relu": layer(nn.ReLU, inplace=True), "tanh": layer(nn.Tanh)},
    )
    return Space(
        layer(
            nn.Sequential,
            layer(nn.Conv2d, 1, width, 3, padding=1),
            layer(nn.BatchNorm2d, width),
            act,
            layer(nn.Conv2d, width, width, 3, padding=1),
            layer(nn.ReLU),
            layer(nn.AdaptiveAvgPool2d, 1),
            layer(nn.Flatten),
            layer(nn.Linear, width, 2),
        )
    )


def made(proxies, space, **options):
    return ZeroCost(space, pictures(), proxies, batch_size=8, ntk_examples=4, reference=3, **options)


class OfOne(EstimatorContract):
    make_space = small_space
    fidelities = (Fidelity(), Fidelity(replicate=2))
    curves = False


class TestSynflow(OfOne):
    make = partial(made, "synflow")
    metrics = ("synflow", "params", "flops")


class TestZico(OfOne):
    make = partial(made, "zico")
    metrics = ("zico", "params", "flops")


class TestAzNas(OfOne):
    make = partial(made, "az_nas")
    metrics = ("az_nas", "expressivity", "progressivity", "complexity", "params", "flops")


class TestSeveral(OfOne):
    make = partial(made, "naswot, te_nas, params")
    metrics = ("zero_cost", "naswot", "params", "flops")


@pytest.mark.parametrize("name", PROXIES)
def test_every_proxy_is_an_estimator_by_its_name(name):
    assert name in ESTIMATORS
    space = small_space()
    options = {"batch_size": 8, "ntk_examples": 4, "reference": 2}
    estimator = ESTIMATORS.make(name, space, pictures(), options=options, accelerator="cpu")
    measured = estimator.estimate(Candidate(space.sample(1)), LocalTrial()).metrics
    assert math.isfinite(measured[name])
    assert str(estimator.ranks_by) == f"maximize {name}"
    assert set(options) <= set(ESTIMATORS.options(name))


def test_other_replicates_draw_other_weights_and_examples():
    space = small_space()
    values = {
        made("snip", space)
        .estimate(Candidate(space.sample(0), Fidelity(replicate=r)), LocalTrial())
        .metrics["snip"]
        for r in range(3)
    }
    assert len(values) == 3


def test_a_score_of_several_parts_is_the_rank_in_the_sample():
    space = small_space()
    estimator = made("az_nas", space)
    sample = [estimator.scores(space.sample(number)) for number in range(3)]
    found = estimator.estimate(Candidate(space.sample(11)), LocalTrial()).metrics
    expected = 0.0
    for part in ("expressivity", "progressivity", "trainability", "complexity"):
        mine = found.get(part, -math.inf)
        below = sum(one[part] < mine for one in sample)
        same = sum(one[part] == mine for one in sample)
        expected += math.log((below + (same + 2) / 2) / 4)
    assert found["az_nas"] == pytest.approx(expected)


@pytest.mark.parametrize("proxies", ["az_nas", "te_nas", "naswot,te_nas,params"])
def test_a_population_is_ranked_with_one_pass_for_each(proxies, monkeypatch):
    space = small_space()
    alone, together = made(proxies, space), made(proxies, space).for_population()
    architectures = [space.sample(number) for number in range(3)]  # those that `alone` ranks others among
    passes = []
    read = ZeroCost.read
    monkeypatch.setattr(ZeroCost, "read", lambda *given: passes.append(1) or read(*given))
    measured = [together.estimate(Candidate(one), LocalTrial()).metrics for one in architectures]
    assert len(passes) == 3
    assert together.sample == 3
    assert together.ranks_by == alone.ranks_by
    scores = together.population_scores(measured)
    networks = [alone.read(one)[0] for one in architectures]
    assert scores == pytest.approx(population_scores(alone.proxies, networks)[alone.ranks_by.name])
    for proxy in alone.proxies:
        assert {part for network in networks for part in network[proxy]} == set(PROXIES[proxy].names)


def test_a_score_that_stands_alone_needs_no_population():
    assert made("naswot", small_space()).for_population() is None


def test_what_is_not_defined_fails_with_the_reason_and_ranks_last_beside_others():
    space = Space(
        layer(
            nn.Sequential,
            layer(nn.Flatten),
            layer(nn.Linear, 36, choice(3, 4, 5, name="width")),
            layer(nn.LazyLinear, 2),
        )
    )
    candidate = Candidate(space.sample(0))
    with pytest.raises(TrialError, match="naswot is not defined for this network: it has no ReLU"):
        made("naswot", space).estimate(candidate, LocalTrial())
    joined = made("naswot,params", space).estimate(candidate, LocalTrial()).metrics
    assert "naswot" not in joined
    assert math.isfinite(joined["zero_cost"])


class Broken(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width, self.inner, self.head = width, nn.Linear(36, width), nn.Linear(width, 2)

    def forward(self, x):
        if self.training and self.width > 3:
            raise RuntimeError("no training")
        return self.head(torch.relu(self.inner(x.flatten(1))))


def test_whatever_a_network_or_a_proxy_raises_is_a_reason_and_ranks_last_beside_others(monkeypatch):
    monkeypatch.setitem(PROXIES, "mine", Proxy(("mine",), lambda probe, cheap: {"mine": cheap["nothing"]}))
    space = Space(layer(Broken, choice(3, 4, 5, name="width")))
    sound, broken = (Candidate(space.architecture({"width": width})) for width in (3, 5))
    with pytest.raises(TrialError, match="swap: RuntimeError: no training"):
        made("swap", space).estimate(broken, LocalTrial())
    with pytest.raises(TrialError, match="mine: KeyError: 'nothing'"):
        made("mine", space).estimate(sound, LocalTrial())
    scores = [made("swap,mine,params", space).estimate(one, LocalTrial()).metrics for one in (sound, broken)]
    assert "swap" in scores[0]
    assert "swap" not in scores[1]
    assert all(math.isfinite(score["zero_cost"]) for score in scores)
    columns = ProxyColumns(made("swap,params", space), sample=8)
    found = columns([sound.architecture, broken.architecture])
    assert np.isfinite(found).all()


def test_minus_infinity_fails_with_the_reason():
    space = Space(
        layer(
            nn.Sequential, layer(nn.Flatten), layer(nn.Linear, 36, 1), layer(nn.ReLU), layer(nn.Linear, 1, 2)
        )
    )
    with pytest.raises(TrialError, match="naswot is -inf: its kernel is singular"):
        made("naswot", space).estimate(Candidate(space.sample(0)), LocalTrial())


@pytest.mark.parametrize(
    ("proxies", "options", "told"),
    [
        ("synflo", {}, "unknown proxy 'synflo'. Did you mean 'synflow'"),
        ("snip,snip", {}, "each once"),
        ("snip", {"batch_size": 1}, "at least 2"),
        ("swap", {"swap_mean": 40.0}, "swap_mean and swap_spread > 0 together"),
    ],
)
def test_what_does_not_fit_is_refused(proxies, options, told):
    with pytest.raises(UsageError, match=told):
        ZeroCost(small_space(), pictures(), proxies, **options)


def test_the_regularised_count_has_its_options_on_the_estimator():
    space = small_space()
    candidate = Candidate(space.sample(0))
    plain = made("swap", space).estimate(candidate, LocalTrial()).metrics
    regular = made("swap", space, swap_mean=0.1, swap_spread=2.0).estimate(candidate, LocalTrial()).metrics
    factor = math.exp(-((plain["params"] / 1000 - 0.1) ** 2) / 2.0)
    assert regular["swap"] == pytest.approx(plain["swap"] * factor)


columns = st.integers(2, 8).flatmap(
    lambda n: st.lists(
        st.lists(st.sampled_from([-math.inf, -2.0, 0.0, 1.0, 5.0, math.nan]), min_size=n, max_size=n),
        min_size=1,
        max_size=4,
    )
)


@given(columns, st.sampled_from(["log", "sum"]))
def test_ranks_are_counted(values, how):
    found = rank_aggregate({str(i): column for i, column in enumerate(values)}, how)
    for network in range(len(values[0])):
        expected = 0.0
        for column in values:
            told = [-math.inf if math.isnan(x) else x for x in column]
            mine = told[network]
            rank = sum(x < mine for x in told) + (sum(x == mine for x in told) + 1) / 2
            share = rank / len(told)
            expected += math.log(share) if how == "log" else share
        assert found[network] == pytest.approx(expected)


@given(st.permutations(range(6)))
def test_a_population_is_scored_whatever_its_order(order):
    proxies = {"az_nas": PROXIES["az_nas"], "naswot": PROXIES["naswot"]}
    networks = [
        {
            "az_nas": {
                "expressivity": i % 3,
                "progressivity": -i,
                "trainability": (i * 5) % 7,
                "complexity": i // 2,
            },
            **({} if i == 4 else {"naswot": {"naswot": i * i}}),
        }
        for i in range(6)
    ]
    whole = population_scores(proxies, networks)
    moved = population_scores(proxies, [networks[i] for i in order])
    assert set(whole) == {"az_nas", "naswot", "zero_cost"}
    for name, values in whole.items():
        np.testing.assert_allclose(moved[name], values[list(order)], equal_nan=True)


def test_a_search_ranks_by_the_proxy_and_retrains_by_the_metric(tmp_path):
    result = aw.search(
        small_space(),
        pictures(),
        strategy="random",
        estimator="synflow",
        estimator_options={"batch_size": 8},
        objectives=["accuracy", "params<=300"],
        budget=aw.Budget(trials=4),
        recipe=aw.Recipe(epochs=1),
        retrain=2,
        baseline=False,
        accelerator="cpu",
        onnx=False,
        progress=False,
        out=tmp_path / "run",
    )
    run = result.run
    done = [trial for trial in run.trials if trial.is_measured]
    assert done
    assert all("synflow" in trial.metrics and "accuracy" not in trial.metrics for trial in done)
    assert run.best is max(done, key=lambda trial: trial.metrics["synflow"])
    assert {t.state.value for t in run.trials if t not in done} <= {"infeasible"}
    assert [str(objective) for objective in run.objectives] == ["maximize synflow", "params <= 300"]
    assert all("accuracy" in trial.metrics for trial in run.retrained)
    assert run.winner.metrics["accuracy"] == max(trial.metrics["accuracy"] for trial in run.retrained)
    assert "synflow" in (run.folder / "report.html").read_text()


def test_an_objective_that_nothing_measures_later_is_refused_before(tmp_path):
    with pytest.raises(UsageError, match="nothing measures the objective 'f2'"):
        aw.search(
            small_space(),
            pictures(),
            strategy="random",
            estimator="params",
            objectives=["max:f2"],
            progress=False,
            out=tmp_path / "run",
        )


def test_scores_are_columns_of_a_surrogate():
    space = small_space()
    columns = ProxyColumns(made("naswot,snip,params", space), sample=6)
    assert columns.names == ("naswot", "snip", "params")
    seen = [space.sample(seed) for seed in range(6)]
    rows = columns(seen)
    assert rows.shape == (6, 3)
    assert np.isfinite(rows).all()
    order = np.argsort([columns.estimator.scores(a)["params"] for a in seen], kind="stable")
    assert (np.diff(rows[order, 2]) >= 0).all()
    forest = make_surrogate("forest", space, trees=5, columns=columns)
    forest.fit(seen, rows[:, 2])
    assert np.isfinite(forest.predict(seen)[0]).all()


def test_a_score_that_is_not_defined_is_the_worst_of_its_column():
    space = Space(
        layer(
            nn.Sequential,
            layer(nn.Flatten),
            layer(nn.Linear, 36, choice(3, 5, 8, name="width")),
            switch(choice("relu", "tanh", name="act"), {"relu": layer(nn.ReLU), "tanh": layer(nn.Tanh)}),
            layer(nn.LazyLinear, 2),
        )
    )
    columns = ProxyColumns(made("swap", space), sample=8)
    without = [space.architecture({"width": w, "act": "tanh"}) for w in (3, 5, 8)]
    found = columns([*without, space.architecture({"width": 8, "act": "relu"})])[:, 0]
    assert (found[:3] == found[0]).all()
    assert found[3] > found[0]


@pytest.mark.parametrize(("how", "pairs"), [("sum", [(2, 5), (3, 4)]), ("log", [(1, 6), (2, 3)])])
def test_equal_sums_tie_whatever_the_rounding_of_their_terms(how, pairs):
    """In floats 2 / 6 + 5 / 6 is not 3 / 6 + 4 / 6."""
    (a, b), (c, d) = pairs
    rest = [rank for rank in range(1, 7) if rank not in (a, c)], [r for r in range(1, 7) if r not in (b, d)]
    found = rank_aggregate({"first": [a, c, *rest[0]], "second": [b, d, *rest[1]]}, how)
    assert found[0] == found[1]
