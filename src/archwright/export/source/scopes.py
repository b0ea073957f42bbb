"""Which names of its module a piece of source uses, by Python's own rules of scope."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Use", "Uses", "uses_of"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


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
        reads: The places where a name of the module is read.
        bound: Names that mean something of their own in some scope inside.
        declared: `global` statements, which write names of the module.
        imports: Import statements inside functions and classes.
    """

    reads: list[Use] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    declared: list[ast.Global] = field(default_factory=list)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)


def uses_of(statement: ast.stmt) -> Uses:
    """Analyse a statement at the top of a module: a class, a function or an assignment."""
    visitor = _Visitor()
    visitor.visit(statement)
    return visitor.uses


@dataclass(slots=True)
class _Scope:
    kind: Literal["function", "class", "types"]
    bound: set[str]
    module: set[str] = field(default_factory=set)
    """Names that a `global` statement says are the module's."""


class _Visitor(ast.NodeVisitor):
    def __init__(self) -> None:
        self.uses = Uses()
        self.scopes: list[_Scope] = []
        self.deferred = False
        self.annotation = False
        self.quoted: ast.Constant | None = None

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _Function):
            self._function(node)
        elif isinstance(node, _Comprehension):
            self._comprehension(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.uses.imports.append(node)
        elif isinstance(node, ast.Global):
            self.uses.declared.append(node)
        elif type(node).__name__ == "TypeAlias":  # `type Pair[T] = ...`, of Python 3.12
            self._generic(node, lambda: self.generic_visit(node))
        else:
            super().visit(node)

    # Reading

    def visit_Name(self, node: ast.Name) -> None:
        self._read((node,), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain: list[ast.expr] = [node]
        while isinstance(link := chain[0], ast.Attribute):
            chain.insert(0, link.value)
        if isinstance(root := chain[0], ast.Name):
            self._read(tuple(chain), root)
        else:
            self.visit(root)

    def _read(self, chain: tuple[ast.expr, ...], root: ast.Name) -> None:
        declared = bool(self.scopes) and root.id in self.scopes[-1].module
        if declared or (isinstance(root.ctx, ast.Load) and self._is_of_module(root.id)):
            self.uses.reads.append(Use(chain, not self.deferred, self.annotation, self.quoted))

    def _is_of_module(self, name: str) -> bool:
        inside_function = False
        for scope in reversed(self.scopes):
            if scope.kind == "class" and inside_function:
                continue  # a function does not see the names of the class around it
            if name in scope.module:
                return True
            if name in scope.bound:
                return False
            inside_function |= scope.kind == "function"
        return True

    # Scopes

    def _enter(self, scope: _Scope) -> None:
        self.scopes.append(scope)
        self.uses.bound |= scope.bound

    def _function(self, node: _Function) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._generic(node, lambda: self._body(node))

    def _body(self, node: _Function) -> None:
        self._arguments(node.args)
        self._annotated(node.returns)
        own = list(_own(node.body))
        module = {name for child in own if isinstance(child, ast.Global) for name in child.names}
        outer = {name for child in own if isinstance(child, ast.Nonlocal) for name in child.names}
        bound = _bound(node.body) | _parameters(node.args)
        self._when_called(_Scope("function", bound - module - outer, module), node.body)

    def _when_called(self, scope: _Scope, body: Iterable[ast.AST]) -> None:
        """Visit what is not executed before a function is called."""
        self._enter(scope)
        deferred, self.deferred = self.deferred, True
        for part in body:
            self.visit(part)
        self.deferred = deferred
        self.scopes.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._arguments(node.args)
        bound = _parameters(node.args) | _bound([node.body])
        self._when_called(_Scope("function", bound), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._generic(node, lambda: self._class(node))

    def _class(self, node: ast.ClassDef) -> None:
        for part in [*node.bases, *node.keywords]:
            self.visit(part)
        self._enter(_Scope("class", set()))
        for statement in node.body:
            # A class body runs from top to bottom, and reads the module's name until it has its own.
            own = _bound([statement])
            if hasattr(statement, "body") and not isinstance(statement, _Function | ast.ClassDef):
                self.scopes[-1].bound |= own
            self.visit(statement)
            self.scopes[-1].bound |= own
            self.uses.bound |= own
        self.scopes.pop()

    def _comprehension(self, node: _Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        self._enter(_Scope("function", _bound(g.target for g in node.generators)))
        for part in [first.target, *first.ifs, *others]:
            self.visit(part)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(part)
        self.scopes.pop()

    def _generic(self, node: ast.AST, inside: Callable[[], None]) -> None:
        """What is inside the scope of the type parameters, `class Block[T]`, of Python 3.12."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        self._enter(_Scope("types", {str(getattr(parameter, "name", "")) for parameter in parameters}))
        for parameter in parameters:
            self.visit(parameter)
        inside()
        self.scopes.pop()

    # Annotations, which are not evaluated: the printed module has `from __future__ import annotations`

    def _arguments(self, arguments: ast.arguments) -> None:
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        for argument in _all_arguments(arguments):
            self._annotated(argument.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotated(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def _annotated(self, annotation: ast.expr | None) -> None:
        if annotation is None:
            return
        outer = self.annotation, self.deferred
        self.annotation = self.deferred = True
        self.visit(annotation)
        self.annotation, self.deferred = outer

    def visit_Constant(self, node: ast.Constant) -> None:
        if not self.annotation or not isinstance(node.value, str) or self.quoted is not None:
            return
        try:
            inner = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return  # a string that is no type, as in Literal["a b"]
        self.quoted = node
        self.visit(inner)
        self.quoted = None

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        name = getattr(node.value, "id", getattr(node.value, "attr", ""))
        if self.annotation and name == "Literal":
            return  # its strings are values, not types
        self.visit(node.slice)


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """These nodes and all inside them that belong to the same scope."""
    for node in nodes:
        yield node
        if isinstance(node, _Comprehension):
            # `:=` in a comprehension binds outside it; its targets do not.
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        elif not isinstance(node, _Function | ast.ClassDef | ast.Lambda):
            yield from _own(ast.iter_child_nodes(node))


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that these nodes bind in their scope."""
    return {name for child in _own(nodes) for name in _binds(child)}


def _binds(node: ast.AST) -> Iterator[str]:
    """The names that one node binds in its scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id
    elif isinstance(node, _Function | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    several = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return several + [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]


def _parameters(arguments: ast.arguments) -> set[str]:
    return {argument.arg for argument in _all_arguments(arguments)}
