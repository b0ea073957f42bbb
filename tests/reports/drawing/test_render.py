import itertools
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from archwright.reports.drawing.boxes import Arc, Box
from archwright.reports.drawing.render import CHARACTER, ROW, clipped, pill, place


def stack(count, arcs=()):
    children = tuple(Box(f"Layer{i}") for i in range(count))
    return Box("Chain", children=children, flows=True, arcs=tuple(arcs))


def test_a_leaf_is_one_row_with_all_it_says():
    drawn = place(Box("Conv2d", "1, 8, 3", decided={"width": 8}), {})
    assert drawn.height == ROW
    words = [element.text for element in ET.fromstring(drawn.svg).iter("text")]
    assert words == ["Conv2d", "1, 8, 3", "width = 8"]
    assert drawn.width > CHARACTER * len("Conv2d1, 8, 3width = 8")


def test_many_decisions_take_further_rows_and_the_rest_is_counted():
    drawn = place(Box("Conv2d", decided={f"a.long.address.of.{name}": 1.5 for name in "abcdefghi"}), {})
    words = [element.text for element in ET.fromstring(drawn.svg).iter("text")]
    assert drawn.height > ROW
    assert words[1] == "a.long.address.of:"
    assert words[-1] == "3 more"


def test_a_holder_is_as_wide_as_its_widest_part():
    wide = Box("Conv2d", "x" * 40)
    outer = place(Box("Sequential", children=(Box("ReLU"), wide), flows=True), {})
    assert outer.width > place(wide, {}).width
    assert outer.height > 2 * ROW


@given(
    st.integers(2, 7).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(-1, n - 2), st.integers(1, n))))
    )
)
def test_no_two_arcs_run_over_each_other(case):
    count, pairs = case
    arcs = [Arc(start, end) for start, end in pairs if end > start + 1]
    drawn = place(stack(count, arcs), {})
    runs = []
    for path in ET.fromstring(drawn.svg).iter("path"):
        if path.get("class") == "skip":
            top, edge, bottom = re.match(
                r"M[\d.]+ ([\d.]+)H([\d.]+)q6 0 6 6V([\d.]+)", path.get("d")
            ).groups()
            runs.append((float(edge) + 6, float(top), float(bottom) + 6))
            assert float(edge) + 6 <= drawn.width
            assert float(bottom) > float(top)
    assert len(runs) == len(arcs)
    for (x, top, bottom), (other_x, other_top, other_bottom) in itertools.combinations(runs, 2):
        assert x != other_x or bottom <= other_top or other_bottom <= top


def test_long_texts_are_clipped_with_the_whole_in_the_title():
    assert clipped("abcdef", 4) == "abc…"
    assert clipped("abcd", 4) == "abcd"
    assert f"<title>{'x' * 99}</title>" in pill("x" * 99, "decision").svg
