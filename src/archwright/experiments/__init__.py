"""The loop that joins a strategy and an estimator: budget, store, executors, resume."""

from archwright.experiments.budget import Budget
from archwright.experiments.executors import (
    Channel,
    Ended,
    Executor,
    Failure,
    InlineExecutor,
    ProcessesExecutor,
)
from archwright.experiments.experiment import Experiment, Interrupts
from archwright.experiments.jobs import Job, Outcome
from archwright.experiments.listener import Listener
from archwright.experiments.one_shot import SupernetTraining
from archwright.experiments.references import resolve_space, resolve_task
from archwright.experiments.replay import Replay
from archwright.experiments.run import Run, open_run, picture
from archwright.experiments.settings import Settings
from archwright.experiments.store import SQLStore, Stage, Store
from archwright.experiments.work import Evaluation, Retraining, Work
from archwright.references import load_object

__all__ = [
    "Budget",
    "Channel",
    "Ended",
    "Evaluation",
    "Executor",
    "Experiment",
    "Failure",
    "InlineExecutor",
    "Interrupts",
    "Job",
    "Listener",
    "Outcome",
    "ProcessesExecutor",
    "Replay",
    "Retraining",
    "Run",
    "SQLStore",
    "Settings",
    "Stage",
    "Store",
    "SupernetTraining",
    "Work",
    "load_object",
    "open_run",
    "picture",
    "resolve_space",
    "resolve_task",
]
