"""A table of what blocks take on a device, and the latency of networks that consist of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, ClassVar, Self, final

from torch import nn

from archwright.durations import count_of
from archwright.errors import UsageError
from archwright.hardware.blocks import Block, blocks_of, heard, key_of
from archwright.hardware.fitted import LatencyModel, Parts, Provenance, calibrated, device_facts
from archwright.hardware.setting import Run, Setting
from archwright.hardware.timing import DRIFT, Timing, time_modules
from archwright.spaces import Space

__all__ = ["Entry", "LookupTable", "measure_table"]

_FEWEST = 50
_PATIENCE = 25
_CALIBRATING, _CHECKED = 12, 12


@dataclass(frozen=True, slots=True)
class Entry:
    """What a block takes.

    Args:
        name: Its class and the shapes of its inputs.
        ms: Milliseconds of the shortest run.
        iqr: Interquartile range of the runs.
    """

    name: str
    ms: float
    iqr: float

    @property
    def kind(self) -> str:
        """The block's class."""
        return self.name.partition(" on ")[0]


@final
class LookupTable(LatencyModel):
    """What blocks take on a device; a network takes the sum of its blocks (Cai et al. 2019, arXiv:1812.00332).

    That is right where blocks run one after another, and less so where a device runs several at once or a runtime fuses
    operations of two blocks.

    Args:
        entries: Key of a block (`key_of`) to what it takes.
        provenance: Where and how they were measured.
    """

    kind: ClassVar[str] = "lookup_table"

    def __init__(self, entries: Mapping[str, Entry], provenance: Provenance) -> None:
        super().__init__(provenance)
        self.entries = dict(entries)

    @contextmanager
    def adding(self, network: nn.Module) -> Iterator[Callable[[Run], Parts]]:
        """A function from any run of parts of a network to the sums of the entries of the blocks that run in it."""
        total: dict[str, float] = defaultdict(float)

        def take(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
            entry = self.entries.get(key_of(module, args, kwargs))
            if entry is not None:
                total[entry.kind] += entry.ms
            elif next(module.children(), None) is None:
                shapes = ", ".join(str(tuple(arg.shape)) for arg in args if hasattr(arg, "shape"))
                raise UsageError(
                    f"the lookup table of the space {self.provenance.space!r} has no entry for {module} on {shapes}; "
                    "measure one for this space and task with `archwright profile --table`, or draw more with --sample"
                )
            return entry is not None

        def cost(run: Run) -> Parts:
            total.clear()
            run()
            return dict(total)

        with heard(network, take):
            yield cost

    def parts_to_json(self) -> dict[str, Any]:
        """The entries."""
        return {"entries": {key: asdict(entry) for key, entry in self.entries.items()}}

    @classmethod
    def from_parts(cls, data: Mapping[str, Any], provenance: Provenance) -> Self:
        """The inverse of `parts_to_json`."""
        return cls({key: Entry(**entry) for key, entry in data["entries"].items()}, provenance)


def measure_table(
    space: Space,
    example: Any,
    setting: Setting,
    *,
    name: str = "",
    sample: int = 200,
    seed: int = 0,
    log: Callable[[str], None] = lambda line: None,
) -> LookupTable:
    """Measure the blocks of a space on this machine.

    Networks are drawn until 25 in a row bring no new block. Each block is run at least 50 times in a round with others
    and the reference call, on the inputs that it has in its network. Then 24 whole networks are measured: 12 give
    each class of block a factor (`Calibration.fit_kinds`), on the other 12 the table is judged.

    Args:
        space: The space.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        setting: How networks will be run.
        name: The space's, for messages.
        sample: How many networks are drawn at most.
        seed: Of the drawing.
        log: Told how far it is.
    """
    blocks, networks = _drawn(space, example, sample, Random(seed), log)
    timed = time_modules(
        {key: (block.module, (block.args, block.kwargs)) for key, block in blocks.items()}
        | {f"network {i}": (network, example) for i, (network, _) in enumerate(networks)},
        setting,
        fewest=_FEWEST,
    )
    entries = {key: _entry(block.name, timed[key]) for key, block in blocks.items()}
    parts = [_sums([entries[key] for key in keys]) for _, keys in networks]
    measured = [timed[f"network {i}"].least for i in range(len(networks))]
    calibration, agreement = calibrated(parts, measured, _CALIBRATING)
    return LookupTable(
        entries,
        Provenance(
            setting=setting,
            device=device_facts(setting),
            reference=timed["network 0"].reference_least,
            calibration=calibration,
            agreement=agreement,
            space=name,
            drifting=sum(one.drift > DRIFT for one in timed.values()),
        ),
    )


def _drawn(
    space: Space, example: Any, sample: int, random: Random, log: Callable[[str], None]
) -> tuple[dict[str, Block], list[tuple[nn.Module, list[str]]]]:
    """The blocks of a space by their keys, and networks to measure whole, each with the keys of its blocks.

    Args:
        space: The space.
        example: A batch of inputs.
        sample: How many networks are drawn at most; fewer where many in a row bring no new block.
        random: Draws them.
        log: Told what was found.
    """
    blocks: dict[str, Block] = {}
    networks: list[tuple[nn.Module, list[str]]] = []
    idle = drawn = 0
    while drawn < sample and (idle < _PATIENCE or len(networks) < _CALIBRATING + _CHECKED):
        network, found = blocks_of(space, space.sample(random), example)
        drawn, before = drawn + 1, len(blocks)
        for block in found:
            blocks.setdefault(block.key, block)
        idle = idle + 1 if len(blocks) == before else 0
        if len(networks) < _CALIBRATING + _CHECKED:
            networks.append((network, [block.key for block in found]))
    more = "" if idle >= _PATIENCE else "; more networks would bring more"
    log(f"{count_of(len(blocks), 'block')} in {count_of(drawn, 'network')}{more}")
    return blocks, networks


def _sums(entries: Iterable[Entry]) -> Parts:
    total: dict[str, float] = defaultdict(float)
    for entry in entries:
        total[entry.kind] += entry.ms
    return dict(total)


def _entry(name: str, timing: Timing) -> Entry:
    return Entry(name, timing.least, timing.spread)
