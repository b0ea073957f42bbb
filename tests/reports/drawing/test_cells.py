from collections import OrderedDict

from torch import nn

import archwright.spaces as aw
from archwright.reports.drawing.cells import cell_of, chain_of, flows, given, shortcut_of


def resolved(space):
    return aw.resolve(space, space.sample(0))


def test_a_cell_is_recognised_by_its_arguments(cells_space):
    architecture = cells_space.sample(0)
    calls = list(aw.walk_calls(aw.resolve(cells_space, architecture)))
    cells = [cell for call in calls if (cell := cell_of(call))]
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
    calls = list(aw.walk_calls(aw.resolve(cells_space, cells_space.sample(0))))
    cells = [cell for call in calls if (cell := cell_of(call))]
    assert cells[0].likeness == cells[7].likeness != cells[2].likeness


def test_an_edge_from_a_later_state_makes_no_cell():
    node = aw.layer(dict, edges={"2": aw.layer(nn.Identity)})
    space = aw.Space(aw.layer(dict, prepare=[aw.layer(nn.Identity)], nodes=[node]))
    assert cell_of(resolved(space)) is None


def test_an_operation_without_a_decided_label_is_told_by_its_call():
    node = aw.layer(dict, edges={"0": aw.layer(nn.Conv2d, 8, 8, 3)})
    space = aw.Space(aw.layer(dict, prepare=[aw.layer(nn.Identity)], nodes=[node]))
    cell = cell_of(resolved(space))
    assert (cell.name, cell.edges[0].text, cell.edges[0].decided) == ("", "Conv2d(8, 8, 3)", False)


def test_a_chain_tells_what_each_layer_reads(chain_space):
    layers = chain_of(resolved(chain_space))
    assert [skips for _, _, skips, _ in layers] == [(), (), (0,), (0, 1)]
    assert [pool.name if pool else None for _, _, _, pool in layers] == [None, "MaxPool2d", None, None]


def test_what_is_no_chain_is_none(residual_space, cells_space):
    assert chain_of(resolved(residual_space())) is None
    assert chain_of(resolved(cells_space)) is None
    assert cell_of(resolved(residual_space())) is None


def test_a_shortcut_goes_around_a_body(residual_space):
    block = resolved(residual_space()).args[1]
    body, shortcut = shortcut_of(block)
    assert (body.name, shortcut.name) == ("Conv2d", "Identity")
    assert shortcut_of(body) is None


def test_only_a_known_order_flows(cells_space):
    identity = aw.layer(nn.Identity)
    assert flows(resolved(cells_space))
    assert flows(resolved(aw.Space(aw.layer(nn.Sequential, identity))))
    assert not flows(resolved(aw.Space(aw.layer(dict, left=identity, right=identity))))
    assert not flows(resolved(aw.Space(aw.layer(dict, head=identity, stem=identity))))


def test_arguments_are_named_by_the_signature():
    call = resolved(aw.Space(aw.layer(nn.Conv2d, 1, 2, kernel_size=3)))
    assert given(call) == {"in_channels": 1, "out_channels": 2, "kernel_size": 3}
    assert given(resolved(aw.Space(aw.layer(OrderedDict, [1])))) == {"0": [1]}


def test_a_cell_of_blocks_is_drawn_with_both_hands_and_its_output():
    from archwright.spaces.zoo import nasnet_space

    space = nasnet_space((1, 8, 8), 3, repeats=1, channels=4, blocks=3, drop_path=0.1)
    for seed in range(4):
        architecture = space.sample(seed)
        calls = list(aw.walk_calls(aw.resolve(space, architecture)))
        cells = [cell for call in calls if (cell := cell_of(call))]
        built = space.build(architecture).cells
        assert [cell.name for cell in cells] == ["normal", "reduction", "normal", "reduction", "normal"]
        for cell, made in zip(cells, built, strict=True):
            hands = [f"{cell.name}.{block}.{side}" for block in range(3) for side in ("left", "right")]
            assert [edge.start for edge in cell.edges] == [architecture[f"{hand}_input"] for hand in hands]
            assert [edge.end for edge in cell.edges] == [2, 2, 3, 3, 4, 4]
            assert [edge.text for edge in cell.edges] == [architecture[f"{hand}_operation"] for hand in hands]
            assert cell.outputs == made.concatenate


def test_an_output_of_no_state_makes_no_cell():
    node = aw.layer(dict, edges={"0": aw.layer(nn.Identity)})
    space = aw.Space(aw.layer(dict, prepare=[aw.layer(nn.Identity)], nodes=[node], concatenate=[2]))
    assert cell_of(resolved(space)) is None
