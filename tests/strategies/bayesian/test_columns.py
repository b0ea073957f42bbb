"""What surrogates of a search read beside the decisions, by the strategy's option `columns`."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.strategies import STRATEGIES, make_strategy
from archwright.strategies.bayesian import SurrogateSearch
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import nested
from archwright.trials import LocalTrial, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]
FEW = {
    "bayesian": {"candidates": 20},
    "forest": {"trees": 5, "every": 2, "mutants": 4, "samples": 4},
    "neighbors": {"every": 2, "mutants": 4, "samples": 4},
    "bananas": {"networks": 2, "epochs": 2, "every": 2, "mutants": 4, "samples": 4},
    "botorch": {"every": 4, "mutants": 4, "samples": 4},
    "ehvi": {"surrogate": "forest", "every": 4, "mutants": 4, "samples": 4},
}


class Recorded:
    """Stands for proxies: a number drawn for each network, and what was asked."""

    groups = (("proxies", 1),)

    def __init__(self, names):
        self.names, self.asked = names, []

    def __call__(self, architectures):
        self.asked += architectures
        return np.array([[crc32(str(a.to_json()).encode()) % 97 / 97] for a in architectures]).reshape(-1, 1)


def searched(name: str, **options) -> SurrogateSearch:
    """A strategy after eight trials."""
    if name in ("botorch", "ehvi"):
        pytest.importorskip("botorch")
    space = nested()
    estimator = ToyEstimator(space)
    goals = ToyEstimator.objectives if name == "ehvi" else SCORE
    strategy = make_strategy(name, space, goals, 3, initial=4, **FEW[name], **options)
    for number in range(8):
        candidate = strategy.ask()
        measured = estimator.estimate(candidate, LocalTrial(number))
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
    return strategy


@pytest.mark.parametrize("name", FEW)
def test_every_surrogate_reads_graf_and_proxies(name) -> None:
    made = []

    def proxies(names):
        made.append(Recorded(names))
        return made[-1]

    strategy = searched(name, columns="graf,synflow,params", proxy_columns=proxies)
    (read,) = made  # once for the whole search
    assert read.names == ["synflow", "params"]
    assert len(read.asked) > 30  # those of the scale, and the candidates of several asks
    if name == "bayesian":
        groups = [group.address for group in strategy.model._surroundings.features.groups]
    else:
        model = next(one for one in strategy.model._models if one is not None)
        groups = (
            [address for address, _ in model._read.groups]
            if name == "neighbors"  # which reads nothing else
            else [group.address for group in model._features.groups]
        )
    assert groups[-2:] == ["graf", "proxies"]


def test_what_is_read_changes_what_is_predicted() -> None:
    plain, more = (searched("forest", columns=columns) for columns in ("", "graf"))
    few = [plain.space.sample(seed) for seed in range(20)]
    same = [(a.seed, a.trees) for a in (plain.model._models[0], more.model._models[0])]
    assert same[0] == same[1]
    assert not np.allclose(plain.model._models[0].predict(few)[0], more.model._models[0].predict(few)[0])


def test_a_process_does_not_score_a_whole_space_by_proxies() -> None:
    cheap = searched("bayesian", columns="graf")
    read = Recorded([])
    dear = searched("bayesian", columns="synflow", proxy_columns=lambda names: read)
    assert cheap.model._surroundings._whole is not None
    assert dear.model._surroundings._whole is None


def test_the_whole_space_is_kept_by_what_is_read() -> None:
    space = nested()
    made = [make_strategy("bayesian", space, SCORE, columns=columns) for columns in ("", "graf", "graph", "")]
    wholes = [one.model._surroundings._whole for one in made]
    assert wholes[0] is wholes[3]
    assert all(one.rows.shape[1] != two.rows.shape[1] for one, two in pairwise(wholes))


def test_a_sampler_of_rungs_reads_them_too() -> None:
    read = Recorded([])
    more = {"sampler": "forest", "sampler_options": {"columns": "synflow"}}
    make_strategy("asha", nested(), SCORE, proxy_columns=lambda names: read, **more)
    assert read.asked
    with pytest.raises(UsageError, match="only a search with a task reads proxies"):
        make_strategy("asha", nested(), SCORE, **more)


def test_what_reads_proxies_is_no_option_of_the_user() -> None:
    for name in FEW:
        assert "proxy_columns" not in STRATEGIES.options(name)
        assert STRATEGIES.options(name)["columns"].summary.startswith("What else")
