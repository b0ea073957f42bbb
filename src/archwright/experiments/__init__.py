"""The loop that joins a strategy and an estimator: budget, store, executors, resume."""

from archwright.experiments.budget import Budget
from archwright.experiments.config import (
    DeviceConfig,
    JudgeConfig,
    NamedConfig,
    RunConfig,
    ScorerConfig,
    SpaceConfig,
    SupernetConfig,
    TaskConfig,
)
from archwright.experiments.executors import (
    Channel,
    Ended,
    Executor,
    ExecutorConfig,
    Failure,
    InlineExecutor,
    ProcessesExecutor,
)
from archwright.experiments.experiment import Experiment
from archwright.experiments.fingerprints import Fingerprints
from archwright.experiments.interrupts import Interrupts, ask_to_drain
from archwright.experiments.jobs import Job, JobResult
from archwright.experiments.judgement import Judged, Judgement, judgement_of
from archwright.experiments.listener import Listener
from archwright.experiments.one_shot import SupernetTraining
from archwright.experiments.opening import load_run, open_run, open_store
from archwright.experiments.references import resolve_network, resolve_space, resolve_task
from archwright.experiments.replay import Replay
from archwright.experiments.run import Activity, Run
from archwright.experiments.store import CheckpointFolder, SQLStore, Stage, Store
from archwright.experiments.work import Evaluation, Judging, Retraining, TrialRunner

# fmt: off
__all__ = [
    "Activity", "Budget", "Channel", "CheckpointFolder", "DeviceConfig", "Ended", "Evaluation", "Executor",
    "ExecutorConfig", "Experiment", "Failure", "Fingerprints", "InlineExecutor", "Interrupts", "Job", "JobResult",
    "JudgeConfig", "Judged", "Judgement", "Judging", "Listener", "NamedConfig", "ProcessesExecutor", "Replay",
    "Retraining", "Run", "RunConfig", "SQLStore", "ScorerConfig", "SpaceConfig", "Stage", "Store", "SupernetConfig",
    "SupernetTraining", "TaskConfig", "TrialRunner", "ask_to_drain", "judgement_of", "load_run", "open_run",
    "open_store", "resolve_network", "resolve_space", "resolve_task",
]
# fmt: on
