"""Whether an object comes from a public package, and by which name it is imported from there."""

from __future__ import annotations

import functools
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# fmt: off
__all__ = [
    "attribute_of", "global_names_of", "is_absent", "is_installed", "is_named", "is_public", "public_class_of",
    "public_name_of",
]
# fmt: on

_PACKAGE = __name__.partition(".")[0]
_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}


def is_named(value: Any) -> bool:
    """Whether a value is a class, a function or the like, which is written by its name."""
    return callable(value) and isinstance(getattr(value, "__qualname__", None), str)


def is_public(module: str) -> bool:
    """Whether a module is part of the standard library or of an installed package other than this one.

    A package that is installed in editable mode lies outside `site-packages`, so it is the user's own.
    """
    top = module.partition(".")[0]
    if top in (_PACKAGE, "__main__"):
        return False
    file = _file_of(module)
    if file is None:
        return top in sys.stdlib_module_names
    return is_installed(file)


def is_absent(module: str) -> bool:
    """Whether nothing of this name is there to be imported: an import of it cannot have run."""
    top = module.partition(".")[0]
    return top not in sys.modules and importlib.util.find_spec(top) is None


def is_installed(file: Path) -> bool:
    """Whether a file lies where the standard library and installed packages do."""
    return not _INSTALLED.isdisjoint(file.parts) or any(root in file.parents for root in _STANDARD)


def _file_of(module: str) -> Path | None:
    """The file of a module, or of the innermost package around it that has one."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((file for name in names if (file := _own_file_of(name)) is not None), None)


def _own_file_of(module: str) -> Path | None:
    if (loaded := sys.modules.get(module)) is not None:
        found = getattr(loaded, "__file__", None) or next(iter(getattr(loaded, "__path__", [])), None)
    else:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError, AttributeError):
            return None
        found = spec.origin if spec is not None and spec.has_location else None
    return Path(found).resolve() if found else None


def public_name_of(value: Any) -> tuple[str, str] | None:
    """Where to import a class or function of a public package from, by the shortest public path.

    Returns:
        The module and the name in it (`Outer.Inner` for a nested class), or None where the object belongs to
        no public module, or has no name there.
    """
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or not is_public(module):
        return None
    packages = module.split(".")
    around = [m for i in range(len(packages)) if _is_public_path(m := ".".join(packages[: i + 1]))]
    beside = _modules_beside(module)
    return _by_name(value, [*around, *beside]) or _by_identity(value, beside) or _by_name(value, [module])


def public_class_of(kind: type[Any]) -> type[Any]:
    """A class, or where its module is private the public one made of it: `torch.Tensor` for its base in C."""
    for known in (kind, *kind.__subclasses__()):
        if (public := public_name_of(known)) and _is_public_path(public[0]):
            return known
    return kind


def _by_name(value: Any, modules: list[str]) -> tuple[str, str] | None:
    for module in modules:
        for name in (value.__qualname__, value.__name__):
            if attribute_of(sys.modules.get(module), name) is value:
                return module, name
    return None


def _by_identity(value: Any, modules: list[str]) -> tuple[str, str] | None:
    """For an object that does not know its own name, such as a function made by a function."""
    for module in modules:
        for name, held in list(vars(sys.modules[module]).items()):
            if held is value and not name.startswith("_"):
                return module, name
    return None


def _is_public_path(module: str) -> bool:
    return not any(part.startswith("_") for part in module.split("."))


def _modules_beside(module: str) -> list[str]:
    """The loaded public modules of the same package, the outermost first."""
    top = module.partition(".")[0].lstrip("_")
    inside = [m for m in list(sys.modules) if m.partition(".")[0] == top and _is_public_path(m)]
    return sorted(inside, key=lambda name: (name.count("."), name))


def attribute_of(holder: Any, path: str) -> Any:
    """The attribute at a dotted path, or None."""
    try:
        return functools.reduce(getattr, path.split("."), holder)
    except (
        AttributeError,
        ImportError,
        RuntimeError,
    ):  # packages that load themselves lazily raise the last two
        return None


def global_names_of(value: Any) -> Iterator[tuple[ModuleType, str]]:
    """Modules of the user's own and a name in each that stands for just this object, its own module first."""
    first = getattr(value, "__module__", None)
    modules = [m for m in list(sys.modules.values()) if isinstance(m, ModuleType)]
    for module in sorted(modules, key=lambda m: m.__name__ != first):
        names = [
            name for name, held in list(vars(module).items()) if held is value and not name.startswith("__")
        ]
        if names and not is_public(module.__name__):
            yield module, names[0]
