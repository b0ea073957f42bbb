"""The DARTS space: the paper's count, shared wiring, sizes and channels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Expression, Space, integer
from archwright.spaces.zoo import cell_space, darts_operation, darts_space
from archwright.spaces.zoo.blocks import Cell, DropPath, FactorizedReduce, PoolNorm
from archwright.spaces.zoo.darts import OPERATIONS


def _shapes(network: nn.Module, example: torch.Tensor) -> list[tuple[int, ...]]:
    """The shape of each cell's output, without the batch."""
    shapes: list[tuple[int, ...]] = []

    def note(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        shapes.append(tuple(output.shape[1:]))

    for module in network.modules():
        if isinstance(module, Cell):
            module.register_forward_hook(note)
    network(example)
    return shapes


def test_size_is_the_papers_count() -> None:
    edges = 1 * 3 * 6 * 10
    assert cell_space((3, 32, 32), 10).size == (edges * 7**8) ** 2
    assert cell_space((3, 32, 32), 10, cells=20).size == (edges * 7**8) ** 2
    with_none = cell_space((3, 32, 32), 10, operations=OPERATIONS)
    assert with_none.size == (edges * 8**8) ** 2


def test_cells_concatenate_their_nodes_and_reductions_halve() -> None:
    space = cell_space((3, 32, 32), 10, cells=6, channels=4)
    shapes = _shapes(space.build(space.sample(0)), torch.randn(2, 3, 32, 32))
    assert shapes == [
        (4 * 4, 32, 32),
        (4 * 4, 32, 32),
        (4 * 8, 16, 16),
        (4 * 8, 16, 16),
        (4 * 16, 8, 8),
        (4 * 16, 8, 8),
    ]


def test_odd_sizes_are_rounded_up_and_nodes_counted() -> None:
    space = cell_space((1, 7, 13), 10, cells=3, channels=3, nodes=2)
    shapes = _shapes(space.build(space.sample(0)), torch.randn(2, 1, 7, 13))
    assert shapes == [(2 * 3, 7, 13), (2 * 6, 4, 7), (2 * 12, 2, 4)]


def test_large_images_are_reduced_by_the_stem() -> None:
    space = cell_space((3, 224, 160), 10, cells=3, channels=2, nodes=1)
    shapes = _shapes(space.build(space.sample(0)), torch.randn(2, 3, 224, 160))
    assert shapes == [(2, 56, 40), (4, 28, 20), (8, 14, 10)]


def test_cells_of_a_kind_have_one_wiring() -> None:
    space = cell_space((1, 8, 8), 10, cells=6, channels=4)
    for seed in range(3):
        architecture = space.sample(seed)
        cells = [module for module in space.build(architecture).modules() if isinstance(module, Cell)]
        for position, made in enumerate(cells):
            kind = "reduction" if position in (2, 4) else "normal"
            read = [tuple(int(state) for state in node.edges) for node in made.nodes]
            assert read == [architecture[f"{kind}.{node}.inputs"] for node in range(4)]


@pytest.mark.parametrize("label", OPERATIONS[1:])
def test_the_operation_on_an_edge_is_the_decided_one(label: str) -> None:
    space = cell_space((1, 8, 8), 10, cells=3, channels=4, nodes=1)
    architecture = space.architecture(
        {
            "normal.0.inputs": (0, 1),
            "normal.0.from_0": label,
            "normal.0.from_1": "max_pool_3x3",
            "reduction.0.inputs": (0, 1),
            "reduction.0.from_0": "sep_conv_5x5",
            "reduction.0.from_1": label,
        }
    )
    cells = [module for module in space.build(architecture).modules() if isinstance(module, Cell)]
    normal, reduction = cells[0].nodes[0].edges["0"], cells[1].nodes[0].edges["1"]
    for made, channels, stride in ((normal, 4, 1), (reduction, 8, 2)):
        alone = Space(darts_operation(label, channels, stride))
        assert str(made) == str(alone.build(alone.sample(0)))


def test_a_cell_after_a_reduction_brings_its_first_input_to_size() -> None:
    space = cell_space((1, 8, 8), 10, cells=6, channels=4)
    network = space.build(space.sample(0))
    first = [isinstance(module.prepare[0], FactorizedReduce) for module in network.cells]
    assert first == [False, False, False, True, False, True]
    assert not any(isinstance(module.prepare[1], FactorizedReduce) for module in network.cells)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_operation_is_built(label: str, stride: int) -> None:
    space = Space(darts_operation(label, 6, stride))
    operation = space.build(space.sample(0))
    assert operation(torch.randn(2, 6, 9, 8)).shape == (2, 6, -(-9 // stride), 8 // stride)


def test_channels_can_be_decided() -> None:
    channels: Expression = integer(2, 6, step=2, name="channels")
    space = cell_space((1, 8, 8), 10, cells=3, channels=channels, nodes=1)
    assert space.size == 3 * (7**2) ** 2
    for seed in range(6):
        architecture = space.sample(seed)
        shapes = _shapes(space.build(architecture), torch.randn(2, 1, 8, 8))
        assert [channels for channels, _, _ in shapes] == [architecture["channels"] * k for k in (1, 2, 4)]


def test_parameters_of_a_small_network() -> None:
    space = cell_space((1, 8, 8), 10, cells=3, channels=2, nodes=1)
    edges = {f"{kind}.0.from_{i}": "skip_connect" for kind in ("normal", "reduction") for i in (0, 1)}
    inputs = {f"{kind}.0.inputs": (0, 1) for kind in ("normal", "reduction")}
    network = space.build(space.architecture({**edges, **inputs}))

    def projection(inner: int, outer: int) -> int:
        return inner * outer + 2 * outer

    stem = 1 * 6 * 9 + 2 * 6
    normal = projection(6, 2) + projection(6, 2)
    first_reduction = projection(6, 4) + projection(2, 4) + 2 * projection(4, 4)
    second_reduction = projection(2, 8) + projection(4, 8) + 2 * projection(8, 8)
    head = 8 * 10 + 10
    expected = stem + normal + first_reduction + second_reduction + head
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cells": 2}, "at least 3 cells"),
        ({"channels": 1}, "at least 2 channels"),
        ({"nodes": 0}, "at least one node"),
        ({"operations": ["sep_conv_3x3", "skip"]}, "no operation 'skip'.*Did you mean 'skip_connect'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        cell_space((1, 8, 8), 10, **options)  # type: ignore[arg-type]


def test_an_unknown_operation_is_told() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'dil_conv_3x3'"):
        darts_operation("dil_conv_3", 4)


def test_other_inputs_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"takes inputs of shape \(channels, height, width\), got \(1, 40\)"):
        cell_space((1, 40), 10)


# The search network and its other scales


def test_the_search_space_has_none_too() -> None:
    assert darts_space((3, 32, 32), 10).size == (1 * 3 * 6 * 10 * 8**8) ** 2
    network = darts_space((1, 8, 8), 10)
    assert len(network.build(network.sample(0)).cells) == 8


def test_another_scale_takes_the_same_architectures() -> None:
    for make in (darts_space, cell_space):
        space = make((1, 8, 8), 3, channels=2)
        large = space.scale(cells=11, channels=4)
        assert (large.name, large.decisions.keys()) == (space.name, space.decisions.keys())
        for seed in range(3):
            architecture = space.sample(seed)
            assert architecture in large
            assert len(large.build(architecture).cells) == 11
        assert large.scale(cells=space_cells(space), channels=2).digest == space.digest
        with pytest.raises(SpaceError, match=r"nodes=3 changes what is decided at 'normal.3.inputs'"):
            space.scale(nodes=3)
        with pytest.raises(SpaceError, match=r"has no option 'cels' to scale. Did you mean 'cells'"):
            space.scale(cels=3)


def space_cells(space: Space) -> int:
    return len(space.build(space.sample(0)).cells)


def test_evaluation_pools_without_a_norm() -> None:
    space = darts_space((1, 8, 8), 3, cells=3, channels=2, operations=["max_pool_3x3", "avg_pool_3x3"])
    architecture = space.sample(0)
    searched = [module for module in space.build(architecture).modules() if isinstance(module, PoolNorm)]
    evaluated = space.scale(pool_norm=False).build(architecture)
    assert len(searched) == 3 * 4 * 2
    assert not any(isinstance(module, PoolNorm) for module in evaluated.modules())


def test_paths_are_dropped_but_for_skips_and_nothing() -> None:
    labels = ["none", "skip_connect", "sep_conv_3x3"]
    space = darts_space((1, 8, 8), 3, cells=3, channels=2, nodes=1, operations=labels, drop_path=0.25)
    for seed in range(10):
        architecture = space.sample(seed)
        for kind, made in zip(("normal", "reduction"), space.build(architecture).cells, strict=False):
            for state, edge in made.nodes[0].edges.items():
                label = architecture[f"{kind}.0.from_{state}"]
                kept = label == "none" or (label == "skip_connect" and kind == "normal")
                dropped = [module.probability for module in edge.modules() if isinstance(module, DropPath)]
                assert dropped == ([] if kept else [0.25])


def test_the_stem_for_imagenet_halves_three_times() -> None:
    space = darts_space((3, 64, 48), 10, cells=3, channels=4, nodes=1, stem="imagenet")
    network = space.build(space.sample(0))
    assert _shapes(network, torch.randn(2, 3, 64, 48)) == [(4, 8, 6), (8, 4, 3), (16, 2, 2)]
    assert isinstance(network.cells[0].prepare[0], FactorizedReduce)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"drop_path": 1}, "probability drop_path in"), ({"stem": "mnist"}, "no stem 'mnist'")],
)
def test_wrong_options_of_the_search_space_are_told(options: dict[str, object], text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        darts_space((1, 8, 8), 10, **options)  # type: ignore[arg-type]
