import torch
from torch import nn

import archwright.spaces as aw
from archwright.reports.drawing.cells import cell_of
from archwright.reports.drawing.flow import trace

from .conftest import COLOURS, IMAGES


def cells_of(space, architecture, example):
    root = aw.resolve(space, architecture)
    flows = trace(root, example)
    return [cell for call in aw.walk_calls(root) if (cell := cell_of(call, flows))]


def test_a_cell_is_recognised_by_its_data_flow(cells_space):
    architecture = cells_space.sample(0)
    cells = cells_of(cells_space, architecture, COLOURS)
    assert len(cells) == 8
    assert [cell.name for cell in cells] == [
        "normal",
        "normal",
        "reduce",
        "normal",
        "normal",
        "reduce",
        "normal",
        "normal",
    ]
    first = cells[0]
    assert (len(first.inputs), first.nodes, len(first.edges)) == (2, 4, 8)
    assert [(e.start, e.end) for e in first.edges] == [
        (0, 2),
        (1, 2),
        (1, 3),
        (2, 3),
        (2, 4),
        (3, 4),
        (3, 5),
        (4, 5),
    ]
    assert [e.text for e in first.edges[:2]] == [architecture[f"normal.node0.op{i}"] for i in range(2)]
    assert all(edge.decided for edge in first.edges)


def test_cells_of_other_channels_are_alike_but_not_other_operations(cells_space):
    cells = cells_of(cells_space, cells_space.sample(0), COLOURS)
    assert cells[0].likeness == cells[7].likeness != cells[2].likeness


class Mine(nn.Module):
    """A graph as a user writes it: no names that mean anything, no part that prepares."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        seen = [x]
        for part in self.parts:
            seen.append(part(*seen))
        return seen[-1]


class Sum(nn.Module):
    """Adds what its parts make of everything before."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, *seen):
        return sum(part(x) for part, x in zip(self.parts, seen, strict=True))


def linear(name=None):
    width = 4 if name is None else aw.categorical([4], name=name)
    return aw.layer(nn.Linear, 4, width)


def test_a_graph_of_a_users_own_classes_is_a_cell():
    nodes = [aw.layer(Sum, *(linear() for _ in range(count))) for count in (1, 2, 3)]
    space = aw.Space(aw.layer(Mine, *nodes))
    (cell,) = cells_of(space, space.sample(0), torch.zeros(2, 4))
    assert (len(cell.inputs), cell.nodes, cell.outputs) == (1, 3, (3,))
    assert [(edge.start, edge.end) for edge in cell.edges] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert {edge.text for edge in cell.edges} == {"Linear(4, 4)"}
    assert not any(edge.decided for edge in cell.edges)


def test_chains_and_branches_of_one_state_are_no_cells(chain_space, residual_space):
    assert cells_of(chain_space, chain_space.sample(0), IMAGES) == []
    space = residual_space()
    assert cells_of(space, space.sample(0), IMAGES) == []


def test_a_cell_of_blocks_is_drawn_with_both_hands_and_its_output():
    from archwright.spaces.zoo import nasnet_space

    space = nasnet_space((1, 8, 8), 3, repeats=1, channels=4, blocks=3, drop_path=0.1)
    for seed in range(4):
        architecture = space.sample(seed)
        cells = [cell for cell in cells_of(space, architecture, IMAGES) if cell.nodes == 3]
        built = space.build(architecture).cells
        assert [cell.name for cell in cells] == ["normal", "reduction", "normal", "reduction", "normal"]
        for cell, made in zip(cells, built, strict=True):
            hands = [f"{cell.name}.{block}.{side}" for block in range(3) for side in ("left", "right")]
            assert [edge.start for edge in cell.edges] == [architecture[f"{hand}_input"] for hand in hands]
            assert [edge.end for edge in cell.edges] == [2, 2, 3, 3, 4, 4]
            assert [edge.text for edge in cell.edges] == [architecture[f"{hand}_operation"] for hand in hands]
            assert cell.outputs == made.concatenate
