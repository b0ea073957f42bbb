import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.reports.drawing.layered import layered


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 9))
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=16)) if pairs else []
    sizes = {str(i): (draw(st.integers(10, 90)), draw(st.integers(10, 40))) for i in range(count)}
    late = {str(i) for i in range(count) if draw(st.booleans())}
    return sizes, [(str(a), str(b)) for a, b in edges], late


@given(graphs())
def test_nothing_overlaps_and_every_edge_goes_right(graph):
    sizes, edges, late = graph
    layout = layered(sizes, edges, late)
    for a, b in itertools.combinations(sizes, 2):
        (ax, ay), (bx, by) = layout.centers[a], layout.centers[b]
        apart_x = abs(ax - bx) - (sizes[a][0] + sizes[b][0]) / 2
        apart_y = abs(ay - by) - (sizes[a][1] + sizes[b][1]) / 2
        assert apart_x > -1e-6 or apart_y > -1e-6
    for start, end in edges:
        xs = [x for x, _ in layout.paths[start, end]]
        assert xs == sorted(xs)
        assert xs[0] == pytest.approx(layout.centers[start][0] + sizes[start][0] / 2)
        assert xs[-1] == pytest.approx(layout.centers[end][0] - sizes[end][0] / 2)
    for name, (width, height) in sizes.items():
        x, y = layout.centers[name]
        assert x - width / 2 >= -1e-6
        assert x + width / 2 <= layout.width + 1e-6
        assert y - height / 2 >= -1e-6
        assert y + height / 2 <= layout.height + 1e-6


def test_late_vertices_stand_just_before_what_they_lead_to():
    sizes = dict.fromkeys("abcde", (10.0, 10.0))
    edges = [("a", "b"), ("b", "c"), ("a", "d"), ("d", "e"), ("c", "e")]
    early, late = layered(sizes, edges), layered(sizes, edges, late="d")
    assert early.centers["d"][0] == early.centers["b"][0]
    assert late.centers["d"][0] == late.centers["c"][0]


def test_avoidable_crossings_are_avoided():
    sizes = dict.fromkeys("abxy", (10.0, 10.0))
    layout = layered(sizes, [("a", "y"), ("b", "x")])
    assert (layout.centers["a"][1] < layout.centers["b"][1]) == (
        layout.centers["y"][1] < layout.centers["x"][1]
    )


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        layered({"a": (1, 1), "b": (1, 1)}, [("a", "b"), ("b", "a")])


def test_an_empty_graph_has_no_size():
    assert (layered({}, []).width, layered({}, []).height) == (0.0, 0.0)
