"""A run as a study of Optuna, for optuna-dashboard and for everything else that reads studies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from archwright.errors import MissingExtraError, UsageError
from archwright.experiments import Run
from archwright.experiments.store import masked, without_secrets
from archwright.objectives import Objective, optimized
from archwright.trials import Trial, TrialState

if TYPE_CHECKING:
    import optuna

__all__ = ["export_study"]

_CONSTRAINTS = "constraints"
"""Optuna's own key for how far a trial is over each limit; not above 0 is within it."""


def export_study(run: Run, storage: str, *, name: str | None = None) -> optuna.Study:
    """Write the trials of a run's search as a new study.

    A decision is a parameter by its address; a subset is one yes or no for each item, `address[item]`. Values are those
    of the optimised objectives, each in its own direction; intermediate values are the curve of the only one. Limits
    are Optuna's constraints. User attributes hold all metrics, the fidelity, the parent, seconds and the error; of a
    network that was retrained `retrained/NAME`, too. A candidate over a limit, which was never measured, has failed,
    with its cheap metrics; trials that are running are left out. Attributes of the study are the task, the space, the
    strategy and the test scores.

    Args:
        run: What to write; see `archwright.open_run`.
        storage: URL of Optuna's storage, such as `sqlite:///study.db`.
        name: The study's name; None means the run's.

    Raises:
        MissingExtraError: When Optuna is not installed.
        UsageError: When the storage cannot be used, or has a study of that name.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "optuna", "an export to Optuna") from error
    objectives = optimized(run.objectives)
    with _quiet(optuna):
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=name or run.name,
                directions=[optuna.study.StudyDirection[str(o.direction).upper()] for o in objectives],
            )
        except optuna.exceptions.DuplicatedStudyError:
            raise UsageError(
                f"{without_secrets(storage)} has a study {name or run.name!r} already; give another name with --study"
            ) from None
        except Exception as error:  # what it raises depends on the storage
            told = f"optuna cannot open the storage {without_secrets(storage)}: {masked(str(error))}"
            raise UsageError(told) from error
        study.set_metric_names([objective.name for objective in objectives])
        for key, value in _of_run(run).items():
            study.set_user_attr(key, value)
        retrained = {trial.number: trial for trial in run.retrained}
        for trial in run.trials:
            if trial.state is not TrialState.RUNNING:
                study.add_trial(_frozen(run, trial, retrained.get(trial.number), objectives))
    return study


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Neither Optuna's log nor its warnings of what is experimental, which its user did not choose."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _of_run(run: Run) -> dict[str, Any]:
    config = run.config
    told = {
        "folder": str(run.folder),
        "state": run.state,
        "task": config.task.name,
        "space": config.space.name,
        "strategy": config.strategy.name,
        "seed": config.seed,
        "command": config.command,
        "winner": run.winning_number,
        "won_by": run.won_by,
    }
    parts = {"test": run.test, "baseline_test": run.baseline_test}
    scores = {
        f"{part}/{metric}": value for part, found in parts.items() for metric, value in (found or {}).items()
    }
    return {name: value for name, value in (told | scores).items() if value is not None}


def _frozen(
    run: Run, trial: Trial, retrained: Trial | None, objectives: list[Objective]
) -> optuna.trial.FrozenTrial:
    """A trial as Optuna keeps it."""
    from optuna.trial import FrozenTrial
    from optuna.trial import TrialState as State

    parameters: dict[str, Any] = {}
    distributions: dict[str, Any] = {}
    for address, value in trial.architecture.items():
        for name, distribution, one in _parameters(address, run.config.space.decisions[address], value):
            parameters[name], distributions[name] = one, distribution
    values = [trial.metrics.get(objective.name, math.nan) for objective in objectives]
    is_known = all(map(math.isfinite, values))
    state = State.FAIL
    if trial.state is TrialState.PRUNED:
        state = State.PRUNED
    elif trial.state is TrialState.COMPLETED and is_known:
        state = State.COMPLETE
    limits = [objective for objective in run.objectives if objective.limit is not None]
    over = [
        objective.violation(trial.metrics[objective.name])
        for objective in limits
        if objective.name in trial.metrics
    ]
    return FrozenTrial(
        number=-1,  # Optuna gives it
        trial_id=-1,
        state=state,
        value=None,
        values=values if is_known and state is not State.FAIL else None,
        datetime_start=datetime.fromtimestamp(trial.started),
        datetime_complete=datetime.fromtimestamp(max(trial.started, trial.finished or 0.0)),
        params=parameters,
        distributions=distributions,
        user_attrs=_attributes(trial, retrained),
        system_attrs={_CONSTRAINTS: over} if limits and len(over) == len(limits) else {},
        intermediate_values=dict(_curve(trial, objectives[0].name)) if len(objectives) == 1 else {},
    )


def _parameters(address: str, described: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any, Any]]:
    """The parameters that a decision becomes: name, distribution, value.

    Args:
        address: The decision's.
        described: What the run's record says of it; see `Decision.describe`.
        value: Its value.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    kind = described["kind"]
    if kind == "real":
        yield address, FloatDistribution(described["low"], described["high"], log=described["log"]), value
    elif kind == "integer":
        yield address, IntDistribution(described["low"], described["high"], step=described["step"]), value
    elif kind == "subset":
        for item in range(described["n"]):
            yield f"{address}[{item}]", CategoricalDistribution([False, True]), item in value
    else:
        labels = [False, True] if kind == "boolean" else described["labels"]
        yield address, CategoricalDistribution([*map(_plain, labels)]), _plain(value)


def _plain(value: Any) -> Any:
    """A label of a type that Optuna stores."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _attributes(trial: Trial, retrained: Trial | None) -> dict[str, Any]:
    known = {
        "archwright_number": trial.number,
        "archwright_state": str(trial.state),
        "parent": trial.candidate.parent,
        "seconds": trial.seconds,
        "error": trial.error,
    }
    known |= {f"fidelity.{name}": value for name, value in trial.candidate.effort.to_json().items()}
    known |= {f"retrained/{name}": value for name, value in (retrained.metrics if retrained else {}).items()}
    return trial.metrics | {name: value for name, value in known.items() if value is not None}


def _curve(trial: Trial, name: str) -> Iterator[tuple[int, float]]:
    """Step and value of the points of a trial's curve that have a metric."""
    for place, point in enumerate(trial.measurement.curve if trial.measurement else ()):
        if name in point:
            yield int(point.get("step", point.get("epoch", place))), point[name]
