import pytest
import torch
from torch import nn

import archwright.spaces as aw
from archwright.reports.drawing.boxes import Arc, box_of
from archwright.reports.drawing.flow import trace

from .conftest import COLOURS, IMAGES


def box(space, example=IMAGES, **values):
    architecture = space.architecture(values) if values else space.sample(0)
    root = aw.resolve(space, architecture)
    return box_of(root, trace(root, example))


def test_calls_nest_as_in_the_arguments(residual_space):
    root = box(residual_space(), width=8)
    assert (root.title, root.flows, root.depth, root.leaves) == ("Sequential", True, 3, 2)
    assert [child.title for child in root.children] == ["Conv2d", "Residual"]
    assert root.children[0].detail == "1, 8, 3, padding=1"
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


def test_skips_of_a_chain_are_arcs_between_its_layers(chain_space):
    root = box(chain_space)
    assert [child.title for child in root.children] == ["ChainLayer"] * 4
    assert root.flows
    assert root.arcs == (Arc(0, 2), Arc(0, 3), Arc(1, 3))
    first, second, *_ = root.children
    assert first.children[0].decided.keys() == {"kernel"}
    assert [child.label for child in second.children] == ["operation", "pool"]
    assert second.arcs == ()  # what it hands on is read by nobody in it


def test_a_cell_has_no_boxes_inside_and_takes_its_decisions(cells_space):
    root = box(cells_space, COLOURS)
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


class Around(nn.Module):
    """Reads its input again at the end, and calls one part twice."""

    def __init__(self, **parts):
        super().__init__()
        self.parts = nn.ModuleDict(parts)

    def forward(self, x):
        first = self.parts["a"](x)
        second = self.parts["b"](first)
        return self.parts["c"](second) + self.parts["norm"](x) + self.parts["norm"](first)


class Lost(nn.Module):
    """Two branches that are joined: neither reads the other."""

    def __init__(self, left, right):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x):
        return torch.cat([self.left(x).relu(), self.right(x[:, :1])], 1)


class Fork(nn.Module):
    """Three branches."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def linear():
    return aw.layer(nn.Linear, 4, 4)


def test_what_flows_is_seen_and_not_guessed_from_names():
    parts = {name: linear() for name in ("c", "b", "norm", "a")}
    root = box(aw.Space(aw.layer(Around, **parts)), torch.zeros(2, 4))
    assert [child.label for child in root.children] == ["a", "b", "c", "norm"]
    assert root.flows
    assert root.arcs == (Arc(-1, 3), Arc(0, 3))


def test_a_branch_beside_another_is_an_arc_and_two_deep_ones_do_not_flow():
    space = aw.Space(aw.layer(Lost, left=linear(), right=aw.layer(nn.Linear, 1, 4)))
    root = box(space, torch.zeros(2, 4))
    assert (root.flows, root.arcs) == (True, (Arc(-1, 1, "Linear(1, 4)"),))
    three = aw.Space(aw.layer(Fork, linear(), linear(), linear()))
    root = box(three, torch.zeros(2, 4))
    assert (root.flows, len(root.children)) == (False, 3)


def test_in_place_and_identity_are_told_apart_from_their_input():
    layers = [linear(), aw.layer(nn.ReLU, inplace=True), aw.layer(nn.Identity), linear()]
    root = box(aw.Space(aw.layer(nn.Sequential, *layers)), torch.zeros(2, 4))
    assert root.flows
    assert root.arcs == ()
    assert len(root.children) == 4


@pytest.mark.parametrize("example", [torch.zeros(2, 7), ((), {"y": torch.zeros(2, 4)})])
def test_a_network_that_does_not_run_is_drawn_without_arrows(example):
    parts = {name: linear() for name in ("a", "b", "c", "norm")}
    root = box(aw.Space(aw.layer(Around, **parts)), example)
    assert not root.flows
    assert len(root.children) == 4


def test_nothing_else_is_changed():
    space = aw.Space(aw.layer(nn.Sequential, linear(), aw.layer(nn.Dropout, 0.5)))
    before = torch.random.get_rng_state()
    assert box(space, torch.zeros(2, 4)).flows
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.is_grad_enabled()


def test_a_sequential_is_in_order_run_or_not():
    space = aw.Space(aw.layer(nn.Sequential, linear(), aw.layer(nn.ReLU)))
    assert box_of(aw.resolve(space, space.sample(0))).flows


def test_an_lstm_and_several_inputs_are_followed():
    class Two(nn.Module):
        def __init__(self, words, numbers, head):
            super().__init__()
            self.words, self.numbers, self.head = words, numbers, head

        def forward(self, words, *, numbers):
            return self.head(torch.cat([self.words(words)[0][:, -1], self.numbers(numbers)], 1))

    lstm = aw.layer(nn.LSTM, 3, 4, batch_first=True)
    space = aw.Space(aw.layer(Two, words=lstm, numbers=linear(), head=aw.layer(nn.Linear, 8, 2)))
    root = box(space, ((torch.zeros(2, 5, 3),), {"numbers": torch.zeros(2, 4)}))
    assert root.flows
    assert [child.title for child in root.children] == ["LSTM", "Linear"]
    assert root.arcs == (Arc(-1, 1, "Linear(4, 4)"),)
