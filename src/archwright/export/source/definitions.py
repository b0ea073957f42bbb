"""What the printed module consists of besides `build`: imports and definitions, found from what the network uses."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from archwright.export.source.layout import Document, names_in
from archwright.export.source.scopes import Use, Uses
from archwright.export.source.statements import Statement

__all__ = ["Definition", "Import", "Reference", "Target", "in_order", "reachable"]


@dataclass(frozen=True, slots=True)
class Import:
    """A module of a public package, or a name in one.

    Args:
        module: The module, `torch.nn`.
        attribute: The name in it; None for the module itself.
        wanted: What the source calls it.
    """

    module: str
    attribute: str | None
    wanted: str


@dataclass(eq=False, slots=True)
class Definition:
    """A class, function or constant of the user's own, inlined.

    Args:
        wanted: Its name in the source.
        file: The file it comes from.
        line: Where it stood there.
        statement: Its source; None for a constant that is printed by its value.
        value: The value of such a constant.
        lines: The statements of a function that builds a network, each as what stands before its document, and that.
        told: What that function is, for its docstring.
        uses: What the source reads from its module.
        references: What these names stand for.
        mentions: Definitions that must be there though the source does not name them.
    """

    wanted: str
    file: str
    line: float
    statement: Statement | None = None
    value: Document = ""
    lines: Sequence[tuple[str, Document]] = ()
    told: str = ""
    uses: Uses = field(default_factory=Uses)
    references: list[Reference] = field(default_factory=list)
    mentions: list[Definition] = field(default_factory=list)

    @property
    def is_constant(self) -> bool:
        """Whether it is a variable, not a class or function."""
        if self.statement is None:
            return not self.lines
        return isinstance(self.statement.node, ast.Assign | ast.AnnAssign)

    @property
    def is_function(self) -> bool:
        """Whether it is a function."""
        return bool(self.lines) or (
            self.statement is not None and isinstance(self.statement.node, ast.FunctionDef)
        )

    def targets(self) -> list[Target]:
        """All it refers to."""
        return [
            *(r.target for r in self.references),
            *(n.target for n in names_in(self.value)),
            *(n.target for _, document in self.lines for n in names_in(document)),
            *self.mentions,
        ]

    def needed_first(self) -> list[Definition]:
        """The definitions that must come before it."""
        read = [r.target for r in self.references if r.use.at_definition]
        return [t for t in [*read, *(n.target for n in names_in(self.value))] if isinstance(t, Definition)]


Target = Import | Definition


@dataclass(frozen=True, slots=True)
class Reference:
    """What a name in a definition's source stands for.

    Args:
        use: Where it stands.
        length: How many links of the use's chain (`blocks.convolutions.Block`) lead to the target.
        target: What it stands for.
        path: Attributes below the target.
    """

    use: Use
    length: int
    target: Target
    path: str = ""

    @property
    def node(self) -> ast.expr:
        """The expression that stands for the target."""
        return self.use.chain[self.length - 1]

    @property
    def written(self) -> str:
        """The expression as it is written in the source."""
        return ".".join([self.use.name, *self.use.attributes[: self.length - 1]])


def reachable(roots: list[Target]) -> tuple[list[Import], list[Definition]]:
    """All imports and definitions that the roots need, in order of first use."""
    found: dict[Target, None] = {}
    waiting = list(roots)[::-1]
    while waiting:
        target = waiting.pop()
        if target not in found:
            found[target] = None
            if isinstance(target, Definition):
                waiting += target.targets()[::-1]
    return [t for t in found if isinstance(t, Import)], [t for t in found if isinstance(t, Definition)]


def in_order(definitions: list[Definition]) -> list[Definition]:
    """Definitions in an order in which Python can execute them.

    That is the order of their files, within each file the order of its lines, and before all else what is
    read while a definition is executed: bases, defaults, decorators and what these use.
    """
    files: dict[str, None] = {}
    seen: set[str] = set()

    def visit(file: str) -> None:
        if file not in seen:
            seen.add(file)
            for definition in definitions:
                if definition.file == file:
                    for target in definition.targets():
                        if isinstance(target, Definition):
                            visit(target.file)
            files[file] = None

    for definition in definitions:
        visit(definition.file)
    rank = {file: number for number, file in enumerate(files)}
    ordered: dict[Definition, None] = {}
    entered: set[Definition] = set()

    def place(definition: Definition, is_called: bool = False) -> None:
        if definition in entered:
            return
        entered.add(definition)
        for other in definition.needed_first():
            place(other, other.is_function)
        if is_called:  # a decorator, say: what it uses must be there too
            for target in (reference.target for reference in definition.references):
                if isinstance(target, Definition):
                    place(target, target.is_function)
        ordered[definition] = None

    for definition in sorted(definitions, key=lambda d: (rank[d.file], d.line)):
        place(definition)
    return list(ordered)
