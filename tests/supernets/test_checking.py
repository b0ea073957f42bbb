"""What cannot be shared is said before any training, with the cure; what can be shared is let through."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.references import load_object
from archwright.spaces.zoo import make_space
from archwright.supernets import check

HERE = Path(__file__).parent
SHAPE, SPACES, head = (
    load_object(f"{HERE / 'spaces_for_tests.py'}:{name}") for name in ("SHAPE", "SPACES", "head")
)
EXAMPLE = torch.randn(2, *SHAPE)


def addresses(space: aw.Space, method: str, example: torch.Tensor | None = EXAMPLE) -> list[str]:
    return [problem.address for problem in check(space, method, example)]


@pytest.mark.parametrize("name", SPACES)
def test_one_path_methods_share_everything(name: str) -> None:
    assert addresses(SPACES[name](), "spos") == []


def test_a_sum_of_mixed_operations_can_be_mixed() -> None:
    assert addresses(SPACES["sums"](), "darts") == []


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_the_spaces_of_differentiable_search_can_be_mixed(name: str) -> None:
    options = {"cells": 3, "channels": 4} if name == "darts" else {}
    assert addresses(make_space(name, (1, 8, 8), 3, **options), "darts", torch.randn(2, 1, 8, 8)) == []


def test_a_decided_learning_rate_is_refused_by_every_method() -> None:
    rate = {"learning_rate": aw.real(1e-4, 1e-1, log=True)}
    space = aw.Space(SPACES["sums"]().network, training=rate)
    for method in ("spos", "darts"):
        (problem,) = check(space, method, EXAMPLE)
        assert problem.address == "training.learning_rate"
        assert "evolution" in problem.cure


def test_a_real_number_can_be_sampled_but_not_mixed() -> None:
    space = aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Dropout, aw.real(0.0, 0.5, name="dropout")),
            aw.layer(nn.Conv2d, 3, 3, 1),
            *head(3),
        )
    )
    assert addresses(space, "spos") == []
    (problem,) = check(space, "darts", EXAMPLE)
    assert problem.address == "dropout"
    assert "infinitely many" in problem.reason


def test_widths_can_be_sampled_but_not_mixed() -> None:
    width = aw.integer(4, 6, name="width")
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 3, width, 1), *head(width)))
    assert addresses(space, "spos") == []
    (problem,) = check(space, "darts", EXAMPLE)
    assert problem.address == "width"
    assert "one shape" in problem.cure


def test_a_call_of_too_many_forms_is_not_mixed() -> None:
    widths = [aw.categorical([1, 2, 3], name=f"width_{i}") for i in range(4)]
    sums = widths[0] + widths[1] + widths[2] + widths[3]
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 3, sums, 1), *head(sums)))
    assert addresses(space, "spos") == []
    assert addresses(space, "darts")[0] == "width_0, width_1, width_2, width_3"


def test_kernels_can_be_mixed() -> None:
    kernel = aw.choice(1, 3, 5, name="kernel")
    space = aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 3, 4, kernel, padding=kernel // 2), *head(4))
    )
    assert addresses(space, "darts") == []


def test_an_absent_layer_of_a_sequence_is_not_a_zero_one() -> None:
    layers = [aw.layer(nn.Conv2d, 3, 4, 1), aw.when(aw.boolean(name="pool"), aw.layer(nn.AvgPool2d, 3, 1, 1))]
    space = aw.Space(aw.layer(nn.Sequential, *layers, *head(4)))
    assert addresses(space, "spos") == []
    (problem,) = check(space, "darts", EXAMPLE)
    assert problem.address == "pool"
    assert "aw.switch" in problem.cure
    cured = [
        aw.layer(nn.Conv2d, 3, 4, 1),
        aw.switch(
            aw.boolean(name="pool"), {True: aw.layer(nn.AvgPool2d, 3, 1, 1), False: aw.layer(nn.Identity)}
        ),
    ]
    assert addresses(aw.Space(aw.layer(nn.Sequential, *cured, *head(4))), "darts") == []


def test_a_space_without_decisions_is_nothing_to_search() -> None:
    assert addresses(aw.Space(aw.layer(nn.Sequential, *head(3))), "spos") == ["the network"]


def test_a_container_that_looks_into_its_parts_is_told() -> None:
    class Looks(nn.Module):
        def __init__(self, part: nn.Conv2d) -> None:
            super().__init__()
            self.channels = part.out_channels

    part = aw.choice({"a": aw.layer(nn.Conv2d, 3, 4, 1), "b": aw.layer(nn.Conv2d, 3, 4, 3)}, name="part")
    (problem,) = check(aw.Space(aw.layer(Looks, part)), "spos")
    assert "Looks" in problem.reason
    assert "out_channels" in problem.reason


def test_what_does_not_run_is_told_with_its_path() -> None:
    part = aw.choice({"good": aw.layer(nn.Conv2d, 3, 4, 1), "bad": aw.layer(nn.Conv2d, 5, 4, 1)}, name="part")
    (problem,) = check(aw.Space(aw.layer(nn.Sequential, part, *head(4))), "spos", EXAMPLE)
    assert "part='bad'" in problem.reason


def test_the_check_draws_no_random_numbers_and_knows_its_methods() -> None:
    state = torch.get_rng_state()
    check(SPACES["sums"](), "darts", EXAMPLE)
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(UsageError, match="Did you mean 'darts'"):
        check(SPACES["sums"](), "dart")
