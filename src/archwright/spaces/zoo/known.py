"""Architectures of a space that are known to be good, for a search to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.architecture import Architecture
from archwright.spaces.space import Space
from archwright.spaces.zoo.baselines import IMAGE_WIDTHS, SEQUENCE_WIDTHS

__all__ = ["known_architectures"]

Values = Mapping[str, Any]


def known_architectures(name: str | None, space: Space, input_shape: Sequence[int]) -> list[Architecture]:
    """The good architectures of a space of the zoo, the best first, and then its default.

    Of `mlp` the hand-made network of `baseline`; of `chain` and `conv1d`, which do not hold that, the one nearest to
    it, and a narrower one: over images with the next smaller widths, over sequences half as wide. Of cells that papers
    searched a published one (`GENOTYPES`).

    Args:
        name: Of the space in the zoo; None or any other name of one that is not there.
        space: The space, of which decisions may be held.
        input_shape: Of one input.

    Returns:
        Different architectures, at least the default unless the constraints refuse it.
    """
    found: dict[Any, Architecture] = {}
    for values in [*_KNOWN[name](space, input_shape), {}] if name in _KNOWN else [{}]:
        free = {address: value for address, value in values.items() if address in space.decisions}
        try:
            made = space.fix(free).default if free else space.default
            architecture = space.architecture({**made})
        except SpaceError:
            continue
        found.setdefault(space.canonical(architecture), architecture)
    return list(found.values())


def _perceptrons(space: Space, input_shape: Sequence[int]) -> Iterator[Values]:
    """The hand-made network itself."""
    layers = {
        f"layers.{i}.{name}": value for i in (0, 1) for name, value in (("width", 128), ("residual", False))
    }
    kinds = {"layers.activation": "relu", "layers.normalization": "none", "layers.dropout": 0.0}
    yield _nearest(space, {"embedding": 8, "depth": 2, **layers, **kinds})


def _chains(space: Space, input_shape: Sequence[int]) -> Iterator[Values]:
    """Two layers a stage, as wide as those of the hand-made network; and narrower ones, for a limit on the size."""
    is_image = len(input_shape) == 3
    widths, kernel = (IMAGE_WIDTHS, 3) if is_image else (SEQUENCE_WIDTHS, 5)
    pools = sum(address.startswith("layers.pool_") for address in space.decisions)
    depth = 2 * (pools + 1) if is_image else 2 * pools
    values: dict[str, Any] = {"depth": depth}
    for p in range(pools):  # over sequences, which are pooled more often, as early as there
        values[f"layers.pool_{p}"] = 2 * p + 1 if is_image else 2 * p
    for i in range(depth):
        stage = i // 2 if is_image else (i + 1) // 2
        values |= {
            f"layers.{i}.width": widths[min(stage, len(widths) - 1)],
            f"layers.{i}.operation": "conv",
            f"layers.{i}.operation.conv.kernel_size": kernel,
            f"layers.{i}.skips": (),
        }
    values["layers.0.kernel_size"] = kernel
    yield _nearest(space, values)
    narrow = {a: value if is_image or not a.endswith("width") else value // 2 for a, value in values.items()}
    yield _nearest(space, narrow, upwards=False)


def _published(*names: str) -> Any:
    def cells(space: Space, input_shape: Sequence[int]) -> Iterator[Values]:
        from archwright.spaces.zoo.genotypes import GENOTYPES

        yield from (GENOTYPES[name].architecture for name in names)

    return cells


def _nearest(space: Space, values: Values, *, upwards: bool = True) -> Values:
    """Numbers as near as their decisions allow; of two as near the smaller, or where wanted none that is larger."""
    found: dict[str, Any] = {}
    for address, value in values.items():
        decision = space.decisions.get(address)
        if decision is not None and isinstance(value, int) and not isinstance(value, bool):
            allowed = sorted(decision.values())
            smaller = [one for one in allowed if one <= value] or allowed[:1]
            value = min(allowed if upwards else smaller, key=lambda one: (abs(one - value), one))
        found[address] = value
    return found


_KNOWN: Mapping[str | None, Any] = {
    "mlp": _perceptrons,
    "chain": _chains,
    "conv1d": _chains,
    "cell": _published("PCDARTS"),
    "darts": _published("PCDARTS"),
    "nasnet": _published("NASNET_A"),
}
