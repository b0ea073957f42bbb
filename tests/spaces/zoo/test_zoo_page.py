"""What docs/zoo.md says, held against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from archwright.spaces.zoo import SPACES, baseline, chain, make_space

PAGE = (Path(__file__).parents[3] / "docs" / "zoo.md").read_text()


def test_the_table_names_every_space() -> None:
    table = PAGE.partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(SPACES)


def test_the_sizes_are_right() -> None:
    assert 16e6 <= make_space("chain", (1, 8, 8), 10).size < 17e6
    for name, shape, power in (
        ("chain", (3, 32, 32), 16),
        ("cell", (3, 32, 32), 18),
        ("darts", (3, 32, 32), 18),
        ("nasnet", (3, 32, 32), 33),
        ("enas", (3, 32, 32), 29),
        ("proxyless", (3, 32, 32), 17),
        ("efficientnet", (3, 32, 32), 13),
        ("mnasnet", (3, 32, 32), 13),
        ("mobilenet_v3", (3, 32, 32), 19),
        ("conv1d", (1, 40), 17),
    ):
        assert 10**power <= make_space(name, shape, 10).size < 10 ** (power + 1)
        assert f"10{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(digit)] for digit in str(power))}" in PAGE
    for count in (make_space("mlp", (30,), 2).size, 1 * 3 * 6 * 10 * 7**8):
        assert f"{count:,}" in PAGE
    space = baseline((1, 8, 8), 10)
    parameters = sum(parameter.numel() for parameter in space.build(space.sample()).parameters())
    assert f"{parameters:,} parameters on the digits" in PAGE


def test_the_examples_run() -> None:
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(example, names)
    space = names["space"]
    assert space.size == (2 * 3 + 9) * (3 * 3 + 3 * 9) * (4 * 3 + 6 * 9)
    assert space.build(space.sample(0))(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_the_architecture_that_is_read_out_is_one() -> None:
    space = chain((1, 8, 8), 10)
    read = {
        address
        for address, _ in re.findall(r"^\| `(depth|layers[\w.]+)` \| (.+?) \|", PAGE, flags=re.MULTILINE)
    }
    assert len(read) == 7
    assert read <= space.decisions.keys()
