from torch import nn

import archwright.spaces as aw
from archwright.reports.drawing.boxes import Arc, box_of


def box(space, **values):
    architecture = space.architecture(values) if values else space.sample(0)
    return box_of(aw.resolve(space, architecture))


def test_calls_nest_as_in_the_arguments(residual_space):
    root = box(residual_space(), width=8)
    assert (root.title, root.flows, root.depth, root.leaves) == ("Sequential", True, 3, 2)
    assert [child.title for child in root.children] == ["Conv2d", "Residual"]
    assert root.children[0].detail == "1, 8, 3"
    assert root.calls == 4  # the shortcut is an arc


def test_a_decision_is_told_where_it_first_enters(residual_space):
    root = box(residual_space(), width=8)
    first, block = root.children
    assert first.decided == {"width": 8}
    assert (block.children[0].decided, block.children[0].touched) == ({}, True)


def test_a_shortcut_is_an_arc_from_input_to_output(residual_space):
    assert box(residual_space()).children[1].arcs == (Arc(-1, 1, ""),)
    projected = box(residual_space(nn.Conv2d), width=4).children[1]
    assert projected.arcs == (Arc(-1, 1, "Conv2d(4, 4, 1)"),)


def test_skips_of_a_chain_are_arcs_between_operations(chain_space):
    root = box(chain_space)
    assert [child.title for child in root.children] == ["Conv2d", "Conv2d", "MaxPool2d", "Conv2d", "Conv2d"]
    assert root.children[2].label == "all outputs"
    assert root.arcs == (Arc(0, 3), Arc(0, 4), Arc(1, 4))
    assert root.children[0].decided.keys() == {"kernel"}


def test_a_cell_has_no_boxes_inside_and_takes_its_decisions(cells_space):
    root = box(cells_space)
    cells = [child for child in root.children if child.cell]
    assert len(cells) == 8
    assert all(child.children == () for child in cells)
    assert cells[0].decided.keys() == {f"normal.node{k}.op{i}" for k in range(4) for i in range(2)}
    assert cells[1].decided == {}


def test_tied_calls_say_so():
    shared = aw.tied(aw.layer(nn.Linear, 4, 4))
    root = box(aw.Space(aw.layer(nn.Sequential, shared, aw.layer(nn.ReLU), shared)))
    assert [child.tied for child in root.children] == [False, False, True]


def test_arguments_that_hold_calls_are_labelled():
    space = aw.Space(aw.layer(dict, stem=aw.layer(nn.Identity), parts={"a": aw.layer(nn.ReLU)}, scale=2))
    root = box(space)
    assert [(child.label, child.title) for child in root.children] == [
        ("stem", "Identity"),
        ("parts.a", "ReLU"),
    ]
    assert root.detail == "scale=2"
