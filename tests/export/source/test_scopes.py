"""Names of the module in a piece of source, held against Python's own symbol tables."""

import argparse
import ast
import dataclasses
import inspect
import symtable
import textwrap
from pathlib import Path

import pytest
import torch.nn

from archwright.export.source.scopes import uses_of

MODULES = [
    Path(torch.nn.__file__).parent / "modules" / f"{name}.py" for name in ("conv", "transformer", "module")
]
MODULES += [Path(module.__file__) for module in (ast, argparse, dataclasses, inspect, textwrap)]


class WithoutAnnotations(ast.NodeTransformer):
    """Symbol tables take annotations for code that is executed."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node):
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def names_by_python(source):
    table = symtable.symtable(source, "source", "exec")
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}

    def visit(inner):
        for symbol in inner.get_symbols():
            if symbol.is_global() and (symbol.is_referenced() or symbol.is_assigned()):
                names.add(symbol.get_name())
        for child in inner.get_children():
            visit(child)

    for child in table.get_children():
        visit(child)
    return names - {"__class__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_names_are_those_of_the_symbol_table(path):
    count = 0
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            source = ast.unparse(WithoutAnnotations().visit(node))
            found = {use.name for use in uses_of(ast.parse(source).body[0]).reads} - {"__class__"}
            assert found == names_by_python(source), node.name
            count += 1
    assert count > 1


def reads(source):
    uses = uses_of(ast.parse(textwrap.dedent(source)).body[0])
    return {(use.name, use.at_definition, use.annotation) for use in uses.reads}


def test_what_runs_at_definition_is_told_from_what_runs_later():
    assert reads(
        """
        @decorator
        class Block(Base, metaclass=Meta):
            size = SIZE
            kind: Kind = KIND

            def forward(self, x: Tensor, k=DEFAULT) -> "Out":
                here: Local = LATER
                return [(lambda: DEEP) for _ in x]
        """
    ) == {
        ("decorator", True, False),
        ("Base", True, False),
        ("Meta", True, False),
        ("SIZE", True, False),
        ("Kind", False, True),
        ("KIND", True, False),
        ("Tensor", False, True),
        ("DEFAULT", True, False),
        ("Out", False, True),
        ("Local", False, True),
        ("LATER", False, False),
        ("DEEP", False, False),
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    x = x\n    y = x", {"x"}),  # the module's, until the class has its own
        ("class A:\n    x = 1\n    def f(self): return x", {"x"}),  # a method does not see the class
        ("class A:\n    for i in R:\n        j = i", {"R"}),
        ("def f(a):\n    return a + b\n    b = 1", set()),
        ("def f():\n    global a\n    a = b", {"a", "b"}),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y", {"y"}),
        ("def f(rows):\n    return [r for r in rows if (n := r)], n, r", {"r"}),
        ("def f(x):\n    match x:\n        case {'a': a, **rest} | [a, *rest]: return a, rest, K", {"K"}),
        ("def f():\n    try: pass\n    except E as e: return e", {"E"}),
        ("def f(x: Literal['not a name'] = 1): pass", {"Literal"}),
        ("f = lambda a, b=c: a + b + d", {"c", "d"}),
        ("def f():\n    import a.b as c, d.e\n    return c, d, a", {"a"}),
    ],
)
def test_scopes(source, expected):
    assert {name for name, _, _ in reads(source)} == expected


def test_chains_quoted_annotations_and_what_is_bound():
    uses = uses_of(ast.parse("def f(x: 'Optional[nn.Module]'):\n    y = torch.nn.functional.relu(x)").body[0])
    chains = {(use.name, use.attributes, use.quoted is not None) for use in uses.reads}
    assert chains == {
        ("Optional", (), True),
        ("nn", ("Module",), True),
        ("torch", ("nn", "functional", "relu"), False),
    }
    assert uses.bound == {"x", "y"}
