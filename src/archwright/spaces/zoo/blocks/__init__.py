"""The zoo's network blocks: plain torch modules. Each needs torch and at most other blocks, nothing else.

An exported network holds the source of the blocks it uses, so each class must read well on its own.
"""

from archwright.spaces.zoo.blocks.cell import Cell, CellNetwork, CellNode
from archwright.spaces.zoo.blocks.chain import Chain, ChainLayer
from archwright.spaces.zoo.blocks.convolution import (
    Conv1dNormAct,
    ConvNormAct,
    SeparableConv,
    SeparableConv1d,
)
from archwright.spaces.zoo.blocks.darts import (
    DartsDilatedConv,
    DartsSeparableConv,
    FactorizedReduce,
    PoolNorm,
    ReLUConvNorm,
    Zero,
)
from archwright.spaces.zoo.blocks.dense import DenseBlock

__all__ = [
    "Cell",
    "CellNetwork",
    "CellNode",
    "Chain",
    "ChainLayer",
    "Conv1dNormAct",
    "ConvNormAct",
    "DartsDilatedConv",
    "DartsSeparableConv",
    "DenseBlock",
    "FactorizedReduce",
    "PoolNorm",
    "ReLUConvNorm",
    "SeparableConv",
    "SeparableConv1d",
    "Zero",
]
