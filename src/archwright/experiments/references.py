"""From what a user writes to the object meant: names, `file.py:object`, CSV files, folders of images."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from archwright.errors import ArchwrightError, SpaceError, TaskError, UsageError, did_you_mean
from archwright.spaces import Expression, Space

if TYPE_CHECKING:
    from archwright.tasks import Task

__all__ = ["load_object", "resolve_space", "resolve_task"]


def resolve_task(reference: str, **options: Any) -> Task:
    """The task that a reference means.

    Args:
        reference: A built-in name, `module:object` or `file.py:object` (a Task or a function that returns one), a
            CSV file, or a folder of images.
        options: For what makes the task: `seed`; for a CSV file also `target`, `drop` and `kind`.

    Raises:
        TaskError: When the data cannot be learned from.
        UsageError: When nothing is meant by the reference, or an option does not fit it.
    """
    from archwright.tasks import TASKS, Task, from_csv, from_images, make_task

    path = Path(reference)
    if reference in TASKS:
        return make_task(reference, **_without_columns(options, reference))
    if _is_object(reference):
        made = load_object(reference)
        if callable(made) and not isinstance(made, Task):
            made = _called(made, reference)
        if not isinstance(made, Task):
            raise TaskError(
                f"{reference}: expected a Task or a function that returns one, got {type(made).__name__}"
            )
        return made
    if path.is_dir():
        return from_images(path, **_without_columns(options, reference))
    if path.is_file() or path.suffix.lower() in (".csv", ".tsv"):
        if not options.get("target"):
            raise UsageError(f"{reference}: say which column to predict: --target COLUMN")
        return from_csv(path, **options)
    hint = did_you_mean(reference, TASKS)
    raise UsageError(
        f"unknown task {reference!r}: no built-in name, no file and no folder.{hint} Or give file.py:object, a CSV "
        "file with --target, or a folder of images"
    )


def resolve_space(reference: str, task: Task) -> Space:
    """The space that a reference means.

    Args:
        reference: A built-in name, or `module:object` or `file.py:object`: a Space, an expression, or a function
            of the task, or of nothing, that returns one.
        task: Gives input shape and number of outputs.

    Raises:
        SpaceError: When the object is no space, or a built-in space does not take the task's inputs.
        UsageError: When nothing is meant by the reference.
    """
    if not _is_object(reference):
        from archwright.spaces.zoo import SPACES, default_space, make_space

        if reference not in SPACES:
            raise UsageError(
                f"unknown space {reference!r}.{did_you_mean(reference, SPACES)} Or give file.py:object"
            )
        if SPACES[reference].symbols not in (None, task.has_symbols):
            takes, gives = ("symbols", "amounts") if SPACES[reference].symbols else ("amounts", "symbols")
            raise SpaceError(
                f"the space {reference!r} takes {takes}, but the inputs of the task {task.name!r} are {gives}; take "
                f"{default_space(task.input_shape, symbols=task.has_symbols)!r}"
            )
        space: Space = make_space(reference, task.input_shape, task.outputs)
        return space
    made = load_object(reference)
    if not isinstance(made, Space | Expression) and callable(made):
        made = _called(made, reference, task)
    if isinstance(made, Expression):
        made = Space(made, name=reference.rpartition(":")[2])
    if not isinstance(made, Space):
        raise SpaceError(
            f"{reference}: expected an archwright.Space, an expression or a function that returns one, got "
            f"{type(made).__name__}"
        )
    return made


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


def _is_object(reference: str) -> bool:
    where, colon, name = reference.rpartition(":")
    return bool(colon and where and name.replace(".", "").isidentifier() and not Path(reference).exists())


def _load_file(path: Path, reference: str) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"{reference}: there is no file {path}")
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
    except Exception as error:
        del sys.modules[name]
        raise UsageError(
            f"{reference}: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    cloudpickle.register_pickle_by_value(module)
    return module


def _load_module(name: str, reference: str) -> ModuleType:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ArchwrightError:
        raise
    except Exception as error:
        raise UsageError(
            f"{reference}: the module {name!r} cannot be imported: {type(error).__name__}: {error}; for a file "
            "write file.py:object"
        ) from error
    finally:
        sys.path.remove("")


def _called(function: Any, reference: str, *optional: Any) -> Any:
    """Call a user's function, with as many of the optional arguments as it takes."""
    import inspect

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
    except Exception as error:
        raise UsageError(f"{reference}: the function failed: {type(error).__name__}: {error}") from error


def _without_columns(options: dict[str, Any], reference: str) -> dict[str, Any]:
    for name in ("target", "drop", "kind"):
        if options.get(name) is not None:
            raise UsageError(f"{reference}: --{name} goes with a CSV file only; leave it out")
    return options
