"""Which files a printed module reads: they must be where it runs."""

from __future__ import annotations

import ast
import functools
import os
import sys
import threading
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archwright.export.source.origins import is_installed

__all__ = ["files_named_in", "files_read"]

_SHORT = 2
"""A path of so many parts, `/` among them, is no folder of somebody's own; "/" may be a separator."""

_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev", "/etc")))


@contextmanager
def files_read() -> Iterator[set[Path]]:
    """Collect the files that this thread opens for reading, without those of the system and of installed packages.

    Python tells of what is opened by `open` and all that is built on it (`torch.load`, `numpy.load`, `pandas`, `PIL`),
    not of what a library in another language opens by itself.
    """
    _listen()
    opened: list[Any] = []
    found: set[Path] = set()
    _opened_by[threading.get_ident()] = opened
    try:
        yield found
    finally:
        del _opened_by[threading.get_ident()]
        found |= {path for path in map(_absolute, opened) if _is_own(path)}


def files_named_in(source: str) -> set[Path]:
    """The files and folders whose paths stand in a piece of source as strings, however they are opened."""
    texts = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and os.sep in node.value
    }
    return {path for path in map(_absolute, texts) if _is_own(path)}


_opened_by: dict[int, list[Any]] = {}
"""What the threads that listen have opened."""


@functools.cache
def _listen() -> None:
    sys.addaudithook(_heard)  # once: it cannot be taken away again


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and (opened := _opened_by.get(threading.get_ident())) is not None:
        path, _, flags = arguments
        if sys._getframe(1).f_code.co_filename == tokenize.__file__:
            return  # source that is looked up for a message or a trace
        if isinstance(path, str | bytes) and not flags & (os.O_WRONLY | os.O_RDWR):
            opened.append(path)


def _absolute(path: str | bytes) -> Path:
    return Path(os.path.abspath(os.path.expanduser(os.fsdecode(path))))


def _is_own(path: Path) -> bool:
    try:
        exists = path.is_file() or (path.is_dir() and len(path.parts) > _SHORT)
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return False
    of_system = any(folder in path.parents for folder in _SYSTEM)
    return exists and not of_system and path.suffix not in (".py", ".pyc") and not is_installed(path)
