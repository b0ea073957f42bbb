"""The stores and executors that come with Archwright keep their contracts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from archwright.experiments.executors import InlineExecutor, ProcessesExecutor
from archwright.experiments.store import SQLStore, Store
from archwright.testing import ExecutorContract, IsolatedExecutorContract, StoreContract


class TestSQLite(StoreContract):
    def make(folder: Path, *, create: bool) -> Store:  # noqa: N805
        return SQLStore(f"sqlite:///{folder}/trials.sqlite", "run", create=create)


class TestInline(ExecutorContract):
    make = InlineExecutor


class TestProcesses(IsolatedExecutorContract):
    make = partial(ProcessesExecutor, 2)
