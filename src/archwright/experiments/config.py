"""What a run was asked to do: one typed record, kept in its folder as `experiment.json`."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy

from archwright.atomic_writing import replacing
from archwright.errors import RunError
from archwright.experiments.budget import Budget
from archwright.experiments.executors import ExecutorConfig
from archwright.experiments.fingerprints import Fingerprints, signature
from archwright.experiments.format1 import task_entries, upgraded
from archwright.experiments.records import decode, encode
from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.experiments.time_plan import TimePlan, Trainings
from archwright.learning import Recipe
from archwright.objectives import Objective
from archwright.references import is_object_reference
from archwright.trials import FULL, Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.spaces import Space
    from archwright.tasks import Task

__all__ = [
    "DeviceConfig",
    "JudgeConfig",
    "NamedConfig",
    "RunConfig",
    "ScorerConfig",
    "SpaceConfig",
    "SupernetConfig",
    "TaskConfig",
    "versions",
]

FILE = "experiment.json"
FORMAT = 2
"""Version of a run's folder. Older ones are read; newer ones are refused."""


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """The task, as it was described when the run began.

    Args:
        reference: How the command names it; None where it was given as a Python object.
        options: What it was made with, beside the reference.
        name: Its name.
        kind: "classification", "regression", "language modelling" or another word.
        metric: What a search optimises where nothing else is asked for.
        input_shape: Of one input, without the batch.
        outputs: Number of outputs.
        classes: Names of the classes.
        split: How the data was divided, in words.
        input_type: Type of an input's numbers.
        steps: How an input is made from raw data, in words.
        facts: What else describes it, in JSON's types.
    """

    reference: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str
    kind: str = ""
    metric: str = ""
    input_shape: tuple[int, ...] | None = None
    outputs: int | None = None
    classes: tuple[str, ...] = ()
    split: str = ""
    input_type: str = "float32"
    steps: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, task: Task, reference: str | None = None, options: Mapping[str, Any] | None = None
    ) -> TaskConfig:
        """The record of a task."""
        entries = task_entries(json.loads(json.dumps(dict(task.describe()), default=_plain)))
        return decode(cls, {"reference": reference, "options": dict(options or {}), **entries}, "task")


@dataclass(frozen=True, kw_only=True)
class SpaceConfig:
    """The space, as it was when the run began.

    Args:
        reference: How the command names it; None where it was given as a Python object.
        network: Where the reference means a network whose own widths, or blocks, are the space, the options of
            `from_network` or `blockwise`; None where it means a space.
        options: What a built-in space was made with.
        name: Its name.
        digest: Of everything in it; differs where the space does.
        size_bound: Number of architectures, at most; None means infinitely many, or too many to write.
        decisions: Address to a description of the decision.
    """

    reference: str | None = None
    network: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    digest: str | None = None
    size_bound: int | None = None
    decisions: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        space: Space,
        reference: str | None = None,
        network: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> SpaceConfig:
        """The record of a space."""
        given = {"reference": reference, "network": network, "options": dict(options or {})}
        described = {**given, "digest": space.digest, **space.describe()}
        return decode(cls, json.loads(json.dumps(described)), "space")


@dataclass(frozen=True, kw_only=True)
class NamedConfig:
    """Something that is known by name: a strategy, an estimator, a pruner.

    Args:
        name: Its name; the name of its class where Python gave an object.
        options: What it was made with. Its own signature says their types.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SupernetConfig:
    """The supernet that a one-shot method trains, where the run has one.

    Args:
        epochs: Of its training; None where the method does not say.
        scored: How many architectures the method proposes for each that is retrained.
    """

    epochs: int | None = None
    scored: int = 1


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """What networks are trained on.

    Args:
        accelerator: Lightning Fabric's name of a device.
        devices: How many devices train one network together, or their indices.
        precision: Lightning Fabric's name of a precision.
        threads: Of torch on the CPU, as was measured to pay; None leaves them as they are.
    """

    accelerator: str = "auto"
    devices: int | tuple[int, ...] = 1
    precision: str = "32-true"
    threads: int | None = None

    @property
    def count(self) -> int:
        """How many devices train one network together."""
        return self.devices if isinstance(self.devices, int) else len(self.devices)


@dataclass(frozen=True, kw_only=True)
class ScorerConfig:
    """A cheap way to score networks that is judged: an estimator, or a surrogate that learns from trained networks.

    Args:
        name: What it is called.
        estimator: The estimator; None of a surrogate. Of `weight_sharing` the options are those of its supernet's
            training.
        surrogate: The surrogate; None of an estimator.
        fidelity: What the estimator may spend.
    """

    name: str
    estimator: NamedConfig | None = None
    surrogate: NamedConfig | None = None
    fidelity: Fidelity = FULL


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """What scores again the networks that a run has trained, and when it suffices.

    Args:
        scorers: What is judged.
        top: How many places count in nDCG.
        threshold: What the lower bound of Spearman's correlation must exceed.
    """

    scorers: tuple[ScorerConfig, ...]
    top: int = 10
    threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run was asked to do.

    Args:
        name: The run's name.
        task: What is learned.
        space: What is searched.
        strategy: What proposes; a one-shot method where there is a supernet.
        supernet: Of a one-shot search.
        estimator: What measures the search's trials.
        pruner: What stops trials early, if anything.
        executor: Where they run.
        device: What networks are trained on.
        held: Address to value of the decisions that are not searched.
        rules: What is required or forbidden, and which options are likelier, see `archwright.spaces.rules`.
        enqueue: Architectures that are tried first.
        known: Architectures that are known to be good, with which a search begins that no strategy was named for; of a
            strategy that moves over a range of fidelities, at the lowest.
        seed: Of the strategy and of the training.
        objectives: What is optimised and limited; the first decides what is best.
        ranked_by: What the search's trials are ranked by, where its estimator measures no metric of the task.
        budget: When the search stops.
        recipe: How networks are trained at full fidelity.
        scratch: How those are that have no weights to begin with, where the space's have; None means all alike.
        fidelity: Of the search's trials: a range where the strategy moves over one.
        plan: What was measured to divide the minutes; None without any.
        retrain: How many of the best are retrained.
        repeats: How often each finalist is trained, at most; None: once, or as often as a bound on the time lets it.
        ensemble: How many trainings are delivered as one network; 1 delivers a single one.
        refit: Whether what is delivered is trained once more, on training and validation data.
        baseline: Whether a hand-made network is trained for comparison.
        compare: The user's own networks that are trained for comparison: references, or names of what Python gave.
        trackers: Where the run is followed live, as far as these have names.
        judge: What scores the trained networks again, where the run judges cheap estimates.
        price: Of an hour of the machine, such as "0.85 EUR"; None where it was not told.
        store: URL of the store without secrets; None for the file in the run's folder.
        checkpoints: Where trials keep their states, for all runs; None means the run's folder.
        sources: What the user's code and data were when the run began.
        mark: Shows that this user wrote the references here; None where no key could be kept.
        command: The command line that began the run, None when Python did.
        created: Unix time in seconds.
        versions: Of Archwright, Python and the packages that matter.
        format: Version of the folder.
    """

    name: str
    task: TaskConfig
    space: SpaceConfig
    strategy: NamedConfig
    supernet: SupernetConfig | None = None
    estimator: NamedConfig = field(default_factory=lambda: NamedConfig(name="Training"))
    pruner: NamedConfig | None = None
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)
    held: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    enqueue: tuple[Mapping[str, Any], ...] = ()
    known: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0
    objectives: tuple[Objective, ...]
    ranked_by: Objective | None = None
    budget: Budget = field(default_factory=Budget)
    recipe: Recipe = field(default_factory=Recipe)
    scratch: Recipe | None = None
    fidelity: FidelityRange = field(default_factory=FidelityRange)
    plan: TimePlan | None = None
    retrain: int = 3
    repeats: int | None = None
    ensemble: int = 1
    refit: bool = False
    baseline: bool = True
    compare: tuple[str, ...] = ()
    trackers: tuple[NamedConfig, ...] = ()
    judge: JudgeConfig | None = None
    price: str | None = None
    store: str | None = None
    checkpoints: str | None = None
    sources: Fingerprints = field(default_factory=Fingerprints)
    mark: str | None = None
    command: str | None = None
    created: float = field(default_factory=time.time)
    versions: Mapping[str, str] = field(default_factory=lambda: versions())
    format: int = FORMAT

    @property
    def trainings(self) -> Trainings:
        """What is trained at full length after the search."""
        return Trainings(retrain=self.retrain, ensemble=self.ensemble, refit=self.refit)

    @property
    def searched(self) -> tuple[Objective, ...]:
        """What the search looks at: the objectives, or what its estimator ranks by and those that a meter measures."""
        if self.ranked_by is None:
            return self.objectives
        return (self.ranked_by, *(o for o in self.objectives if o.has_meter and o != self.ranked_by))

    @property
    def references(self) -> list[str]:
        """What stands for the user's code and data."""
        meters = [o.meter for o in self.objectives if isinstance(o.meter, str)]
        files = [self.task.options.get(part) for part in ("validation", "test")]
        files.append((self.space.network or {}).get("weights"))
        data = [name for name in files if isinstance(name, str)]
        own = [name for name in (self.strategy.name, *self.compare) if is_object_reference(name)]
        return [r for r in (self.task.reference, self.space.reference, *meters, *data, *own) if r]

    @property
    def runs_code(self) -> list[str]:
        """Those of the references that are run when they are resolved."""
        return [reference for reference in self.references if is_object_reference(reference)]

    def signature(self) -> str | None:
        """The mark that the record would have, were it written here."""
        return signature([self.name, self.references, encode(self.sources)])

    def is_own(self) -> bool:
        """Whether this user wrote the references on this machine."""
        return self.mark is not None and self.mark == self.signature()

    def write(self, folder: Path) -> None:
        """Write `experiment.json`, all or nothing."""
        with replacing(folder / FILE) as part:
            part.write_text(json.dumps(encode(self), indent=2) + "\n", encoding="utf-8")

    def store_url(self, folder: Path) -> sqlalchemy.URL:
        """Where the store is."""
        if self.store is not None:
            return sqlalchemy.make_url(self.store)
        return sqlalchemy.URL.create("sqlite", database=str(folder / "trials.sqlite"))

    def checkpoint_folder(self, folder: Path) -> CheckpointFolder:
        """Where the run's trials keep their states: at the URL, in a folder of the run's own.

        Raises:
            UsageError: When the URL is not known.
        """
        url = self.checkpoints
        if url is not None:
            url = url if "://" in url else Path(url).absolute().as_uri()
            url = f"{url.rstrip('/')}/{self.name}-{self.created:.0f}"
        return CheckpointFolder(folder / "checkpoints", url)

    @classmethod
    def read(cls, folder: Path) -> RunConfig:
        """Read the record of a run, of any format so far.

        Raises:
            RunError: When the folder is no run's, of a newer version, or corrupt.
        """
        path = folder / FILE
        if not folder.is_dir():
            raise RunError(f"there is no folder {folder}; expected a run's folder, such as runs/digits")
        if not path.is_file():
            runs = sorted(p.parent.name for p in folder.glob(f"*/{FILE}"))
            hint = f"; it holds the runs {', '.join(runs)}: name one of them" if runs else ""
            raise RunError(f"{folder} is not a run's folder: it has no {FILE}{hint}")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(data, dict):
                raise ValueError(f"expected an object, got {type(data).__name__}")
            if data.get("format") not in (1, FORMAT):
                by = data.get("versions", {}).get("archwright", "of an unknown version")
                raise RunError(
                    f"{path} has format {data.get('format')}, this version of Archwright reads formats 1 to {FORMAT}; "
                    f"it was written by archwright {by}: use that"
                )
            return decode(cls, upgraded(data) if data["format"] == 1 else data)
        except (ValueError, OSError) as error:
            raise RunError(f"{path} is corrupt: {error}; restore it from a copy or search anew") from error


def versions(
    packages: Iterable[str] = ("torch", "numpy", "lightning-fabric", "scikit-learn"),
) -> dict[str, str]:
    """Versions of Archwright, Python and the packages that a result depends on."""
    found = {"archwright": _version("archwright"), "python": platform.python_version()}
    return found | {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _plain(value: Any) -> Any:
    """What JSON has no form for, such as numbers of NumPy's."""
    return value.item() if hasattr(value, "item") else str(value)
