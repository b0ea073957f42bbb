"""Which names of its module a piece of source uses, as Python's own compiler sees it."""

from __future__ import annotations

import ast
import copy
import dis
import inspect
import warnings
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from archwright.errors import ExportError

__all__ = ["Use", "Uses", "uses_of"]

_OF_MODULE = {"LOAD_NAME", "LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
"""What the compiler makes of a name that is the module's; of a class's own name it makes LOAD_NAME too."""

_FIRST = 1_000_000
"""Above all line numbers: the compiled names are told apart by the lines they pretend to be on."""


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a name of the module is read, or written after `global`.

    Args:
        chain: The name's node, then one node for each attribute read from it: `nn`, `nn.functional`, ...
        at_definition: Whether it is read when the source is executed, not when a function in it is called.
        annotation: Whether it stands in an annotation.
        quoted: The string it stands in, for a quoted annotation.
    """

    chain: tuple[ast.expr, ...]
    at_definition: bool
    annotation: bool
    quoted: ast.Constant | None

    @property
    def name(self) -> str:
        """The name of the module that is read."""
        root = self.chain[0]
        assert isinstance(root, ast.Name)
        return root.id

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes read from it, one after the other."""
        return tuple(node.attr for node in self.chain[1:] if isinstance(node, ast.Attribute))


@dataclass(slots=True)
class Uses:
    """What a piece of source reads from its module.

    Args:
        reads: The places where a name of the module is read, in the order of the source.
        bound: Names that mean something of their own in some scope inside.
        declared: `global` statements, which write names of the module.
        imports: Import statements inside functions and classes.
    """

    reads: list[Use] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    declared: list[ast.Global] = field(default_factory=list)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)


def uses_of(statement: ast.stmt) -> Uses:
    """Analyse a statement at the top of a module: a class, a function or an assignment.

    Raises:
        ExportError: When it cannot be compiled by itself, as a function with `nonlocal` for a name around it.
    """
    annotations = _Annotations()
    tree = annotations.visit(ast.Module([copy.deepcopy(statement)], []))
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    around = {node.value: node for node in nodes if isinstance(node, ast.Attribute)}
    uses = Uses(
        declared=[node for node in nodes if isinstance(node, ast.Global)],
        imports=[node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)],
    )
    found: dict[int, bool] = {}
    _read(_compiled(tree), False, found, uses.bound)
    for number, is_later in found.items():
        name = names[number]
        chain: list[ast.expr] = [name]
        while chain[-1] in around:
            chain.append(around[chain[-1]])
        is_annotation = name in annotations.names
        quoted = annotations.names.get(name)
        uses.reads.append(Use(tuple(chain), not is_later and not is_annotation, is_annotation, quoted))
    uses.reads.sort(key=_place)
    return uses


def _place(use: Use) -> tuple[int, int]:
    node = use.quoted or use.chain[0]
    return node.lineno, node.col_offset


def _compiled(tree: ast.Module) -> CodeType:
    """The code of a module in which each name is on a line of its own, `_FIRST` and so on in the order of the walk."""
    tree = copy.deepcopy(tree)
    for number, node in enumerate(node for node in ast.walk(tree) if isinstance(node, ast.Name)):
        node.lineno = node.end_lineno = _FIRST + number
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return compile(ast.fix_missing_locations(tree), "source", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ExportError(f"its source cannot stand at the top of a module: {error.msg}") from error


def _read(code: CodeType, is_later: bool, found: dict[int, bool], bound: set[str]) -> None:
    """Note the numbers of the names of the module that some code uses, with whether only when a function is called."""
    own: set[str] = set()
    for step in dis.get_instructions(code):
        if isinstance(inner := step.argval, CodeType):
            is_function = inner.co_flags & inspect.CO_OPTIMIZED and (
                inner.co_name == "<lambda>" or not inner.co_name.startswith("<")  # as "<listcomp>" does
            )
            bound.update(inner.co_varnames, inner.co_cellvars, inner.co_freevars)
            _read(inner, is_later or bool(is_function), found, bound)
        elif step.opname == "STORE_NAME":
            own.add(step.argval)
        elif step.opname in _OF_MODULE and (step.opname != "LOAD_NAME" or step.argval not in own):
            # A class body runs from top to bottom, and reads the module's name until it has its own.
            line = step.positions.lineno if step.positions else None
            if line is not None and line >= _FIRST:
                found.setdefault(line - _FIRST, is_later)
    bound |= own if code.co_name != "<module>" else set()


class _Annotations(ast.NodeTransformer):
    """Turns annotations into expressions that are compiled where they stand, quoted ones too.

    In the printed module they are not evaluated: it has `from __future__ import annotations`.

    Attributes:
        names: The names in annotations, each with the string that it stands in, if any.
    """

    def __init__(self) -> None:
        self.names: dict[ast.Name, ast.Constant | None] = {}
        self._is_inside = False
        self._quoted: ast.Constant | None = None

    def _annotated(self, annotation: ast.expr) -> ast.expr:
        self._is_inside = True
        visited: ast.expr = self.visit(annotation)
        self._is_inside = False
        return visited

    def visit_arg(self, node: ast.arg) -> ast.arg:
        if node.annotation is not None:
            node.annotation = self._annotated(node.annotation)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if node.returns is not None:
            node.returns = self._annotated(node.returns)
        return node

    visit_AsyncFunctionDef: Any = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> list[ast.stmt]:
        annotation = self._annotated(node.annotation)
        node.annotation = ast.Constant(None)
        self.generic_visit(node)
        return [ast.Expr(annotation), node]

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if self._is_inside:
            self.names[node] = self._quoted
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not self._is_inside or not isinstance(node.value, str) or self._quoted is not None:
            return node
        try:
            inner = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node  # a string that is no type, as in Literal["a b"]
        self._quoted = node
        visited: ast.expr = self.visit(inner)
        self._quoted = None
        return visited

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        name = getattr(node.value, "id", getattr(node.value, "attr", ""))
        if self._is_inside and name == "Literal":
            node.value = self.visit(node.value)  # its strings are values, not types
            return node
        self.generic_visit(node)
        return node
