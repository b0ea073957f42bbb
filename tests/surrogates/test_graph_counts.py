from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np

import archwright as aw
from archwright.spaces.zoo.nasbench201 import nasbench201_space
from archwright.strategies.bayesian import bayesian_search
from archwright.surrogates import Features, make_surrogate
from archwright.surrogates.graph_counts import GraphCounts
from archwright.testing import ToyEstimator
from archwright.trials import LocalTrial, Trial, TrialState


def cell(decisions: int = 3) -> aw.Space:
    operations = [
        aw.choice({"a": aw.layer(str), "b": aw.layer(int), "c": aw.layer(float)}, name=f"op{i}")
        for i in range(decisions)
    ]
    return aw.Space(aw.layer(list, *operations))


def test_networks_differ_by_their_labels_and_edges() -> None:
    space = cell()
    counts = GraphCounts(space)
    random = Random(1)
    made = [space.sample(random) for _ in range(30)]
    rows = counts(made)
    assert rows.shape == (30, sum(width for _, width in counts.groups))
    raw = []
    for architecture in made:
        graph = space.graph(architecture)
        labels = [node.label for node in graph.nodes]
        found = (
            Counter(labels),
            Counter(
                [("in", labels[a], labels[b]) for a, b in graph.contains]
                + [("then", labels[a], labels[b]) for a, b in graph.follows]
            ),
        )
        raw.append(found)
    expected = np.zeros((2, 30, 30))
    for part in range(2):
        for i, first in enumerate(raw):
            for j, second in enumerate(raw):
                keys = first[part].keys() | second[part].keys()
                expected[part, i, j] = sum((first[part][key] - second[part][key]) ** 2 for key in keys)
    labels, edges = rows[:, : counts.groups[0][1]], rows[:, counts.groups[0][1] :]
    for part, columns in enumerate((labels, edges)):
        squared = ((columns[:, None] - columns[None]) ** 2).sum(-1)
        # The distances of the counts themselves, but for one scale.
        scale = squared.sum() / expected[part].sum()
        np.testing.assert_allclose(squared, scale * expected[part], atol=1e-9)
        assert 0.5 < squared[np.triu_indices(30, 1)].mean() < 2.0


def test_features_have_them_as_two_more_groups() -> None:
    space = nasbench201_space((3, 9, 8), 4, channels=4, cells=1)
    plain, more = Features(space), Features(space, graph=True)
    assert [group.address for group in more.groups[len(plain.groups) :]] == ["labels", "edges"]
    made = [space.sample(Random(seed)) for seed in range(5)]
    np.testing.assert_array_equal(more(made)[:, : plain.columns], plain(made))
    assert more(made).shape == (5, more.columns)


def test_a_search_that_compares_graphs_goes_on_from_its_state() -> None:
    space = cell()
    estimator = ToyEstimator(space)
    first = bayesian_search(space, ToyEstimator.objectives[:1], initial=3, graph=True)
    for number in range(12):
        candidate = first.ask()
        first.tell(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
    second = bayesian_search(space, ToyEstimator.objectives[:1], initial=3, graph=True)
    second.load_state_dict(first.state_dict())
    assert [first.ask() for _ in range(5)] == [second.ask() for _ in range(5)]


def test_a_process_that_compares_graphs_knows_networks_by_other_spellings() -> None:
    # What is scored is which operations there are, whatever their order: the counts say it, the decisions do not.
    space = cell(5)
    made = list(space)
    scores = [abs(2 - Counter(architecture.values())["a"]) for architecture in made]
    learned = made[::7]
    values = [scores[made.index(architecture)] for architecture in learned]
    errors = []
    for graph in (False, True):
        surrogate = make_surrogate("gp", space, graph=graph)
        surrogate.fit(learned, values)
        mean, _ = surrogate.predict(made)
        errors.append(np.abs(mean - scores).mean())
        other = make_surrogate("gp", space, graph=graph)
        other.load_state_dict(surrogate.state_dict())
        np.testing.assert_array_equal(other.predict(made)[0], mean)
    assert errors[1] < 0.7 * errors[0]
