"""Where work runs: in this process, or in several."""

from archwright.experiments.executors.executor import Executor, Job, Outcome
from archwright.experiments.executors.inline import InlineExecutor
from archwright.experiments.executors.processes import ProcessesExecutor

__all__ = ["Executor", "InlineExecutor", "Job", "Outcome", "ProcessesExecutor"]
