"""A latency predictor: a random forest for each kind of kernel that a device runs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.ensemble import RandomForestRegressor
from torch import nn
from torch.fx import Graph, GraphModule

from archwright.errors import UsageError, did_you_mean
from archwright.hardware.fitted import (
    CALLS,
    LatencyModel,
    Parts,
    Provenance,
    calibrated,
    device_facts,
)
from archwright.hardware.kernels import Kernel, kernels_in, pairs_in, replay_of
from archwright.hardware.recording import Recorder, Recording, record
from archwright.hardware.setting import Run, Setting, repeated
from archwright.hardware.timing import DRIFT, TOGETHER, time_modules
from archwright.spaces import Space

__all__ = ["KernelForest", "LatencyPredictor", "measure_predictor"]

_TREES = 100
_LEAST, _TOLD = 1e-5, 1e-3
_CALL = 5e-3
_GAIN = 0.5
_PAIRS = 3
_WRONG = 0.1
_AROUND = 20
_CALIBRATING, _CHECKED = 12, 12
_SECONDS = 2.0
"""For each round in which whole networks are measured."""

Sample = tuple[tuple[float, ...], float]
"""Features of a kernel, and its milliseconds."""


@final
class KernelForest:
    """Milliseconds of the kernels of one kind.

    A line in the multiply-accumulates and the bytes moved, with no number below 0, is fitted to the least squares of
    the relative errors; a random forest learns the logarithm of what is measured over the line, from the logarithms of
    all features. So a kernel that is larger than all that were measured still takes more.

    Args:
        samples: Features and milliseconds of kernels.
        seed: Of the forest.

    Attributes:
        errors: Relative error of each sample by the trees that did not see it; 1 where there are too few to tell.
    """

    def __init__(self, samples: Sequence[Sample], seed: int = 0) -> None:
        features = np.array([one for one, _ in samples])
        ms = np.maximum([one for _, one in samples], _LEAST)
        columns = np.column_stack([np.ones(len(ms)), features[:, -2:]])
        scale = np.maximum(columns.max(axis=0), 1.0)
        self._line = nnls(columns / scale / ms[:, None], np.ones(len(ms)))[0] / scale
        self._forest = RandomForestRegressor(
            _TREES, max_features=0.5, oob_score=len(samples) > 3, bootstrap=True, random_state=seed
        )
        self._forest.fit(np.arcsinh(features), np.log(ms / self._by_line(features)))
        self.errors = np.ones(len(samples))
        if len(samples) > 3:
            unseen = self._by_line(features) * np.exp(self._forest.oob_prediction_)
            self.errors = np.abs(unseen / ms - 1)

    def predict(self, features: Collection[tuple[float, ...]]) -> NDArray[np.float64]:
        """Milliseconds of kernels."""
        rows = np.array(list(features))
        return np.array(self._by_line(rows) * np.exp(self._forest.predict(np.arcsinh(rows))))

    def _by_line(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        line: NDArray[np.float64] = np.maximum(self._line[0] + features[:, -2:] @ self._line[1:], _LEAST)
        return line


@final
class LatencyPredictor(LatencyModel):
    """Predicts a network as the sum of its kernels, each by the forest of its kind (Zhang et al. 2021, nn-Meter).

    The file keeps what was measured; the forests are made of it when they are first asked.

    Args:
        samples: Kind of kernel to features and milliseconds of those that were measured.
        fused: Pairs of kinds that the runtime fuses.
        provenance: Where and how they were measured.
    """

    kind: ClassVar[str] = "latency_predictor"

    def __init__(
        self,
        samples: Mapping[str, Sequence[Sample]],
        fused: Collection[tuple[str, str]],
        provenance: Provenance,
    ) -> None:
        super().__init__(provenance)
        self.samples = {kind: [(tuple(f), float(ms)) for f, ms in rows] for kind, rows in samples.items()}
        self.fused = {(first, second) for first, second in fused}
        self._forests: dict[str, KernelForest] = {}

    @contextmanager
    def adding(self, network: nn.Module) -> Iterator[Callable[[Run], Parts]]:
        """A function from any run of parts of a network to the sums of its kernels."""

        def parts(run: Run) -> Parts:
            recorder = Recorder()
            with recorder:
                run()
            return self.of_kernels(kernels_in(recorder.operations, self.fused))

        yield parts

    def of_kernels(self, kernels: Sequence[Kernel]) -> Parts:
        """Kind to the milliseconds of all kernels of it, and 5 µs for each call, to be set right by calibration.

        Raises:
            UsageError: When none of a kind was measured.
        """
        by_kind: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for kernel in kernels:
            by_kind[kernel.kind].append(kernel.features)
        for kind in by_kind:
            if kind not in self.samples:
                raise UsageError(
                    f"the latency predictor of the space {self.provenance.space!r} knows no kernel of the kind "
                    f"{kind!r}; measure one for this space with `archwright profile`.{did_you_mean(kind, self.samples)}"
                )
        parts = {kind: float(self.forest(kind).predict(rows).sum()) for kind, rows in by_kind.items()}
        return {**parts, CALLS: _CALL * len(kernels)}

    def forest(self, kind: str) -> KernelForest:
        """The forest of a kind of kernels."""
        if kind not in self._forests:
            self._forests[kind] = KernelForest(self.samples[kind])
        return self._forests[kind]

    def parts_to_json(self) -> dict[str, Any]:
        """What was measured."""
        samples = {
            kind: [[list(features), ms] for features, ms in rows] for kind, rows in self.samples.items()
        }
        return {"fused": sorted(self.fused), "samples": samples}

    @classmethod
    def from_parts(cls, data: Mapping[str, Any], provenance: Provenance) -> Self:
        """The inverse of `parts_to_json`."""
        return cls(data["samples"], data["fused"], provenance)


def measure_predictor(
    space: Space,
    example: Any,
    setting: Setting,
    *,
    name: str = "",
    sample: int = 100,
    rounds: int = 2,
    most: int = 100,
    seed: int = 0,
    log: Callable[[str], None] = lambda line: None,
) -> LatencyPredictor:
    """Measure kernels of a space on this machine, and learn from them.

    Which operations the runtime fuses is measured: two that follow each other are one kernel where T1 + T2 - T12 is
    more than half of the smaller of T1 and T2, in the median of three examples. Of the kernels of the drawn networks at
    most `most` of a kind are measured first, evenly from the smallest to the largest; then, `rounds` times, the 20
    others nearest to each that the forest mistakes by more than 10 %. The shortest run of each counts, which other
    processes disturb least. 24 further networks are measured whole: 12 give each kind of kernel a factor
    (`Calibration.fit_kinds`), on the other 12 the predictor is judged.

    Args:
        space: The space.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        setting: How networks will be run.
        name: The space's, for messages.
        sample: How many networks are drawn for their kernels.
        rounds: How often others are measured around the mistaken ones.
        most: Kernels of a kind that are measured first, and in each of these rounds.
        seed: Of all drawing.
        log: Told how far it is.
    """
    random = Random(seed)
    called = repeated(example, setting.batch)
    recordings = [record(space.build(space.sample(random), example), *called) for _ in range(sample)]
    fused = fused_pairs(recordings, setting)
    log(f"fused: {', '.join(f'{a} + {b}' for a, b in sorted(fused)) or 'nothing'}")
    clock = _KernelClock(setting)
    left = _kernels_of(recordings, fused)
    clock.measure(_some_of_each(left, most))
    for _ in range(rounds):
        log(f"{sum(map(len, clock.samples.values()))} kernels of {len(clock.samples)} kinds")
        clock.measure(nearest_kernels(clock.mistaken()[: 2 * most // _AROUND], left))
    networks = [space.build(space.sample(random), example) for _ in range(_CALIBRATING + _CHECKED)]
    return _by_whole_networks(clock, fused, networks, example, name)


def _by_whole_networks(
    clock: _KernelClock,
    fused: set[tuple[str, str]],
    networks: Sequence[nn.Module],
    example: Any,
    name: str,
) -> LatencyPredictor:
    """A predictor of the kernels that were measured, set right by whole networks and judged by further ones.

    Args:
        clock: Has measured the kernels.
        fused: Pairs of kinds that the runtime fuses.
        networks: Those to be measured whole.
        example: As for `measure_predictor`.
        name: Of the space.
    """
    setting = clock.setting
    timed = time_modules(
        {str(i): (network, example) for i, network in enumerate(networks)}, setting, seconds=_SECONDS
    )
    raw = LatencyPredictor(
        clock.samples,
        fused,
        Provenance(
            setting=setting,
            device=device_facts(setting),
            reference=timed["0"].reference_least,
            space=name,
            drifting=clock.drifting,
        ),
    )
    parts = [raw.parts(network, example) for network in networks]
    calibration, agreement = calibrated(
        parts, [timed[str(i)].least for i in range(len(networks))], _CALIBRATING
    )
    return raw.moved(replace(raw.provenance, calibration=calibration, agreement=agreement))


def _kernels_of(
    recordings: Sequence[Recording], fused: set[tuple[str, str]]
) -> dict[str, dict[tuple[float, ...], Kernel]]:
    """The kernels of networks, by their kind and their features, each once."""
    found: dict[str, dict[tuple[float, ...], Kernel]] = defaultdict(dict)
    for one in recordings:
        for kernel in kernels_in(one.operations, fused, _memory(one)):
            found[kernel.kind].setdefault(kernel.features, kernel)
    return found


def fused_pairs(recordings: Sequence[Recording], setting: Setting) -> set[tuple[str, str]]:
    """Pairs of kinds of operations that the runtime of a setting runs as one (Zhang et al. 2021, section 4).

    What a call takes that computes nothing is taken off first. A pair of which one operation takes no longer than that
    is
    none: nothing could be seen of it.

    Args:
        recordings: Of networks; of each pair the three that move most bytes are measured.
        setting: How they will be run.
    """
    known: dict[tuple[str, str], dict[tuple[float, ...], Kernel]] = defaultdict(dict)
    for recording in recordings:
        for pair in pairs_in(recording.operations, _memory(recording)):
            first, _, second = pair.kind.partition(" + ")
            known[first, second][pair.features] = pair
    modules: dict[str, tuple[nn.Module, Any]] = {"": _nothing()}
    chosen: dict[tuple[str, str], int] = {}
    for kinds, pairs in known.items():
        largest = sorted(pairs.values(), key=lambda pair: pair.features[-1])[-_PAIRS:]
        chosen[kinds] = len(largest)
        for i, pair in enumerate(largest):
            alone = [Kernel((one,), pair.weights) for one in pair.operations]
            modules |= {f"{kinds} {i} {place}": replay_of(part) for place, part in enumerate((pair, *alone))}
    timed = time_modules(modules, setting, seconds=0.1)
    found = set()
    for kinds, count in chosen.items():
        gains = []
        for i in range(count):
            both, left, right = (timed[f"{kinds} {i} {place}"].least - timed[""].least for place in range(3))
            least = min(left, right)
            gains.append((left + right - both) / least if least > timed[""].least else 0.0)
        if statistics.median(gains) > _GAIN:
            found.add(kinds)
    return found


class _KernelClock:
    """Measures kernels, and keeps the shortest of their runs, which differs least from one round to another.

    What a call that computes nothing takes in the same round is taken off, since it is no part of a kernel;
    less than 1 µs more than that cannot be told from it.

    Args:
        setting: How they are run.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, self.reference, self.drifting = setting, 0.0, 0
        self.samples: dict[str, list[Sample]] = defaultdict(list)
        self._kernels: dict[str, list[Kernel]] = defaultdict(list)

    def measure(self, kernels: Sequence[Kernel]) -> None:
        """Measure further kernels."""
        if not kernels:
            return
        modules: dict[str, tuple[nn.Module, Any]] = {}
        for i, kernel in enumerate(kernels):
            if i % (TOGETHER - 1) == 0:  # the first of each round
                modules[f"nothing {i // (TOGETHER - 1)}"] = _nothing()
            modules[str(i)] = replay_of(kernel)
        timed = time_modules(modules, self.setting, seconds=0.1)
        self.reference = self.reference or timed["0"].reference_least
        for i, kernel in enumerate(kernels):
            one, nothing = timed[str(i)], timed[f"nothing {i // (TOGETHER - 1)}"]
            own = (one.least - nothing.least) * self.reference / one.reference_least
            self.samples[kernel.kind].append((kernel.features, max(own, _TOLD)))
            self._kernels[kernel.kind].append(kernel)
            self.drifting += one.drift > DRIFT

    def mistaken(self) -> list[Kernel]:
        """Those that a forest of the others mistakes by more than 10 %, the most milliseconds first."""
        found: list[tuple[float, Kernel]] = []
        for kind, rows in self.samples.items():
            errors = KernelForest(rows).errors.tolist()
            wrong = zip(errors, rows, self._kernels[kind], strict=True)
            found += [(error * ms, kernel) for error, (_, ms), kernel in wrong if error > _WRONG]
        return [kernel for _, kernel in sorted(found, key=lambda pair: -pair[0])]


def _nothing() -> tuple[nn.Module, Any]:
    """A module of a graph that returns its input, and an input: what a call takes that computes nothing."""
    graph = Graph()
    graph.output(graph.placeholder("input"))
    return GraphModule(nn.Module(), graph), torch.zeros(1, 1)


def _memory(recording: Recording) -> set[int]:
    return {value.storage for value in recording.weights.values()}


def _some_of_each(left: dict[str, dict[tuple[float, ...], Kernel]], most: int) -> list[Kernel]:
    """Takes at most so many of each kind: evenly from the one of least work to that of most, both included."""
    taken = []
    for known in left.values():
        by_work = sorted(known, key=lambda features: features[-2:])
        places = np.linspace(0, len(by_work) - 1, min(most, len(by_work))).round().astype(int)
        taken += [known.pop(by_work[place]) for place in places]
    return taken


def nearest_kernels(
    kernels: Sequence[Kernel], left: dict[str, dict[tuple[float, ...], Kernel]]
) -> list[Kernel]:
    """Takes the 20 of its kind around each, by the logarithms of their features."""
    taken = []
    for kernel in kernels:
        features = list(left[kernel.kind])
        if features:
            distances = np.abs(np.arcsinh(features) - np.arcsinh(kernel.features)).sum(axis=1)
            nearest = [features[i] for i in np.argsort(distances, kind="stable")[:_AROUND]]
            taken += [left[kernel.kind].pop(one) for one in nearest]
    return taken
