"""Printing an architecture's network as Python source that needs torch, and public packages it uses, alone."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, StrictUndefined, Template
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.utils._pytree import tree_map

from archwright.errors import ExportError, SpaceError
from archwright.export.source.definitions import Definition, Import, in_order, reachable
from archwright.export.source.expressions import Expressions, Variable
from archwright.export.source.inline import Inliner
from archwright.export.source.inputs import input_shape, input_text, usage
from archwright.export.source.layout import Document, lay_out, names_in
from archwright.export.source.rewriting import import_lines, names_for, text_of
from archwright.spaces import Architecture, ResolvedCall, Space, resolve
from archwright.spaces.build import arguments_of, construct, dry_run
from archwright.supernets.supernet import covering_architectures

__all__ = ["check_printable", "print_source"]

_IMPORTS = (
    Import("torch", None, "torch"),
    Import("torch.nn", None, "nn"),
    Import("json", None, "json"),
    Import("struct", None, "struct"),
    Import("pathlib", "Path", "Path"),
)
"""What the template uses; these names are given first, so they are as it writes them."""

_RESERVED = ("DTYPES", "INPUT_SHAPE", "WEIGHTS", "build", "load", "read", "summary")
"""The names that the template defines."""


def print_source(space: Space, architecture: Architecture, example: Any = None) -> str:
    """Print the network of an architecture as a Python module.

    The module has `build()`, which makes the network with fresh weights, and `load(path)`, which makes it with
    the weights of a safetensors file. As a script it prints its layers. Classes and functions of public packages
    are imported, all others inlined with everything they use; nothing of Archwright is imported.

    Args:
        space: The space.
        architecture: One of its architectures.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with: gives
            lazily sized modules their size, and the module the shape of its input.

    Raises:
        ExportError: When something cannot be written as source: a lambda, a finished module, an object of a
            class without source. Names the layer, the argument and the cure.
        BuildError: When the network cannot be built, or has lazy modules and does not run on the example.
    """
    root = resolve(space, architecture)
    if not isinstance(root, ResolvedCall):
        raise ExportError(f"expected the space's network to be an aw.layer, got {root!r}")
    with torch.random.fork_rng(devices=[]):
        network, made = construct(root)
        if not isinstance(network, nn.Module):
            raise ExportError(f"expected the space to build a torch.nn.Module, got {type(network).__name__}")
        unsized = {
            id(m)
            for m in network.modules()
            if isinstance(m, LazyModuleMixin) and m.has_uninitialized_params()
        }
        if example is not None and unsized:
            # Fresh weights are of the default type, whatever the trained ones are.
            dry_run(network, tree_map(_of_default_type, arguments_of(example)), made)
    expressions = Expressions(root, made)
    # Lazy modules inside a user's own blocks keep their lazy form, so `build` sizes them by a run.
    left = unsized - {id(made[call]) for call in expressions.sized}
    return _module(space.name, expressions, example, bool(left))


def check_printable(space: Space) -> None:
    """Print every part of a space without building it: what cannot be exported is found before anything is trained.

    Each value of a decision stands in one of the printed architectures at least, of a long range both ends and the
    middle; a part that needs several rare values to come together may stand in none.

    Raises:
        ExportError: When a part cannot be written as source, as `print_source` would say of a network that has it.
    """
    inliner = Inliner()
    for architecture in covering_architectures(space):
        try:
            root = resolve(space, architecture)
        except SpaceError:  # a constraint keeps such values apart
            continue
        if isinstance(root, ResolvedCall):
            _module(space.name, Expressions(root, {}, inliner), None, False)


def _module(space: str | None, expressions: Expressions, example: Any, sizes: bool) -> str:
    """The text of the module. `sizes` says that the network must run once, on an example, to size lazy modules."""
    documents = [expressions.root, *(document for _, document in expressions.variables)]
    targets = [name.target for document in documents for name in names_in(document)]
    imports, definitions = reachable([target for target in targets if not isinstance(target, Variable)])
    definitions = in_order(definitions)
    imports = list(dict.fromkeys([*_IMPORTS, *imports]))
    names: dict[Any, str] = dict(names_for(imports, definitions, _RESERVED))
    for variable, _ in expressions.variables:
        names[variable] = _free(variable.wanted, set(names.values()))
    packages = list(dict.fromkeys(target.module.partition(".")[0] for target in imports))
    used = [module for module in expressions.inliner.submodules if module.partition(".")[0] in packages]
    origin = f" in the search space {space}" if space else ""
    return _template().render(
        origin=origin.replace("\\", "\\\\").replace('"""', "'''"),
        packages=[name for name in packages if name not in sys.stdlib_module_names],
        usage=usage(example),
        imports=import_lines(imports, used, names),
        shape=input_shape(example),
        definitions=_spaced(definitions, names),
        build=_build(expressions, example if sizes else None, names),
        input=None if example is None else input_text(example, is_random=True),
    )


@functools.cache
def _template() -> Template:
    path = Path(__file__).with_name("module.py.jinja")
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(path.read_text(encoding="utf-8"))


def _build(expressions: Expressions, example: Any, names: dict[Any, str]) -> str:
    """The function that builds the network, and sizes its lazy modules where an example is given."""
    lines = ["def build() -> nn.Module:", '    """Build the network with fresh weights."""']

    def put(start: str, document: Document) -> None:
        lines.append(start + lay_out(document, names.__getitem__, indent=4, before=len(start)))

    for variable, document in expressions.variables:
        put(f"    {names[variable]} = ", document)
    if example is None:
        put("    return ", expressions.root)
        return "\n".join(lines)
    if (zeros := input_text(example, is_random=False)) is None:
        raise ExportError(
            "the network has layers that take their size from the first input, and takes inputs that cannot be "
            "written as source; give those layers their sizes, such as nn.Linear for nn.LazyLinear"
        )
    put("    network = ", expressions.root)
    lines += [
        "    with torch.no_grad():",
        f"        network.eval()({zeros})  # sizes the lazy layers",
        "    return network.train()",
    ]
    return "\n".join(lines)


def _spaced(definitions: list[Definition], names: dict[Any, str]) -> list[str]:
    """The definitions' texts; constants that follow each other are one block."""
    parts: list[str] = []
    for before, definition in zip([None, *definitions], definitions, strict=False):
        text = text_of(definition, names)
        if before is not None and before.is_constant and definition.is_constant:
            parts[-1] += "\n" + text
        else:
            parts.append(text.strip("\n"))
    return parts


def _of_default_type(value: Any) -> Any:
    """A floating-point tensor as torch's default type, anything else as it is."""
    is_floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(torch.get_default_dtype()) if is_floating else value


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
