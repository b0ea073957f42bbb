"""Blocks for tables, against networks that are computed another way."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from archwright.spaces.zoo.blocks import (
    EnsembleLinear,
    EnsembleMean,
    FeatureTokens,
    ResidualRowBlock,
    RowAttentionBlock,
    RowHead,
)


def test_a_residual_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = ResidualRowBlock(6, 12)
    norm, up, _, _, down, _ = block.body
    x = torch.randn(9, 6)
    normal = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + norm.eps) * norm.weight + norm.bias
    hidden = torch.clamp(normal @ up.weight.T + up.bias, min=0)
    torch.testing.assert_close(block(x), x + hidden @ down.weight.T + down.bias)


def test_tokens_are_those_of_each_column_alone() -> None:
    torch.manual_seed(0)
    tokens = FeatureTokens(4, 5, [0, 3, 0, 2])
    x = torch.tensor([[0.5, 2.0, -1.0, 1.0], [2.0, 0.0, 0.1, 0.0]])
    assert tokens.table is not None
    assert tokens.weight is not None
    for row, made in zip(x, tokens(x), strict=True):
        torch.testing.assert_close(made[0], tokens.bias[0])
        torch.testing.assert_close(made[1], row[0] * tokens.weight[0] + tokens.bias[1])
        torch.testing.assert_close(made[2], row[2] * tokens.weight[1] + tokens.bias[2])
        for place, (column, first) in enumerate(((1, 0), (3, 3)), 3):
            expected = functional.one_hot(row[column].long() + first, 5).float() @ tokens.table.weight
            torch.testing.assert_close(made[place], expected + tokens.bias[place])
    assert tokens(torch.tensor([[0.0, 9.0, 0.0, -4.0]])).shape == (1, 5, 5)
    assert FeatureTokens(3, 5)(torch.randn(2, 3)).shape == (2, 4, 5)
    alone = FeatureTokens(2, 5, [3, 4])
    assert alone(torch.ones(2, 2)).shape == (2, 3, 5)
    assert all(parameter.numel() for parameter in alone.parameters())


@pytest.mark.parametrize("is_first", [True, False])
def test_attention_is_that_of_torch(is_first: bool) -> None:
    torch.manual_seed(0)
    block = RowAttentionBlock(8, 12, heads=2, is_first=is_first).eval()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(
            torch.cat([part.weight for part in (block.query, block.key, block.value)])
        )
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in (block.query, block.key, block.value)]))
        theirs.out_proj.load_state_dict(block.out.state_dict())
    x = torch.randn(3, 5, 8)
    before = x if is_first else functional.layer_norm(x, (8,), block.before.weight, block.before.bias)  # type: ignore[arg-type]
    y = x + theirs(before, before, before, need_weights=False)[0]
    z = functional.layer_norm(y, (8,), block.between.weight, block.between.bias)
    gate, up = z @ block.gate.weight.T + block.gate.bias, z @ block.up.weight.T + block.up.bias
    expected = y + (up * gate * (gate > 0)) @ block.down.weight.T + block.down.bias
    torch.testing.assert_close(block(x), expected)


def test_the_order_of_columns_does_not_matter_after_their_tokens() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        RowAttentionBlock(8, 8, is_first=True), RowAttentionBlock(8, 8), RowHead(8, 2)
    ).eval()
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(network(x), network(x[:, [0, 3, 1, 4, 2]]))


def test_members_are_networks_of_their_own_whose_weights_are_of_rank_one_times_the_shared() -> None:
    torch.manual_seed(0)
    first, second = EnsembleLinear(4, 6, 3, is_first=True), EnsembleLinear(6, 5, 3)
    head = EnsembleMean(5, 2, 3)
    with torch.no_grad():
        for parameter in (first.s, second.r, second.s):
            parameter.normal_()
    x = torch.randn(7, 4)
    together = head(second(torch.relu(first(x))))
    for i in range(3):
        y = x
        for layer in (first, second):
            alone = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
            with torch.no_grad():
                alone.weight.copy_(layer.weight * torch.outer(layer.s[i], layer.r[i]))
                alone.bias.copy_(layer.bias[i])
            y = alone(torch.relu(y) if layer is second else y)
        torch.testing.assert_close(together[:, i], y @ head.weight[i] + head.bias[i])


def test_members_begin_apart_by_signs_alone() -> None:
    layer = EnsembleLinear(50, 6, 8, is_first=True)
    assert set(layer.r.unique().tolist()) == {-1.0, 1.0}
    assert set(EnsembleLinear(50, 6, 8).r.unique().tolist()) == {1.0} == set(layer.s.unique().tolist())


@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_predictions_are_averaged_where_nothing_is_trained(kind: str) -> None:
    torch.manual_seed(0)
    head = EnsembleMean(5, 3, 4, kind)
    x = 20 * torch.randn(6, 4, 5)
    members = head(x)
    assert members.shape == (6, 4, 3)
    merged = head.eval()(x)
    if kind == "regression":
        torch.testing.assert_close(merged, sum(members[:, i] for i in range(4)) / 4)
        return
    share = torch.softmax if kind == "classification" else (lambda y, dim: torch.sigmoid(y))
    expected = sum(share(members[:, i].double(), dim=1) for i in range(4)) / 4  # type: ignore[operator]
    torch.testing.assert_close(share(merged.double(), dim=1), expected, rtol=1e-4, atol=1e-6)  # type: ignore[operator]
    if kind == "classification":
        torch.testing.assert_close(merged.exp().sum(dim=1), torch.ones(6))
        assert math.isfinite(merged.min())
