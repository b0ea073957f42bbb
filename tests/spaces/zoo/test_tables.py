"""The spaces for tables: sizes, addresses, and networks that are what the architecture says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.zoo import SPACES, make_space
from archwright.spaces.zoo.tables import ft_transformer, tabm, tabular_resnet

NAMES = ("tabular_resnet", "ft_transformer", "tabm")
COUNTS = (0, 4, 0, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("counts", [(), COUNTS])
def test_all_networks_train_and_answer(name: str, counts: tuple[int, ...]) -> None:
    space = make_space(name, (4,), 3, cardinalities=counts, kind="classification")
    x = torch.tensor([[0.1, 3.0, -1.0, 2.0], [1.0, 0.0, 0.5, 1.0], [0.0, 1.0, 0.5, 0.0]])
    for seed in range(8):
        network = space.build(space.sample(seed))
        outputs = network(x)
        assert outputs.shape[-1] == 3
        outputs.square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert network.eval()(x).shape == (3, 3)
        assert len(network(x[:1])) == 1


@pytest.mark.parametrize(("name", "size"), [("tabular_resnet", 216), ("ft_transformer", 288), ("tabm", 81)])
def test_sizes(name: str, size: int) -> None:
    assert make_space(name, (4,), 3).size == size
    has_embedding = "embedding" in make_space(name, (4,), 3, cardinalities=COUNTS).decisions
    assert has_embedding == (name != "ft_transformer")


def test_a_residual_network_is_what_its_architecture_says() -> None:
    space = tabular_resnet((4,), 3)
    values = {
        "width": 64,
        "blocks.depth": 2,
        "blocks.factor": 4,
        "blocks.dropout": 0.2,
        "blocks.residual_dropout": 0.0,
    }
    network = space.build(space.architecture(values))
    first, *blocks, norm, _, head = network
    assert (first.in_features, first.out_features, norm.num_features, head.in_features) == (4, 64, 64, 64)
    assert [block.body[1].out_features for block in blocks] == [256, 256]
    assert [block.body[3].p for block in blocks] == [0.2, 0.2]


def test_the_first_block_of_a_transformer_does_not_normalise() -> None:
    space = ft_transformer((4,), 3, depth=(3, 3))
    _, *blocks, _ = space.build(space.sample(0))
    assert [type(block.before) for block in blocks] == [nn.Identity, nn.LayerNorm, nn.LayerNorm]


def test_members_and_kind_reach_the_network() -> None:
    space = tabm((4,), 3, members=[5], kind="multilabel")
    network = space.build(space.sample(0))
    assert network(torch.randn(2, 4)).shape == (2, 5, 3)
    assert network[-1].kind == "multilabel"
    assert "kind" not in SPACES.options("tabm")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("tabm", {"members": []}, "expected memberss? to be"),
        ("tabm", {"dropouts": [1.0]}, r"expected dropouts in \[0, 1\), got 1.0"),
        ("tabular_resnet", {"depth": (0, 2)}, "expected depth"),
        ("ft_transformer", {"widths": [18]}, "multiples of 4 heads, got 18"),
        ("ft_transformer", {"heads": 0}, "expected heads"),
    ],
)
def test_wrong_options_are_told(name: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        make_space(name, (4,), 3, **options)


def test_spaces_without_embeddings_refuse_categories() -> None:
    with pytest.raises(SpaceError, match=r"takes amounts alone, .* take one of mlp, tabular_resnet, ft_tr"):
        make_space("conv1d", (1, 4), 3, cardinalities=COUNTS)
