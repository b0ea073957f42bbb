"""That an exported network can hold the blocks' source: they need torch and each other, nothing else."""

from __future__ import annotations

import ast
import inspect

import pytest
import torch
from torch import nn

from archwright.spaces.zoo import blocks

_SOURCES = {name: inspect.getsource(getattr(blocks, name)) for name in blocks.__all__}


def test_every_block_is_a_module_with_a_docstring() -> None:
    for name in blocks.__all__:
        block = getattr(blocks, name)
        assert issubclass(block, nn.Module)
        assert inspect.getdoc(block)


@pytest.mark.parametrize("name", blocks.__all__)
def test_a_block_imports_nothing_and_has_no_decorators(name: str) -> None:
    for node in ast.walk(ast.parse(_SOURCES[name])):
        assert not isinstance(node, ast.Import | ast.ImportFrom)
        assert not getattr(node, "decorator_list", [])


def test_the_sources_work_with_torch_alone() -> None:
    names: dict[str, object] = {"torch": torch, "nn": nn}
    exec("from __future__ import annotations\n" + "\n\n".join(_SOURCES.values()), names)
    made = {name: names[name] for name in blocks.__all__}
    torch.manual_seed(0)
    x = torch.randn(2, 4, 7, 7)
    cell = made["Cell"](
        [made["ReLUConvNorm"](4, 4), made["FactorizedReduce"](4, 4)],
        [
            made["CellNode"](
                {"0": made["DartsSeparableConv"](4, 3, 2), "1": made["PoolNorm"](nn.Identity(), 4)}
            )
        ],
    )
    assert made["CellNetwork"](made["ConvNormAct"](4, 4), [cell], nn.Identity())(x).shape == (2, 4, 4, 4)
    chain = made["Chain"](
        made["ChainLayer"](made["SeparableConv"](4, 3)),
        made["ChainLayer"](made["DartsDilatedConv"](3, 3), pool=nn.MaxPool2d(2)),
        made["ChainLayer"](made["Zero"](1), skips=(0,)),
    )
    assert chain(x).shape == (2, 6, 3, 3)
    row = made["Chain"](
        made["ChainLayer"](made["Conv1dNormAct"](4, 2)), made["ChainLayer"](made["SeparableConv1d"](2, 3))
    )
    assert row(x[:, :, 0]).shape == (2, 3, 7)
    assert made["DenseBlock"](4, 2, nn.Identity(), nn.ReLU(), residual=True)(x[:, :, 0, 0]).shape == (2, 2)
