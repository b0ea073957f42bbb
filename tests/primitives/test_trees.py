"""Functions as trees of operators: the space, the mutations of PANGAEA against a rewriting of expressions, formulas."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.export.source import print_source
from archwright.primitives import (
    MUTATIONS,
    FunctionTree,
    TreeMutation,
    activation_space,
    formula_of,
    untrained_functions_script,
)
from archwright.primitives.tree_mutation import scale_edges
from archwright.spaces import Space
from archwright.spaces.grammars import Derivation
from archwright.testing import NetworkSpaceContract

FEW: dict[str, Any] = {
    "unary": ["zero", "one", "tanh", "sigmoid"],
    "binary": ["add", "multiply", "maximum"],
}


class TestTree(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: activation_space(
        (1, 8, 8),
        3,
        form="tree",
        channels=2,
        depth=2,
        unary=["sigmoid", "scale"],
        binary=["maximum"],
    )
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 1, 8, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


def test_a_function_that_no_mutation_leaves_is_left_by_a_neighbor() -> None:
    """Insertion passes the depth, and what removal, change and regeneration give is the maximum of x and x again."""
    space = TestTree.make()
    (address,) = space.decisions
    stuck = space.architecture({address: "maximum(maximum(x, x), maximum(x, x))"})
    mutant = space.mutate(stuck, 2)
    assert mutant in space.neighbors(stuck)
    assert space.canonical(mutant) != space.canonical(stuck)


def _rules(tree: FunctionTree) -> Any:
    language = tree.space.decisions["activation.function"].language  # type: ignore[attr-defined]
    return language, language.productions["function"]


def _read(text: str, **options: Any) -> tuple[Derivation, Any]:
    language, rules = _rules(FunctionTree(**{**FEW, "depth": 4, **options}))
    return language.read(text), rules


def _calls(text: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Call)]


def _rewritten(text: str, kind: str) -> set[str]:
    """All that a mutation of PANGAEA can make of a function, by rewriting the text's syntax tree as Python's."""
    arity = {**dict.fromkeys(FEW["unary"], 1), **dict.fromkeys(FEW["binary"], 2)}
    beside = {"add": "zero(x)", "multiply": "one(x)"}
    found = set()
    nodes = [n for n in ast.walk(ast.parse(text, mode="eval").body) if isinstance(n, ast.Call | ast.Name)]
    nodes = [n for n in nodes if hasattr(n, "end_col_offset")]
    operators = {(n.func.col_offset, n.func.end_col_offset) for n in nodes if isinstance(n, ast.Call)}
    for node in nodes:
        if (node.col_offset, node.end_col_offset) in operators:
            continue  # the name of an operator
        before, own = text[: node.col_offset], text[node.col_offset : node.end_col_offset]
        after = text[node.end_col_offset :]
        if kind == "insert":
            for name, operands in arity.items():
                more = "" if operands == 1 else f", {beside.get(name, own)}"
                found.add(f"{before}{name}({own}{more}){after}")
        elif isinstance(node, ast.Call) and kind == "remove":
            found |= {f"{before}{ast.unparse(argument)}{after}" for argument in node.args}
        elif isinstance(node, ast.Call) and kind == "change":
            name = ast.unparse(node.func)
            others = [other for other in arity if other != name and arity[other] == arity[name]]
            found |= {f"{before}{other}{own[len(name) :]}{after}" for other in others}
    return found


@pytest.mark.parametrize("kind", ["insert", "remove", "change"])
@pytest.mark.parametrize("text", ["add(tanh(x), x)", "sigmoid(maximum(x, tanh(x)))", "x"])
def test_a_mutation_makes_exactly_what_rewriting_the_text_makes(kind: str, text: str) -> None:
    tree, rules = _read(text)
    random = Random(0)
    made = {str(one) for _ in range(2000) if (one := MUTATIONS[kind](tree, rules, random)) is not None}
    assert made == _rewritten(text, kind)


def test_regeneration_replaces_every_operator_and_keeps_the_form() -> None:
    text = "add(tanh(x), multiply(sigmoid(x), x))"
    tree, rules = _read(text)
    random = Random(0)
    before = [ast.unparse(call.func) for call in _calls(text)]
    seen = [Counter[str]() for _ in before]
    for _ in range(600):
        made = str(MUTATIONS["regenerate"](tree, rules, random))
        after = [ast.unparse(call.func) for call in _calls(made)]
        assert len(after) == len(before)
        assert all(one != other for one, other in zip(before, after, strict=True))
        assert [len(call.args) for call in _calls(made)] == [len(call.args) for call in _calls(text)]
        for count, name in zip(seen, after, strict=True):
            count[name] += 1
    for name, count in zip(before, seen, strict=True):
        others = set(FEW["unary"] if name in FEW["unary"] else FEW["binary"]) - {name}
        assert set(count) == others
        assert min(count.values()) > 600 / len(others) * 0.7  # equally likely: 200 or 300 of 600


def test_an_inserted_binary_operator_leaves_the_function_as_it_is() -> None:
    tree = FunctionTree(functions="pangaea", depth=4)
    language, rules = _rules(tree)
    parent, random = language.read("add(tanh(x), x)"), Random(0)
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    seen = set()
    for _ in range(150):
        made = MUTATIONS["insert"](parent, rules, random)
        assert made is not None
        inserted = Counter(name.split("(")[0] for name in _names(made)) - Counter(_names(parent))
        binary = [name for name in inserted if name in rules and len(rules[name].parts) == 2]
        if binary:
            module = tree.build(tree.space.architecture({"activation.function": str(made)})).double()
            torch.testing.assert_close(module(x), torch.tanh(x) + x)
            seen |= set(binary)
    assert seen == {"add", "subtract", "multiply", "ratio", "power", "maximum", "minimum"}


def _names(tree: Derivation) -> list[str]:
    return [tree.rule.name, *(name for part in tree.parts for name in _names(part))]


def test_the_four_mutations_are_equally_likely_and_stay_in_the_language() -> None:
    language, _ = _rules(FunctionTree(**FEW, depth=4))
    parent, random = language.read("add(tanh(x), sigmoid(x))"), Random(0)
    sizes = Counter[str]()
    for _ in range(1200):
        made = TreeMutation()(language, parent, random)
        assert language.read(str(made)) == made
        changed = sum(a != b for a, b in zip(_names(made), _names(parent), strict=False))
        more = len(_names(made)) - len(_names(parent))
        sizes["insert" if more > 0 else "remove" if more < 0 else "change" if changed == 1 else "all"] += 1
    assert all(240 < count < 360 for count in sizes.values()), sizes
    flat, _ = _rules(FunctionTree(**FEW, depth=1))
    full = flat.read("tanh(x)")
    shallow = {str(TreeMutation()(flat, full, random)) for _ in range(100)}
    assert shallow == {"x", "zero(x)", "one(x)", "sigmoid(x)"}  # what would be inserted passes the depth


def test_learned_factors_stand_on_random_edges_three_at_most() -> None:
    language, rules = _rules(FunctionTree(**FEW, depth=3, edge_scales=True))
    bare, random = language.read("add(tanh(x), x)"), Random(0)
    two = {str(scale_edges(bare, rules, 2, random)) for _ in range(300)}
    assert len(two) == 6  # two of four edges: to the output, the sum's two, tanh's
    assert "scaled(add(tanh(scaled(x)), x))" in two
    counts = Counter(str(TreeMutation(3)(language, bare, random)).count("scaled") for _ in range(800))
    assert set(counts) == {0, 1, 2, 3}
    assert all(100 < count < 320 for count in counts.values()), counts
    with pytest.raises(SpaceError, match="types do not fit"):
        language.read("scaled(scaled(x))")
    with pytest.raises(SpaceError, match="types do not fit"):
        language.read("scaled(add(scaled(tanh(scaled(x))), scaled(x)))")


def test_derivations_are_counted_as_by_hand() -> None:
    language, _ = _rules(FunctionTree(unary=["sigmoid"], binary=["multiply"], depth=2))
    # x; one operator on it; then f(2) = 1 + f(1) + f(1)^2 with f(0) = 1, f(1) = 3.
    assert language.size == 1 + 3 + 9
    scaled, _ = _rules(FunctionTree(unary=["sigmoid"], binary=["multiply"], depth=1, edge_scales=True))
    # x, with two; s(x), with one of two, both; m(x, x) with up to three of three edges.
    assert scaled.size == 2 + 4 + 8


def test_a_tree_is_its_formula_with_a_factor_for_each_channel() -> None:
    tree = FunctionTree(edge_scales=True)
    architecture = tree.space.architecture({"activation.function": "add(scaled(tanh(x)), swish(scaled(x)))"})
    module = tree.build(architecture, 3)
    factors = list(module.parameters())
    assert [tuple(p.shape) for p in factors] == [(3,), (3,)]
    with torch.no_grad():
        for number, factor in enumerate(factors, 2):
            factor.copy_(torch.tensor([1.0, float(number), 0.5]))
    x = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    a, b = (factor.detach()[:, None] for factor in factors)
    torch.testing.assert_close(module(x), a * torch.tanh(x) + nn.functional.silu(b * x))
    assert str(formula_of(module)) == "b1*tanh(x) + silu(b2*x)"


def test_a_tree_stands_in_a_network_s_source_and_file_of_functions() -> None:
    space = activation_space((4,), 2, form="tree", channels=3)
    architecture = space.architecture({"activation.function": "multiply(x, sigmoid(x))"})
    assert space.default == architecture
    made: dict[str, Any] = {"__name__": "model", "__file__": "model.py"}
    exec(print_source(space, architecture, torch.randn(2, 4)), made)
    printed, network = made["build"](), space.build(architecture)
    printed.load_state_dict(network.state_dict())
    x = torch.randn(5, 4)
    torch.testing.assert_close(printed.eval()(x), network.eval()(x))
    assert untrained_functions_script(space, architecture).count("class ") == 1
    assert "x*torch.sigmoid(x)" in untrained_functions_script(space, architecture)


def test_what_cannot_be_trained_is_rejected_and_spellings_are_one() -> None:
    space = activation_space((4,), 2, form="tree")
    for text in ("exp(x)", "ratio(x, x)", "zero(x)", "power(x, x)"):
        assert not space.contains({"activation.function": text})
    swish = [space.architecture({"activation.function": t}) for t in ("swish(x)", "multiply(sigmoid(x), x)")]
    assert space.canonical(swish[0]) == space.canonical(swish[1])
    mutants = {space.mutate(swish[1], Random(seed))["activation.function"] for seed in range(30)}
    assert len(mutants) > 15


def test_wrong_options_are_told() -> None:
    with pytest.raises(SpaceError, match=r"no form 'trees'.*Did you mean 'tree'"):
        activation_space((4,), 2, form="trees")
