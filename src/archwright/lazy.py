"""Names of a package that are imported when they are first used, so that importing the package stays quick."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["imported_on_use"]


def imported_on_use(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names stand in its `if TYPE_CHECKING:` block.

    That block says where each name comes from, for type checkers, for readers and for this function alike:

        if TYPE_CHECKING:
            from archwright.tasks.task import Task

        __getattr__ = imported_on_use(__name__)

    Args:
        package: The package's name.
    """
    module = sys.modules[package]
    homes = {
        name.asname or name.name: (str(line.module), name.name)
        for block in ast.parse(inspect.getsource(module)).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for name in line.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, original = homes[name]
        if home == package:  # a room of the package
            return importlib.import_module(f"{home}.{original}")
        found = getattr(importlib.import_module(home), original)
        setattr(module, name, found)
        return found

    return get
