"""The zoo's network blocks: plain torch modules. Each needs torch and at most other blocks, nothing else.

An exported network holds the source of the blocks it uses, so each class must read well on its own.
"""

from archwright.spaces.zoo.blocks.cell import Cell, CellNetwork, CellNode, DropPath
from archwright.spaces.zoo.blocks.chain import Chain, ChainLayer
from archwright.spaces.zoo.blocks.columns import ColumnEmbedding
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
from archwright.spaces.zoo.blocks.einspace import (
    Branches,
    Clone,
    ConcatBranches,
    FoldTokens,
    Group,
    MultiplyBranches,
    PositionalEncoding,
    SumBranches,
    TokenMean,
    Transpose,
    UnfoldImage,
    UnfoldSeries,
)
from archwright.spaces.zoo.blocks.enas import SkipLayer, SkipNetwork, StateReduction
from archwright.spaces.zoo.blocks.ensembles import (
    AveragedNetworks,
    AveragedOdds,
    AveragedOutputs,
    AveragedProbabilities,
)
from archwright.spaces.zoo.blocks.mbconv import (
    ConvNorm,
    MobileBlock,
    MobileStage,
    Resize,
    SqueezeExcitation,
)
from archwright.spaces.zoo.blocks.mobile import ConvNormReLU6, InvertedResidual
from archwright.spaces.zoo.blocks.nasbench201 import ReLUConv3x3Norm, ResidualReduction, SummedCell
from archwright.spaces.zoo.blocks.nasnet import BottleneckConv, CellBlock, NasnetCell
from archwright.spaces.zoo.blocks.recurrent import (
    HighwayEdge,
    HighwayStart,
    LockedDropout,
    LSTMNetwork,
    RecurrentCell,
    RecurrentNetwork,
    SymbolEmbedding,
    TiedDecoder,
)
from archwright.spaces.zoo.blocks.tables import (
    EnsembleLinear,
    EnsembleMean,
    FeatureTokens,
    ResidualRowBlock,
    RowAttentionBlock,
    RowHead,
)
from archwright.spaces.zoo.blocks.wired import ReLUSeparableConvNorm, WiredGraph, WiredNode

# fmt: off
__all__ = [
    "AveragedNetworks", "AveragedOdds", "AveragedOutputs", "AveragedProbabilities", "BottleneckConv", "Branches",
    "Cell", "CellBlock", "CellNetwork", "CellNode", "Chain", "ChainLayer", "Clone", "ColumnEmbedding",
    "ConcatBranches", "Conv1dNormAct", "ConvNorm", "ConvNormAct", "ConvNormReLU6", "DartsDilatedConv",
    "DartsSeparableConv", "DenseBlock", "DropPath", "EnsembleLinear", "EnsembleMean", "FactorizedReduce",
    "FeatureTokens", "FoldTokens", "Group", "HighwayEdge", "HighwayStart", "InvertedResidual", "LSTMNetwork",
    "LockedDropout", "MobileBlock", "MobileStage", "MultiplyBranches", "NasnetCell", "PoolNorm",
    "PositionalEncoding", "ReLUConv3x3Norm", "ReLUConvNorm", "ReLUSeparableConvNorm", "RecurrentCell",
    "RecurrentNetwork", "ResidualReduction", "ResidualRowBlock", "Resize", "RowAttentionBlock", "RowHead",
    "SeparableConv", "SeparableConv1d", "SkipLayer", "SkipNetwork", "SqueezeExcitation", "StateReduction",
    "SumBranches", "SummedCell", "SymbolEmbedding", "TiedDecoder", "TokenMean", "Transpose", "UnfoldImage",
    "UnfoldSeries", "WiredGraph", "WiredNode", "Zero",
]
# fmt: on
