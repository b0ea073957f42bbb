"""Objects by reference: `file.py:object` and `module:object`."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from archwright.errors import ArchwrightError, TaskError, UsageError, did_you_mean

__all__ = [
    "absolute_reference",
    "call_found",
    "check_file",
    "check_table",
    "is_object_reference",
    "load_object",
]


def load_object(reference: str) -> Any:
    """The object that `file.py:object` or `module:object` names; the object may be dotted.

    A file's module is sent to worker processes by value, so that they need not find the file.

    Raises:
        UsageError: When the file, module or object does not exist, or importing it fails.
    """
    where, _, name = reference.rpartition(":")
    module = _load_file(Path(where), reference) if where.endswith(".py") else _load_module(where, reference)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [n for n in vars(module) if not n.startswith("_")]
            raise UsageError(f"{reference}: {where} has no {name!r}.{did_you_mean(name, known)}")
        found = getattr(found, part)
    return found


def is_object_reference(reference: str) -> bool:
    """Whether a text has the form `file.py:object` or `module:object`, and is no file."""
    where, colon, name = reference.rpartition(":")
    return bool(colon and where and name.replace(".", "").isidentifier() and not Path(reference).exists())


def check_file(reference: str) -> None:
    """Refuse a `file.py:object` whose file does not exist, without running it.

    Raises:
        UsageError: Names the file.
    """
    where = reference.rpartition(":")[0]
    if where.endswith(".py") and not Path(where).is_file():
        raise UsageError(f"{reference}: there is no file {where}")


def check_table(path: Path) -> None:
    """Refuse a CSV file that does not exist.

    Raises:
        TaskError: Names it, and one beside it that is called nearly the same.
    """
    if not path.exists():
        near = [file.name for file in path.parent.glob("*.csv")]
        hint = did_you_mean(path.name, near) if 0 < len(near) <= 20 else ""
        raise TaskError(f"{path}: no such file.{hint}")
    if not path.is_file():
        raise TaskError(f"{path}: expected a CSV file, got a folder; for a folder of images use from_images")


def absolute_reference(reference: str) -> str:
    """A reference that means the same from another working folder: paths become absolute."""
    where, colon, name = reference.rpartition(":")
    with contextlib.suppress(OSError):
        if Path(reference).exists():
            return str(Path(reference).resolve())
        if colon and Path(where).is_file():
            return f"{Path(where).resolve()}:{name}"
    return reference


def _load_file(path: Path, reference: str) -> ModuleType:
    check_file(reference)
    path = path.resolve()
    name = path.stem
    if name in sys.modules or importlib.util.find_spec(name) is not None:
        name = f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    for known in (path.stem, name):
        if getattr(sys.modules.get(known), "__file__", None) == str(path):
            return sys.modules[known]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{reference}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # for the files beside it, which workers must find too
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except ArchwrightError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(
            f"{reference}: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)
    return module


def _load_module(name: str, reference: str) -> ModuleType:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ArchwrightError:
        raise
    except (Exception, SystemExit) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")
        raise UsageError(
            f"{reference}: the module {name!r} cannot be imported: {type(error).__name__}: {error}"
            f"{'; for a file write file.py:object' if is_missing else ''}"
        ) from error
    finally:
        sys.path.remove("")


def call_found(function: Any, reference: str, *optional: Any) -> Any:
    """Call a user's function, with as many of the optional arguments as it takes.

    Args:
        function: What a reference named.
        reference: For messages.
        optional: Arguments that the function may take, the first first.

    Raises:
        UsageError: When it needs more arguments, or fails.
    """
    try:
        needed = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        needed = []
    if len(needed) > len(optional):
        names = ", ".join(p.name for p in needed)
        raise UsageError(
            f"{reference}: expected a function of at most {len(optional)} arguments, it needs {names}"
        )
    try:
        return function(*optional[: len(needed)])
    except ArchwrightError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{reference}: the function failed: {type(error).__name__}: {error}") from error
