from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.pretrained import proven_groups, staying, summary_line
from archwright.spaces.zoo import quantised

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from own_networks import GREY, Literal


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 20), nn.Tanh(), nn.Linear(20, 2))


def test_the_shares_are_those_of_the_elements() -> None:
    own = Literal()
    total = sum(one.numel() for one in own.parameters())
    share, reasons = staying(own, proven_groups(own, GREY))
    # `second` and its bias go with their rows, `head` with its columns.
    free = own.second.weight.numel() + own.second.bias.numel() + own.head.weight.numel()
    assert share == pytest.approx(free / total, abs=0.001)
    assert sum(reasons.values()) <= 1 - share + 1e-9
    unreached = "the example does not reach it in both modes, training and evaluation"
    assert own.helper.weight.numel() + own.helper.bias.numel() <= total * reasons[unreached] + 1e-6
    assert list(reasons.values()) == sorted(reasons.values(), reverse=True)


def test_the_line_tells_decisions_share_and_reasons() -> None:
    space = aw.from_network(network(), torch.randn(3, 4), keep=["2.*"], decide=["width", "activation"])
    expected = (
        "network: Sequential, 2 decisions (2 activations); 0.0% of its 862 parameters lie in proven groups; "
    )
    line = summary_line(space)
    assert line is not None
    assert line.startswith(expected + "what stays: a pattern of `keep` names it (")
    assert summary_line(quantised(space)) == line


def test_a_share_is_not_below_zero() -> None:
    fixed = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(30)))
    shares = staying(fixed, [])
    assert shares[0] == 0.0
    assert f"{shares[0]:.1%}" == "0.0%"


def test_blocks_have_a_line_of_their_own() -> None:
    space = aw.blockwise(network(), torch.randn(3, 4), blocks=["2"])
    assert summary_line(space) == "network: Sequential, 1 block with 3 alternatives"


def test_other_spaces_have_none() -> None:
    assert summary_line(aw.Space(aw.layer(nn.Linear, 4, aw.integer(1, 3, name="width")))) is None
