"""Naming everything in the printed module without clashes, and rewriting inlined source where a name changed."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from archwright.errors import ExportError
from archwright.export.source.definitions import Definition, Import, Reference, Target
from archwright.export.source.layout import lay_out

__all__ = ["import_lines", "names_for", "text_of"]


def names_for(
    imports: Collection[Import], definitions: Collection[Definition], reserved: Collection[str]
) -> dict[Target, str]:
    """A name of its own for each import and definition: the one it has in its source, unless that is taken.

    Args:
        imports: Imports, the first to choose.
        definitions: Definitions.
        reserved: Names that are taken by other code of the module.
    """
    taken = {*reserved, *dir(builtins), *keyword.kwlist}
    used_by: dict[Target, list[tuple[Definition, Reference]]] = defaultdict(list)
    for definition in definitions:
        for reference in definition.references:
            used_by[reference.target].append((definition, reference))
    names: dict[Target, str] = {}
    targets: list[Target] = [*imports, *definitions]
    for target in targets:
        number, name = 1, target.wanted
        while name in taken or any(_is_hidden(name, d, r) for d, r in used_by[target]):
            number += 1
            name = f"{target.wanted}_{number}"
        names[target] = name
        taken.add(name)
    return names


def _is_hidden(name: str, definition: Definition, reference: Reference) -> bool:
    """Whether a new name could mean something else where it would be written."""
    return name != reference.written and name in definition.uses.bound


def import_lines(
    imports: Collection[Import], submodules: Collection[str], names: Mapping[Target, str]
) -> str:
    """The import statements, sorted, those of the standard library apart from the others."""
    lines = {(0, module, f"import {module}") for module in submodules}
    several: dict[str, list[str]] = defaultdict(list)
    for target in imports:
        name, module = names[target], target.module
        package, _, last = module.rpartition(".")
        if target.attribute is not None:
            several[module].append(_renamed(target.attribute, name))
        elif not package:
            lines.add((0, module, f"import {_renamed(module, name)}"))
        elif last == name:
            several[package].append(name)
        else:
            lines.add((0, module, f"import {module} as {name}"))
    for module, parts in several.items():
        line = f"from {module} import {', '.join(sorted(parts))}"
        if len(line) > 100:
            line = "\n".join([f"from {module} import (", *(f"    {part}," for part in sorted(parts)), ")"])
        lines.add((1, module, line))
    blocks: dict[bool, list[str]] = {True: [], False: []}
    for _, module, line in sorted(lines):
        blocks[module.partition(".")[0] in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(block) for block in blocks.values() if block)


def _renamed(name: str, wanted: str) -> str:
    return name if name == wanted else f"{name} as {wanted}"


def text_of(definition: Definition, names: Mapping[Target, str]) -> str:
    """The source of a definition under the names of the printed module, without a line break at the end.

    Raises:
        ExportError: When it needs a new name, and its `class` or `def` statement is broken before the name.
    """
    if definition.lines:
        body = [
            f"    {start}{lay_out(document, names.__getitem__, indent=4, before=4 + len(start))}"
            for start, document in definition.lines
        ]
        head = [f"def {names[definition]}() -> nn.Module:", f'    """{definition.told}"""']
        return "\n".join([*head, *body, "    return network"])
    if definition.statement is None:
        start = f"{names[definition]} = "
        return start + lay_out(definition.value, names.__getitem__, before=len(start))
    text = definition.statement.text.rstrip("\n")
    return _edited(text, _edits(definition, names, text))


@dataclass(frozen=True, slots=True)
class _Edit:
    """New text for a span: lines from 1, columns from 0 in bytes of UTF-8, the end exclusive."""

    start: tuple[int, int]
    end: tuple[int, int]
    new: str


def _at(node: ast.expr | ast.stmt, new: str) -> _Edit:
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return _Edit((node.lineno, node.col_offset), end, new)


def _edits(definition: Definition, names: Mapping[Target, str], text: str) -> list[_Edit]:
    edits: list[_Edit] = []
    quoted: dict[ast.Constant, list[_Edit]] = defaultdict(list)
    now = {definition.wanted: names[definition]}
    for reference in definition.references:
        new = names[reference.target] + reference.path
        now.setdefault(reference.use.name, new)
        if new != reference.written:
            node = reference.node
            edit = _at(node, new)
            (quoted[reference.use.quoted] if reference.use.quoted else edits).append(edit)
    edits += [_at(node, repr(_edited(str(node.value), inner))) for node, inner in quoted.items()]
    for declared in definition.uses.declared:
        if any(now.get(name, name) != name for name in declared.names):
            edits.append(_at(declared, "global " + ", ".join(now.get(name, name) for name in declared.names)))
    if names[definition] != definition.wanted:
        edits += _own_name(definition, names[definition], text)
    return edits


def _own_name(definition: Definition, name: str, text: str) -> list[_Edit]:
    """Edits that give a definition another name."""
    assert definition.statement is not None
    node, wanted = definition.statement.node, definition.wanted
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [_at(t, name) for t in targets if isinstance(t, ast.Name) and t.id == wanted]
    line = text.split("\n")[node.lineno - 1]
    found = re.search(rf"\b(?:class|def)\s+({re.escape(getattr(node, 'name', wanted))})\b", line)
    if found is None:
        raise ExportError(
            f"{wanted} must be called {name} here, but its statement is broken over lines; join them"
        )
    start, end = (len(line[:position].encode()) for position in found.span(1))
    return [_Edit((node.lineno, start), (node.lineno, end), name)]


def _edited(text: str, edits: Collection[_Edit]) -> str:
    raw = text.encode()
    lines = [0]
    for line in raw.split(b"\n"):
        lines.append(lines[-1] + len(line) + 1)
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        start, end = (lines[line - 1] + column for line, column in (edit.start, edit.end))
        raw = raw[:start] + edit.new.encode() + raw[end:]
    return raw.decode()
