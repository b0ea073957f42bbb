"""The alternatives for a block: narrower copies, smaller kernels, standard blocks; only what runs and is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from archwright.learning.randomness import seeded
from archwright.objectives import measure_cheap
from archwright.pretrained.blocks import Block
from archwright.pretrained.layer_choices import crop_kernel
from archwright.pretrained.proving import proven_groups
from archwright.pretrained.shrinking import importance, shrunk
from archwright.pretrained.substitutes import substitutes
from archwright.pretrained.tracing import Group

__all__ = ["OWN", "alternatives"]

OWN = "own"
"""The block itself."""
_WIDTHS = {"width_3_4": 0.75, "width_1_2": 0.5, "width_1_4": 0.25, "width_1_8": 0.125}
_STEP = 8
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def alternatives(block: Block, module: nn.Module) -> dict[str, nn.Module]:
    """What may be exchanged for a block, by name; the block itself is not among them.

    - "width_3_4" to "width_1_8": copies that keep this share of each proven group of inner channels, those of largest
      L1 norm, in multiples of 8 where there are 16 or more. Input and output stay as they are.
    - "kernel_1", "kernel_3": a copy whose larger kernels are cut to their middle.
    - those of `substitutes`, with weights drawn from a seed of their own.

    Each runs on the block's example, in training too, gives its shape, and has fewer parameters or operations.

    Args:
        block: The block, with its example.
        module: The block's module; it does not change.
    """
    own = deepcopy(module).eval()
    with torch.no_grad():
        size = measure_cheap(own, block.call)
    made: dict[str, nn.Module] = {}
    with seeded(0):
        for name, make in _proposals(block, own):
            one = make()
            if one is not None and _serves(one, block, size):
                made[name] = one.eval()
    return made


def _proposals(block: Block, own: nn.Module) -> Iterator[tuple[str, Callable[[], nn.Module | None]]]:
    free = [group for group in proven_groups(own, block.call) if group.reason is None]
    ranked = [(group, importance(own, group)) for group in free]
    before: list[int] = []
    for name, share in _WIDTHS.items():
        counts = [_count(group, share) for group, _ in ranked]
        if counts != before:
            yield name, lambda counts=counts: _narrowed(own, ranked, counts)  # type: ignore[misc]
        before = counts
    for side in (1, 3):
        yield f"kernel_{side}", lambda side=side: _cropped(own, side)  # type: ignore[misc]
    is_map = any(isinstance(one, _CONVOLUTIONS) for one in own.modules())
    yield from substitutes(block.inputs, block.outputs, is_map=is_map).items()


def _count(group: Group, share: float) -> int:
    if group.width >= 2 * _STEP:
        return max(_STEP, round(share * group.width / _STEP) * _STEP)
    return max(1, round(share * group.width))


def _narrowed(
    own: nn.Module, ranked: Sequence[tuple[Group, list[int]]], counts: Sequence[int]
) -> nn.Module | None:
    """A copy with so many channels of each group; None where that is all of them."""
    kept = [
        (group, sorted(order[:count]))
        for (group, order), count in zip(ranked, counts, strict=True)
        if count < group.width
    ]
    return shrunk(own, kept) if kept else None


def _cropped(own: nn.Module, side: int) -> nn.Module | None:
    """A copy whose convolutions with larger kernels that keep the size have their middle, of this side."""
    copy = deepcopy(own)
    count = 0
    for one in copy.modules():
        if not isinstance(one, _CONVOLUTIONS) or isinstance(one.padding, str):
            continue
        sizes = list(zip(one.kernel_size, one.padding, one.dilation, strict=True))
        if all(k > side and k % 2 and d == 1 and p == k // 2 for k, p, d in sizes):
            crop_kernel(one, side)
            count += 1
    return copy if count else None


def _serves(one: nn.Module, block: Block, own: dict[str, float]) -> bool:
    """Whether it takes the block's place on the example, and costs less."""
    args, kwargs = block.call
    try:
        with torch.no_grad():
            for training in (True, False):
                out = deepcopy(one).train(training)(*args, **kwargs)
                if (
                    not isinstance(out, Tensor)
                    or out.shape != block.outputs.shape
                    or not out.isfinite().all()
                ):
                    return False
        size = measure_cheap(one, block.call)
    except Exception:  # whatever a user's forward raises with other widths
        return False
    return any(size[name] < own[name] for name in own)
