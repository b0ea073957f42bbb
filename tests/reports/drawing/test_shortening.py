from hypothesis import given
from hypothesis import strategies as st

from archwright.reports.drawing.boxes import Arc, Box
from archwright.reports.drawing.shortening import common_prefix, decision_texts, folded, labelled_once, pruned


def stack(*titles, **parts):
    return Box("Sequential", children=tuple(Box(title) for title in titles), flows=True, **parts)


def shown(box):
    """The titles with numbers, groups in brackets."""
    return [
        (f"[{' '.join(shown(child))}]" if not child.title else child.title)
        + (f"x{child.count}" if child.count > 1 else "")
        for child in box.children
    ]


def test_runs_are_drawn_once():
    assert shown(folded(stack(*"aaabcc"))) == ["ax3", "b", "cx2"]


def test_patterns_are_drawn_once_and_folded_themselves():
    assert shown(folded(stack("s", *"abcabc", "h"))) == ["s", "[a b c]x2", "h"]
    assert shown(folded(stack("s", *"nnrnnr", *"nn"))) == ["s", "[nx2 r]x2", "nx2"]


@given(st.text("abc", max_size=14))
def test_folding_loses_no_call(titles):
    root = stack(*titles)
    assert folded(root).calls == root.calls == 1 + len(titles)


def test_boxes_that_differ_in_arguments_stay():
    root = Box("Sequential", children=(Box("Conv2d", "1, 8"), Box("Conv2d", "8, 8")))
    assert len(folded(root).children) == 2


def test_children_that_arcs_end_at_stay():
    assert shown(folded(stack(*"aaa", arcs=(Arc(0, 2),)))) == ["a", "a", "a"]


def test_merged_boxes_have_the_decisions_of_all():
    boxes = tuple(Box("Conv2d", decided={f"blocks.{i}.op": "conv"}) for i in range(3))
    merged = folded(Box("Sequential", children=boxes)).children[0]
    assert decision_texts(merged.decided) == ["blocks.0…2.op = conv"]


def test_decisions_that_differ_in_more_than_one_place_are_told_apart():
    decided = {"a.0.b.1": 3, "a.1.b.0": 3, "a.0.c": 3, "w": True}
    assert decision_texts(decided) == ["a.0.b.1 = 3", "a.1.b.0 = 3", "a.0.c = 3", "w = yes"]


def test_addresses_share_what_comes_before_a_dot():
    assert common_prefix(["layers.2.width = 16", "layers.2.skips = {0.5}"]) == "layers.2"
    assert common_prefix(["layers.2.width = 16", "layers.20.width = 8"]) == "layers"
    assert common_prefix(["width = 1", "depth = 2"]) == ""
    assert common_prefix(["layers.2.width = 16"]) == common_prefix([]) == ""


def test_the_deepest_boxes_go_first():
    inner = Box("Block", children=tuple(Box(f"op{i}") for i in range(10)))
    root = Box("Sequential", children=tuple(Box("Stage", f"{i}", children=(inner,)) for i in range(4)))
    assert pruned(root, 100) == root
    cut = pruned(root, 39)
    assert cut.depth == 3
    assert cut.children[0].children[0].hidden == 10
    assert cut.calls == root.calls


def test_a_long_row_loses_its_middle_and_says_how_much():
    root = stack(*(f"op{i}" for i in range(100)))
    cut = pruned(root, 20)
    assert len(cut.children) == 21
    assert (cut.children[10].title, cut.children[10].detail) == ("…", "80 more")
    assert cut.calls == root.calls


def test_an_argument_is_named_once():
    root = Box(
        "Network",
        children=tuple(Box(t, label=label) for t, label in [("a", "stem"), ("b", "cells"), ("c", "cells")]),
    )
    assert [child.label for child in labelled_once(root).children] == ["stem", "cells", ""]
    group = Box("", children=(Box("b", label="cells"), Box("c", label="cells")), count=2)
    cells = labelled_once(Box("Network", children=(Box("a", label="cells"), group, Box("d", label="cells"))))
    assert [child.label for child in cells.children] == ["cells", "", ""]
    assert [child.label for child in cells.children[1].children] == ["", ""]
