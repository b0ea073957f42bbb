"""Where work runs: in this process, or in several."""

from archwright.experiments.executors.executor import Channel, Ended, Executor, Failure
from archwright.experiments.executors.inline import InlineExecutor, Interrupted, interrupts_marked
from archwright.experiments.executors.processes import ProcessesExecutor
from archwright.experiments.executors.registry import EXECUTORS, ExecutorConfig, make_executor

__all__ = [
    "EXECUTORS",
    "Channel",
    "Ended",
    "Executor",
    "ExecutorConfig",
    "Failure",
    "InlineExecutor",
    "Interrupted",
    "ProcessesExecutor",
    "interrupts_marked",
    "make_executor",
]
