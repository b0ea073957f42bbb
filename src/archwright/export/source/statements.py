"""Finding the source of a class, a function or a variable: in files, and in the cells of a notebook."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import linecache
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

__all__ = ["Statement", "binding_of", "module_of", "statement_of"]

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITION = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a user's source, as if it stood at the top of a module.

    Args:
        text: The source, not indented, decorators and the comment right above included.
        node: The parsed source; its lines are those of `text`.
        file: The file or cell it comes from.
        line: Its first line there.
        module: The variables of its module.
        closure: Variables of the functions around it that Python kept for it.
        around: All names of the functions around it; Python does not keep what only the class statement itself read.
    """

    text: str
    node: ast.stmt
    file: str
    line: int
    module: Mapping[str, Any]
    closure: Mapping[str, Any] = field(default_factory=dict)
    around: frozenset[str] = frozenset()


def statement_of(value: Any) -> Statement | None:
    """The `class` or `def` statement of an object that knows its name, or None where there is no source."""
    functions, module = _functions_of(value), module_of(value)
    closure: dict[str, Any] = {}
    for function in functions:
        closure |= _closure(function)
    places: list[tuple[str, int | None]] = [
        (f.__code__.co_filename, f.__code__.co_firstlineno) for f in functions
    ]
    places += [(file, None) for file in _files(module)]
    name = _qualified_name(value)
    for file, line in places:
        text = _text(file, module)
        found = [node for node in _definitions(text).get(name, []) if _covers(node, line)]
        if found:
            around, imported = _around(text, found[-1]) if "<locals>" in name else (set(), {})
            bases = {base.__name__: base for base in getattr(value, "__mro__", ())[1:-1]}
            kept = {n: v for n, v in {**imported, **bases}.items() if n in around} | closure
            return _statement(text, found[-1], file, module, kept, frozenset(around))
    return None


def module_of(value: Any) -> Mapping[str, Any]:
    """The variables of the module that a class or function was written in."""
    for function in _functions_of(value):
        return function.__globals__
    return vars(sys.modules[value.__module__]) if value.__module__ in sys.modules else {}


def binding_of(module: Mapping[str, Any], name: str) -> Statement | None:
    """The last statement at the top of a module that binds a name, or None where there is no source.

    Args:
        module: The module's variables.
        name: The name: of a class, function, variable or import.
    """
    for file in _files(module):
        text = _text(file, module)
        if found := [node for node in _top(_parsed(text).body) if name in _bound_by(node)]:
            return _statement(text, found[-1], file, module)
    return None


# Objects


def _functions_of(value: Any) -> list[FunctionType]:
    """The functions that are the object's own code: itself, or the methods written in the class."""
    if not isinstance(value, type):
        found = inspect.unwrap(value)
        return [found] if isinstance(found, FunctionType) else []
    functions: list[FunctionType] = []
    for held in list(vars(value).values()):
        for part in (held, getattr(held, "__func__", None), getattr(held, "fget", None)):
            method = inspect.unwrap(part) if callable(part) else None
            if isinstance(method, FunctionType) and method.__qualname__.startswith(value.__qualname__ + "."):
                functions.append(method)
    # Methods that a decorator wrote, such as those of a dataclass, have no file.
    return [
        f
        for f in functions
        if f.__module__ == value.__module__ and _text(f.__code__.co_filename, f.__globals__)
    ]


def _qualified_name(value: Any) -> str:
    return str((value if isinstance(value, type) else inspect.unwrap(value)).__qualname__)


def _closure(function: FunctionType) -> dict[str, Any]:
    names = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # never assigned
            continue
    names.pop("__class__", None)
    return names


# Files


def _files(module: Mapping[str, Any]) -> list[str]:
    """The file of a module; for one that has none, the cells of the notebook, the newest first."""
    if file := module.get("__file__"):
        return [str(file)]
    cells = [file for file, entry in list(linecache.cache.items()) if len(entry) == 4 and entry[1] is None]
    return cells[::-1]


def _text(file: str, module: Mapping[str, Any]) -> str:
    linecache.checkcache(file)
    return "".join(linecache.getlines(file, dict(module)))


@functools.lru_cache(maxsize=128)
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:  # no Python: a template, say
        return ast.Module([], [])


@functools.lru_cache(maxsize=128)
def _definitions(text: str) -> dict[str, list[ast.stmt]]:
    """Qualified name to the classes and functions that are called so."""
    found: dict[str, list[ast.stmt]] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, _DEFINITION):
                found.setdefault(prefix + child.name, []).append(child)
                inner += child.name + ("." if isinstance(child, ast.ClassDef) else ".<locals>.")
            visit(child, inner)

    visit(_parsed(text), "")
    return found


def _top(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those in `if`, `try`, `with` and loops among them."""
    for statement in statements:
        yield statement
        if not isinstance(statement, _DEFINITION):
            for part in ("body", "orelse", "finalbody"):
                yield from _top(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _top(handler.body)


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement gives a value by itself: one name, a definition or an import."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name.partition(".")[0] for alias in names}
    return set()


def _around(text: str, inner: ast.stmt) -> tuple[set[str], dict[str, Any]]:
    """The names that the functions around a definition bind, and what their import statements bring."""
    names: set[str] = set()
    imported: dict[str, Any] = {}
    for node in ast.walk(_parsed(text)):
        if (
            isinstance(node, _FUNCTION)
            and node is not inner
            and any(part is inner for part in ast.walk(node))
        ):
            names |= {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    names.add(part.id)
                elif isinstance(part, ast.Import | ast.ImportFrom):
                    imported |= {name: value for name, value in _imported(part) if value is not None}
                if isinstance(part, ast.stmt) and part is not node:
                    names |= _bound_by(part)
    return names, imported


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Any]]:
    """The names that an import statement binds, with what they stand for, None where that is not loaded."""
    for alias in node.names:
        top = alias.name.partition(".")[0]
        if isinstance(node, ast.Import):
            yield alias.asname or top, sys.modules.get(alias.name if alias.asname else top)
        elif node.level == 0:
            inner = sys.modules.get(f"{node.module}.{alias.name}")
            yield alias.asname or alias.name, getattr(sys.modules.get(node.module or ""), alias.name, inner)


# Pieces of text


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _covers(node: ast.stmt, line: int | None) -> bool:
    return line is None or _first_line(node) <= line <= (node.end_lineno or node.lineno)


def _statement(
    text: str,
    node: ast.stmt,
    file: str,
    module: Mapping[str, Any],
    closure: Mapping[str, Any] | None = None,
    around: frozenset[str] = frozenset(),
) -> Statement:
    first = _first_line(node)
    if isinstance(node, _DEFINITION):
        lines = text.splitlines(keepends=True)
        while first > 1 and lines[first - 2].lstrip().startswith("#") and not _is_marker(lines[first - 2]):
            first -= 1
        piece = _dedented("".join(lines[first - 1 : node.end_lineno]))
    else:
        piece = ast.get_source_segment(text, node) or ""
    return Statement(
        piece.rstrip() + "\n", ast.parse(piece).body[0], file, first, module, closure or {}, around
    )


def _is_marker(line: str) -> bool:
    """Whether a comment is meant for a tool or divides the file, and does not describe what comes below it."""
    comment = line.strip().lstrip("#").strip()
    return not any(c.isalpha() for c in comment) or comment.startswith(
        ("%%", "noqa", "type:", "ruff:", "fmt:", "!")
    )


def _dedented(piece: str) -> str:
    """A definition moved to the left margin; strings of several lines, docstrings aside, keep their text."""
    lines = piece.splitlines(keepends=True)
    margin = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if not margin:
        return piece
    kept: set[int] = set()
    opened: list[int] = []
    previous = ""
    for token in tokenize.generate_tokens(io.StringIO("if True:\n" + piece).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING" and previous not in ("INDENT", "NEWLINE"):
            kept.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind in ("FSTRING_START", "TSTRING_START"):
            opened.append(token.start[0])
        elif kind in ("FSTRING_END", "TSTRING_END"):
            kept.update(range(opened.pop() + 1, token.end[0] + 1))
        if kind not in ("COMMENT", "NL"):
            previous = kind
    # Line 1 of the tokens is `if True:`.
    return "".join(line if i + 2 in kept else line.removeprefix(margin) for i, line in enumerate(lines))
