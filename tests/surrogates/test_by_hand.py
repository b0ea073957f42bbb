"""What a surrogate expects, computed another way: tree by tree, member by member, with dense matrices."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.spaces import Architecture
from archwright.surrogates import GradientBoosting, NearestNeighbors, RandomForest, make_surrogate
from archwright.surrogates.ensemble import MLPEnsemble
from archwright.surrogates.features import Features
from archwright.surrogates.graph_network import GraphNetwork
from archwright.surrogates.surrogate import Surrogate
from archwright.testing.toy_spaces import conditional, nested

SPACE = nested()
SHOWN = [SPACE.sample(seed) for seed in range(30)]
ASKED = [SPACE.sample(seed) for seed in range(100, 120)]
VALUES = np.random.default_rng(0).normal(size=len(SHOWN))
SCALED = (VALUES - VALUES.mean()) / VALUES.std()


def told(surrogate: Surrogate, votes: np.ndarray) -> None:
    """Compare with the votes of the parts, on the scale of values of mean 0 and deviation 1."""
    mean, deviation = surrogate.predict(ASKED)
    assert mean == pytest.approx(VALUES.mean() + VALUES.std() * votes.mean(0), rel=1e-4, abs=1e-5)
    expected = np.maximum(votes.std(0), 1e-3)
    assert deviation == pytest.approx(VALUES.std() * expected, rel=1e-3, abs=1e-5)


def test_a_forest_is_the_mean_of_scikit_learns_trees() -> None:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForest(SPACE, seed=3, trees=20)
    forest.fit(SHOWN, VALUES)
    features = Features(SPACE)
    theirs = RandomForestRegressor(20, max_features=0.5, random_state=3).fit(features(SHOWN), SCALED)
    told(forest, np.stack([tree.predict(features(ASKED)) for tree in theirs.estimators_]))


def test_neighbors_are_found_as_in_a_table_of_all_distances() -> None:
    """With columns in these alone, as AQuaSurF's; without them in the decisions."""

    class Turned:
        groups = (("turned", 2),)

        def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
            rows = [crc32(str(a.to_json()).encode()) % 1000 / 100 for a in architectures]
            return np.stack([np.sin(rows), np.cos(rows)], 1)

    for read, more in ((Features(SPACE), {}), (Turned(), {"columns": Turned()})):
        shown, asked = read(SHOWN), read(ASKED)
        surrogate = NearestNeighbors(SPACE, neighbors=4, **more)  # type: ignore[arg-type]
        surrogate.fit(SHOWN, VALUES)
        mean, _ = surrogate.predict(ASKED)
        for row, found in zip(asked, mean, strict=True):
            squared = ((shown - row) ** 2).sum(1)
            order = np.argsort(squared)
            if squared[order[4]] - squared[order[3]] < 1e-9:
                continue  # a tie may be broken either way
            assert found == pytest.approx(VALUES[order[:4]].mean())
    with pytest.raises(UsageError, match="neighbors >= 1, got 0"):
        make_surrogate("neighbors", SPACE, neighbors=0)


def test_boosting_adds_up_the_trees_of_each_bootstrap_sample() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    boosting = GradientBoosting(SPACE, seed=2, members=3, stages=10)
    boosting.fit(SHOWN, VALUES)
    rows, asked = Features(SPACE)(SHOWN), Features(SPACE)(ASKED)
    drawn = np.random.default_rng(2)
    votes = []
    for member in range(3):
        chosen = drawn.integers(len(rows), size=len(rows))
        model = GradientBoostingRegressor(
            n_estimators=10, max_depth=4, learning_rate=0.08, subsample=0.8, random_state=2 + member
        ).fit(rows[chosen], SCALED[chosen])
        trees = [tree.predict(asked) for (tree,) in model.estimators_]
        votes.append(SCALED[chosen].mean() + 0.08 * np.sum(trees, axis=0))
    told(boosting, np.stack(votes))


def test_the_ensembles_batched_products_are_networks_one_by_one() -> None:
    ensemble = MLPEnsemble(SPACE, seed=1, members=3, hidden=8, epochs=5)
    ensemble.fit(SHOWN, VALUES)
    rows = torch.as_tensor(Features(SPACE)(ASKED), dtype=torch.float32)
    parts = torch.split(ensemble._weights.detach(), [int(np.prod(shape)) for shape in ensemble._shapes])
    layers = [part.view(shape) for part, shape in zip(parts, ensemble._shapes, strict=True)]
    votes = []
    for member in range(3):
        network = nn.Sequential()
        for weight, bias in zip(layers[::2], layers[1::2], strict=True):
            linear = nn.Linear(weight.shape[1], weight.shape[2])
            linear.weight.data, linear.bias.data = weight[member].T, bias[member, 0]
            network.extend([linear, nn.ReLU()])
        votes.append(network[:-1](rows).detach().double().numpy()[:, 0])
    told(ensemble, np.stack(votes))


def test_messages_are_products_with_adjacency_matrices() -> None:
    space = conditional()
    shown = [space.sample(seed) for seed in range(20)]
    surrogate = GraphNetwork(space, seed=0, members=2, hidden=6, rounds=2, epochs=2)
    surrogate.fit(shown, np.arange(20.0))

    def states(network: nn.Module, architecture: Architecture) -> torch.Tensor:
        batch = surrogate._batch([surrogate._graph(architecture)])
        count = len(batch.labels)
        state = network.label(batch.labels) + network.arguments(batch.arguments, batch.starts)  # type: ignore[operator]
        adjacency = []
        for source, target in batch.edges:
            matrix = torch.zeros(count, count)
            for i, j in zip(source.tolist(), target.tolist(), strict=True):
                matrix[j, i] += 1
            adjacency.append(matrix)
        layers = (network.layers.own, network.layers.messages, network.layers.norms)  # type: ignore[union-attr]
        for own, messages, norm in zip(*layers, strict=True):
            weights = messages.weight.chunk(4, 0)
            sent = sum(matrix @ state @ w.T for matrix, w in zip(adjacency, weights, strict=True))
            state = state + torch.relu(norm(own(state) + sent))
        return state

    with torch.no_grad():
        votes = []
        for network in surrogate._networks:
            found = [states(network, architecture) for architecture in shown[:5]]
            size = sum(map(len, found)) / len(found)
            pooled = torch.stack([torch.cat([state.mean(0), state.sum(0) / size]) for state in found])
            votes.append(network.head(pooled)[:, 0])
        mean, _ = surrogate.expect(shown[:5])
    assert mean == pytest.approx(torch.stack(votes).mean(0).numpy(), rel=1e-4, abs=1e-5)
