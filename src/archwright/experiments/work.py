"""What an executor runs for one job: measure what is cheap, estimate, retrain; every error becomes an outcome."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments.executors import Channel, Failure
from archwright.experiments.executors.printed import QuietChannel, TrialOutput, here
from archwright.experiments.jobs import DiskFull, Job, JobResult, Printed, RunningTrial
from archwright.experiments.store import Stage
from archwright.experiments.store.checkpoints import disk_is_full
from archwright.objectives import NEEDS_ERROR, STANDARD_ERROR, Objective, measure_by
from archwright.spaces import Space
from archwright.trials import Measurement, TrialContext, TrialState
from archwright.trials.context import plain_metrics

if TYPE_CHECKING:
    from archwright.estimators.programs import ProgramTraining
    from archwright.estimators.training import Training

__all__ = ["Evaluation", "Infeasible", "Judging", "Measure", "Retraining", "TrialRunner", "failed", "plain"]

_LONGEST_ERROR, _LONGEST_TRACE = 4_000, 40_000

Measure = Callable[[Job, TrialContext], Measurement]
"""What measures a job of one stage. Raises `Infeasible`, or any error."""


class Infeasible(Exception):  # noqa: N818 - not an error: an answer
    """A candidate is over a limit before it is estimated."""

    def __init__(self, measurement: Measurement) -> None:
        super().__init__()
        self.measurement = measurement


class TrialRunner:
    """Runs a job by the step of its stage.

    Args:
        steps: For each stage what measures a job.
        objectives: Whose metrics must be finite numbers.
        searched: The same of the search's trials; None where they are the same.
    """

    def __init__(
        self,
        steps: Mapping[Stage, Measure],
        objectives: Sequence[Objective],
        searched: Sequence[Objective] | None = None,
    ) -> None:
        self.steps = dict(steps)
        self.objectives = tuple(objectives)
        self.searched = self.objectives if searched is None else tuple(searched)

    def __call__(self, job: Job, channel: Channel) -> JobResult:
        """Run a job; whatever a user's code raises becomes an outcome."""
        output = TrialOutput(lambda text: channel.call(Printed(text)))
        channel.call(Printed("", here()))
        with output.taken():
            return self._run(job, QuietChannel(channel, output))

    def _run(self, job: Job, channel: Channel) -> JobResult:
        trial = RunningTrial(job, channel)
        try:
            measurement = plain(self.steps[job.stage](job, trial))
        except Infeasible as infeasible:
            return JobResult(TrialState.INFEASIBLE, plain(infeasible.measurement))
        except Exception as error:
            if disk_is_full(error):
                channel.call(DiskFull(str(error)))
            failure = Failure.of(error)
            told = "out of memory" if isinstance(error, MemoryError) else failure.error
            return failed(Failure(told, failure.trace))
        finally:
            trial.ended = True
        objectives = self.searched if job.stage is Stage.SEARCH else self.objectives
        if any(objective.name == "seconds" for objective in objectives):
            metrics = {"seconds": measurement.seconds, **measurement.metrics}
            measurement = replace(measurement, metrics=metrics)
        if trial.stopped:
            return JobResult(TrialState.PRUNED, _finite(measurement))
        # A cheap estimate measures something else.
        is_partial = job.alone or job.stage is Stage.JUDGE or job.candidate.effort.proxy is not None
        for objective in () if is_partial else objectives:
            value = measurement.metrics.get(objective.name)
            if value is None or not math.isfinite(value):
                found = (
                    f"is {value}"
                    if value is not None
                    else f"is missing: got {', '.join(measurement.metrics)}"
                )
                told = f"the metric {objective.name!r} {found}"
                return JobResult(TrialState.FAILED, _finite(measurement), told)
        return JobResult(TrialState.COMPLETED, _finite(measurement))


def failed(failure: Failure) -> JobResult:
    """The outcome of a job that ended without a measurement; of a very long text both ends are kept."""
    trace = failure.trace and _cut(failure.trace, _LONGEST_TRACE)
    return JobResult(TrialState.FAILED, error=_cut(failure.error, _LONGEST_ERROR), trace=trace)


def _cut(text: str, longest: int) -> str:
    # Databases hold neither halves of surrogate pairs (file names that are no UTF-8) nor the character NUL.
    text = text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    if len(text) <= longest:
        return text
    left_out = f" ... ({len(text) - longest:,} characters left out) ... "
    return text[: longest // 2] + left_out + text[-longest // 2 :]


def plain(measurement: Measurement) -> Measurement:
    """With Python's own numbers and text, whatever an estimator took them from.

    Raises:
        TrialError: When it is no measurement, or a metric no number.
    """
    if not isinstance(measurement, Measurement):
        raise TrialError(f"expected the estimator to return a Measurement, got {measurement!r:.200}")
    try:
        return Measurement(
            plain_metrics(measurement.metrics),
            tuple(plain_metrics(point) for point in measurement.curve),
            float(measurement.seconds),
            {str(name): str(path) for name, path in measurement.artifacts.items()},
        )
    except (UsageError, TypeError, ValueError, AttributeError) as error:
        raise TrialError(f"the measurement cannot be recorded: {error}") from error


def _finite(measurement: Measurement) -> Measurement:
    """Without metrics that are not finite: JSON and databases cannot hold them."""
    return replace(
        measurement,
        metrics={name: value for name, value in measurement.metrics.items() if math.isfinite(value)},
        curve=tuple({n: v for n, v in point.items() if math.isfinite(v)} for point in measurement.curve),
    )


class Evaluation:
    """The step of the search: joins what meters say of a network to what the estimator says.

    Cheap meters come first, then what has been measured while nothing else ran, then the estimate, then the rest.

    Args:
        space: Builds the networks that meters look at.
        estimator: Measures the rest.
        objectives: Whose meters are asked.
        example: Arguments of a network for two examples, to size networks and call them with; None where there is no
            task.
    """

    def __init__(
        self, space: Space, estimator: Estimator, objectives: Sequence[Objective], example: Any
    ) -> None:
        self.space, self.estimator = space, estimator
        self.objectives, self.example = tuple(objectives), example
        meters = {o.name: meter for o in objectives if (meter := o.load_meter()) is not None}
        self.meters = dict(sorted(meters.items(), key=lambda entry: entry[1].seconds))

    def estimate(self, job: Job, trial: TrialContext) -> Measurement:
        """What the estimator says."""
        return self.estimator.measure(job.candidate, trial)

    def __call__(self, job: Job, trial: TrialContext) -> Measurement:
        """Measure a candidate; of a job that runs alone, only what needs the machine for itself.

        Raises:
            Infeasible: When a candidate of the search is over a limit before it is estimated.
        """
        is_limit = job.stage is Stage.SEARCH and self.estimator.is_bounded(job.candidate)
        limits = {o.name: o for o in self.objectives if is_limit and o.limit is not None}
        cheap = [
            name for name, meter in self.meters.items() if meter.is_cheap and (name in limits or job.alone)
        ]
        known = {**job.known, **self._measure([name for name in cheap if name not in job.known], job, limits)}
        if job.alone:
            exclusive = [name for name, meter in self.meters.items() if meter.exclusive]
            return Measurement(known | self._measure(exclusive, job, limits, known))
        measurement = plain(self.estimate(job, trial))
        metrics = {**known, **measurement.metrics}
        metrics |= self._measure([name for name in self.meters if name not in metrics], job)
        return replace(measurement, metrics=metrics)

    def _measure(
        self,
        names: Sequence[str],
        job: Job,
        limits: Mapping[str, Objective] | None = None,
        before: Mapping[str, float] | None = None,
    ) -> dict[str, float]:
        if not names:
            return {}
        if self.example is None:
            raise UsageError(f"{', '.join(names)}: meters need a task, whose inputs networks are called with")
        meters = {name: self.meters[name] for name in names}
        found = self.estimator.costs(job.candidate, meters)
        if found is None:
            network = self.space.build(job.candidate.architecture, self.example)
            found = measure_by(meters, network, self.example)
        if any(
            limits[name].violation(value) > 0 for name, value in found.items() if limits and name in limits
        ):
            raise Infeasible(Measurement({**(before or {}), **found}))
        return found


class Retraining(Evaluation):
    """The step after the search: train from scratch at full fidelity and keep the weights.

    The seed is the recipe's plus one, so that a network is not chosen for the luck of its first seed again.

    Args:
        training: Trains.
        folder: The run's folder; weights go to `checkpoints/retrain-0.safetensors`, by stage and number; by the URL for
            checkpoints, where there is one.
        objectives: What the search looked at.
    """

    def __init__(
        self, training: Training | ProgramTraining, folder: Path, objectives: Sequence[Objective] = ()
    ) -> None:
        super().__init__(training.space, training, objectives, training.task.example_arguments())
        self.training, self.folder = training, folder

    def estimate(self, job: Job, trial: TrialContext) -> Measurement:
        """Train a candidate; the measurement's artifact `weights` is the file, relative to the run's folder."""
        from archwright.experiments.checkpoints import save_weights

        network, measurement = self.training.fit(job.candidate, trial, seed=self.training.recipe.seed + 1)
        path = Path("checkpoints") / f"{job.stage}-{job.number}.safetensors"
        if job.checkpoints is None or job.checkpoints.url is None:
            save_weights(network, self.folder / path)
        else:
            with tempfile.TemporaryDirectory() as folder:
                save_weights(network, Path(folder) / path.name)
                job.checkpoints.send(Path(folder) / path.name, path.name)
        metrics = {**measurement.metrics, **self._uncertainty(job, network)}
        artifacts = {**measurement.artifacts, "weights": path.as_posix()}
        return replace(measurement, metrics=metrics, artifacts=artifacts)

    def _uncertainty(self, job: Job, network: Any) -> dict[str, float]:
        """The standard error of what decides, for a metric whose error does not follow from its value.

        In folds it follows from the repetitions.
        """
        first = next((one.name for one in self.objectives if one.optimize), None)
        if first not in NEEDS_ERROR or job.candidate.effort.folds is not None or job.stage is Stage.REFIT:
            return {}
        found = self.training.test(network, "validation", errors=True)
        return {first + STANDARD_ERROR: found[first]} if first in found else {}


class Judging:
    """The step in which cheap estimators score networks that the search has measured.

    Args:
        estimators: The estimators, in the order of their jobs' numbers.
    """

    STRIDE = 100_000
    """The job of the estimator in place i for trial n has the number i · STRIDE + n."""

    def __init__(self, estimators: Sequence[Estimator]) -> None:
        self.estimators = tuple(estimators)

    def __call__(self, job: Job, trial: TrialContext) -> Measurement:
        """What the job's estimator says."""
        return self.estimators[job.number // self.STRIDE].measure(job.candidate, trial)
