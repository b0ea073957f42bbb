"""MobileNetV3 as the space of once-for-all: its size, its extremes to the parameter, elastic resolution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from archwright.errors import SpaceError
from archwright.objectives import measure_cheap
from archwright.spaces import Space
from archwright.spaces.zoo import mobilenet_v3_space
from archwright.testing import NetworkSpaceContract


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = partial(
        mobilenet_v3_space,
        (1, 12, 12),
        3,
        size="small",
        kernel_sizes=(3, 5),
        expansions=(2, 3),
        depths=(1, 2),
        resolutions=(8, 12),
        width=0.25,
    )
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 1, 12, 12)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


# The ends of the space as the authors' program counts them; FLOPs are two a multiply-accumulate.
@pytest.mark.parametrize(
    ("pick", "parameters", "multiplications"), [(max, 7_664_760, 566e6), (min, 3_410_792, 41e6)]
)
def test_the_largest_and_the_smallest(pick: Any, parameters: int, multiplications: float) -> None:
    space = mobilenet_v3_space((3, 224, 224), 1000, resolutions=range(128, 225, 4))
    assert {"resolution", "units.4.depth", "units.4.3.kernel_size", "units.0.0.expansion"} <= set(
        space.decisions
    )
    assert space.size == 25 * (9**2 + 9**3 + 9**4) ** 5
    architecture = space.complete(lambda _, decision: pick(decision.values()))
    network = space.build(architecture)
    found = measure_cheap(network, ((torch.zeros(1, 3, 224, 224),), {}))
    assert found["params"] == parameters
    assert found["flops"] / 2 == pytest.approx(multiplications, rel=0.02)


def test_images_are_brought_to_the_decided_side() -> None:
    space = mobilenet_v3_space((1, 28, 28), 10, width=0.25, resolutions=(16, 28))
    seen: list[torch.Size] = []
    for side in (16, 28):
        network = space.build(space.architecture({**space.default, "resolution": side})).eval()
        network[0].register_forward_hook(lambda _, __, output: seen.append(output.shape))
        network(torch.randn(2, 1, 28, 28))
    assert [shape[2:] for shape in seen] == [(16, 16), (28, 28)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": "larg"}, "no size 'larg'. Did you mean 'large'"),
        ({"expansions": (1, 3)}, "expected expansions to be numbers > 1"),
        ({"kernel_sizes": (4,)}, "kernel_sizes that are odd, got 4"),
        ({"depths": (0, 1)}, "expected depths to be"),
        ({"resolutions": (0,)}, "expected resolutions to be"),
        ({"dropout": 1}, r"dropout in \[0, 1\), got 1"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        mobilenet_v3_space((3, 32, 32), 10, **options)
