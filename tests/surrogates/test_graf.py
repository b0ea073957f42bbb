"""GRAF's features against paths that are listed one by one, and as columns of every surrogate."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.spaces.zoo import darts_space, nasbench201_space
from archwright.spaces.zoo.nasbench201 import EDGES, OPERATIONS, address, from_string
from archwright.surrogates import GRAF, SURROGATES, Features, make_surrogate
from archwright.surrogates.graf import CellGraph, cells_of, features_of
from archwright.testing import toy_spaces

NAMES = ("a", "b", "none")


@st.composite
def cells(draw):
    inputs, nodes = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    edges = []
    for node in range(inputs, inputs + nodes):
        for state in range(node):
            label = draw(st.sampled_from([*NAMES, None]))
            if label is not None:
                edges.append((state, node, label))
    return CellGraph(inputs, nodes, tuple(edges), draw(st.booleans()))


def paths(cell):
    """All ways from an input to an output, each a list of labels; ways of no edge are none."""
    found = []
    waiting = [(state, ()) for state in range(cell.inputs)]
    while waiting:
        state, labels = waiting.pop()
        if state in cell.outputs:
            found.append(labels)
        waiting += [(b, (*labels, label)) for a, b, label in cell.edges if a == state]
    return found


@given(cells())
def test_features_are_those_of_the_paths_listed(cell):
    found = features_of(cell, NAMES)
    for size in (1, 2, 3):
        for chosen in itertools.combinations(NAMES, size):
            told = "+".join(chosen)
            every = paths(cell)
            inside = [len(labels) for labels in every if all(label in chosen for label in labels)]
            far = cell.inputs + cell.nodes + 1
            assert found[f"shortest {told}"] == min([*inside, far])
            assert found[f"most {told}"] == max(
                [sum(x in chosen for x in labels) for labels in every], default=0
            )
            edges = [(a, b) for a, b, label in cell.edges if label in chosen]
            assert found[f"leave 0 {told}"] == len([1 for a, _ in edges if a == 0])
            assert found[f"enter {told}"] == len([1 for _, b in edges if b in cell.outputs])
            assert found[f"average {told}"] == pytest.approx(len(edges) / (cell.inputs + cell.nodes))
    for name in NAMES:
        assert found[f"count {name}"] == [label for *_, label in cell.edges].count(name)


def test_a_cell_of_nas_bench_201_is_read_from_its_graph():
    space = nasbench201_space((3, 8, 8), 10, cells=1)
    text = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    architecture = space.architecture(from_string(text))
    found = list(cells_of(space.graph(architecture)).values())
    assert len(found) == 3
    expected = tuple((earlier, node, architecture[address(node, earlier)]) for node, earlier in EDGES)
    assert all(cell == CellGraph(1, 3, expected, is_joined=False) for cell in found)
    features = features_of(found[0], OPERATIONS)
    assert features["shortest nor_conv_1x1+nor_conv_3x3"] == 2  # 0-1, 1-3
    assert features["shortest nor_conv_3x3"] == 5  # there is none
    assert features["most nor_conv_1x1+nor_conv_3x3"] == 2
    assert features["count skip_connect"] == 1


def test_a_cell_of_darts_has_two_inputs_and_joins_its_nodes():
    space = darts_space((1, 8, 8), 10)
    for cell in cells_of(space.graph(space.sample(0))).values():
        assert (cell.inputs, cell.nodes, cell.is_joined) == (2, 4, True)
        assert len(cell.edges) == 8


def test_cells_that_repeat_one_another_count_once():
    space = nasbench201_space((3, 8, 8), 10, cells=2)
    graf = GRAF(space)
    assert len({name.partition(": ")[0] for name in graf.names if ": " in name}) == 1
    rows = graf([space.sample(seed) for seed in range(400, 600)])
    distances = ((rows[:100] - rows[100:]) ** 2).sum(1).mean()
    assert distances == pytest.approx(1.0, abs=0.15)
    assert len(np.unique(rows, axis=1).T) == rows.shape[1]


@pytest.mark.parametrize(
    "make", [toy_spaces.nested, toy_spaces.conditional, toy_spaces.single], ids=lambda f: f.__name__
)
def test_any_space_has_features(make):
    space = make()
    rows = GRAF(space)([space.sample(seed) for seed in range(5)])
    assert rows.shape[0] == 5
    assert np.isfinite(rows).all()


class Seconds:
    """Columns of somebody's own."""

    groups = (("mine", 2),)

    def __init__(self, space):
        self.space = space

    def __call__(self, architectures):
        codes = np.array([self.space.encode(a)[:2] for a in architectures], dtype=float)
        return codes.reshape(len(architectures), 2) * 0.5


@pytest.mark.parametrize("name", [n for n in SURROGATES if n != "botorch"])
def test_every_surrogate_reads_them_by_an_option(name):
    space = toy_spaces.nested()
    seen = [space.sample(seed) for seed in range(24)]
    values = [float(space.encode(a).sum()) for a in seen]
    few = {"epochs": 3} if name in ("ensemble", "graph") else {"trees": 5} if name == "forest" else {}
    few |= {"stages": 5} if name == "boosting" else {}
    plain = make_surrogate(name, space, **few)
    more = make_surrogate(name, space, graf=True, columns=Seconds(space), **few)
    for surrogate in (plain, more):
        surrogate.fit(seen[:16], values[:16])
    (mean, deviation), (other, _) = more.predict(seen[16:]), plain.predict(seen[16:])
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
    assert not np.allclose(mean, other)
    again = make_surrogate(name, space, graf=True, columns=Seconds(space), **few)
    again.load_state_dict(more.state_dict())
    np.testing.assert_allclose(again.predict(seen[16:])[0], mean)


def test_botorch_reads_them_as_numbers():
    pytest.importorskip("botorch")
    space = toy_spaces.nested()
    seen = [space.sample(seed) for seed in range(12)]
    surrogate = make_surrogate("botorch", space, columns=Seconds(space), steps=5)
    surrogate.fit(seen, np.arange(12.0))
    assert np.isfinite(surrogate.predict(seen)[0]).all()


def test_groups_cover_all_columns():
    space = toy_spaces.nested()
    features = Features(space, graph=True, graf=True, columns=Seconds(space))
    covered = [column for group in features.groups for column in range(group.start, group.stop)]
    assert covered == list(range(features.columns))
    assert features([space.sample(0)]).shape == (1, features.columns)
    assert [group.address for group in features.groups[-4:]] == ["labels", "edges", "graf", "mine"]
