"""Codes of categories are looked up beside the amounts, as by one-hot rows times the table."""

from __future__ import annotations

import torch
from torch.nn import functional

from archwright.spaces.zoo.blocks import ColumnEmbedding

CARDINALITIES = [0, 3, 0, 5]


def test_vectors_are_one_hot_rows_times_the_table() -> None:
    torch.manual_seed(0)
    block = ColumnEmbedding(CARDINALITIES, 4)
    codes = torch.tensor([[0, 4], [2, 0], [1, 3]])
    x = torch.randn(3, 4)
    x[:, [1, 3]] = codes.float()
    first = functional.one_hot(codes[:, 0], 3).float() @ block.table.weight[:3]
    second = functional.one_hot(codes[:, 1], 5).float() @ block.table.weight[3:]
    expected = torch.cat([x[:, [0, 2]], torch.stack([first, second], dim=2).flatten(1)], dim=1)
    torch.testing.assert_close(block(x), expected)


def test_what_is_never_trained_has_no_effect_and_no_code_is_out_of_range() -> None:
    block = ColumnEmbedding(CARDINALITIES, 4)
    x = torch.zeros(1, 4)
    assert not block(x)[:, 2:].any()
    wild = torch.tensor([[0.0, 99.0, 0.0, -7.0]])
    expected = torch.tensor([[0.0, 2.0, 0.0, 0.0]])
    torch.testing.assert_close(block(wild), block(expected))


def test_a_table_of_categories_alone() -> None:
    assert ColumnEmbedding([2, 3], 4)(torch.ones(5, 2)).shape == (5, 8)
