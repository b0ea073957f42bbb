"""What a run's code and data were when it began, so that a change since then does not go unnoticed."""

from __future__ import annotations

import ast
import hashlib
import hmac
import importlib.util
import inspect
import json
import os
import secrets
import sysconfig
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archwright.atomic_writing import replacing
from archwright.errors import UsageError
from archwright.references import is_object_reference

__all__ = ["Fingerprints", "signature"]

_WHOLE = 2**26
"""Bytes up to which a file is read whole; of a larger one its two ends."""


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """Hashes of the user's code and data. Comments, docstrings and layout do not count.

    Args:
        code: Path of a file, or qualified name of a class or function, to a hash of its syntax.
        data: Path of a file to a hash of size and content; of a folder, of all files in it.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, references: Iterable[str | None], things: Iterable[Any] = ()) -> Fingerprints:
        """Of what references mean, and of classes and functions that were given as Python objects.

        Args:
            references: `file.py:object` and `module:object` stand for the file and the files beside it that it imports;
                an absolute path stands for data; a built-in name for nothing.
            things: Classes and functions; those of installed packages stand for nothing.
        """
        code: dict[str, str] = {}
        data: dict[str, str] = {}
        for reference in filter(None, references):
            if is_object_reference(reference):
                code |= dict(_files(_source_of(reference.rpartition(":")[0])))
            elif (path := Path(reference)).is_absolute() and path.exists():
                data[str(path)] = _content(path)
        for thing in things:
            if not _is_installed(getattr(inspect.getmodule(thing), "__file__", None)):
                try:
                    source = textwrap.dedent(inspect.getsource(thing))
                except (OSError, TypeError):  # written in a prompt: there is no source to compare
                    continue
                code[f"{thing.__module__}.{thing.__qualname__}"] = _syntax(source)
        return cls(code=code, data=data)

    def changed_since(self, before: Fingerprints) -> list[str]:
        """What differs, by its name: of what was there before, or in a file that is there only now."""
        pairs = ((before.code, self.code), (before.data, self.data))
        return sorted(
            {name for old, new in pairs if old for name in {*old, *new} if old.get(name) != new.get(name)}
        )


def signature(parts: Iterable[object]) -> str | None:
    """A mark that only this user's own Archwright can make: what it stands on was written here.

    Args:
        parts: What is marked, in JSON's types.

    Returns:
        None where the user's key, `archwright/key` in the folder for state, can neither be read nor written.
    """
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(home) / "archwright" / "key"
    try:
        if not path.exists():
            with replacing(path) as part:
                part.touch(mode=0o600)
                part.write_text(secrets.token_hex(32), encoding="ascii")
        key = path.read_bytes()
    except (OSError, RuntimeError):
        return None
    return hmac.new(key, json.dumps(list(parts), sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _source_of(where: str) -> Path | None:
    """The user's file that a reference's module is read from; None of an installed package."""
    if where.endswith(".py"):
        return Path(where)
    try:
        spec = importlib.util.find_spec(where)
    except (ImportError, ValueError):
        return None
    path = spec.origin if spec else None
    return None if path is None or _is_installed(path) else Path(path)


def _is_installed(path: str | None) -> bool:
    if path is None:
        return False
    where = Path(path).resolve()
    homes = (*sysconfig.get_paths().values(), str(Path(__file__).parent.parent))
    return "site-packages" in where.parts or any(where.is_relative_to(Path(home).resolve()) for home in homes)


def _files(first: Path | None) -> Iterator[tuple[str, str]]:
    """A file and the files that it imports from beside it, and those that they import, each with its hash."""
    waiting, seen = [first] if first else [], set()
    while waiting:
        path = waiting.pop()
        if path in seen or path is None or not path.is_file():
            continue
        seen.add(path)
        source = path.read_text(encoding="utf-8", errors="replace")
        yield str(path), _syntax(source)
        waiting += _imported(source, path, first.parent if first else path.parent)


def _imported(source: str, path: Path, root: Path) -> Iterator[Path]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return
    for node in nodes:
        names: list[tuple[Path, str]] = []
        if isinstance(node, ast.Import):
            names = [(root, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else root
            prefix = f"{node.module}." if node.module else ""
            names = [(base, prefix + alias.name) for alias in node.names]
        for base, name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                stem = base.joinpath(*parts[:length])
                yield from (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")


def _syntax(source: str) -> str:
    """A hash that comments, docstrings and layout do not change."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return _hash(source.encode())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return _hash(ast.unparse(tree).encode())


def _content(path: Path) -> str:
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        return _hash("\n".join(f"{p.relative_to(path)} {_content(p)}" for p in inside).encode())
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if size <= _WHOLE:
                return f"{size} {_hash(file.read())}"
            first = file.read(_WHOLE // 2)
            file.seek(-_WHOLE // 2, os.SEEK_END)
            return f"{size} {_hash(first + file.read())}"
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
