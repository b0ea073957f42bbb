"""Where work runs: in this process, or in several."""

from archwright.experiments.executors.executor import Channel, Ended, Executor, Failure
from archwright.experiments.executors.inline import InlineExecutor
from archwright.experiments.executors.processes import ProcessesExecutor

__all__ = ["Channel", "Ended", "Executor", "Failure", "InlineExecutor", "ProcessesExecutor"]
