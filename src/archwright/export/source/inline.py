"""Finding all that a printed network needs: imports from public packages, and the source of everything else."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import sys
from collections.abc import Hashable, Mapping
from types import MethodType, ModuleType
from typing import Any

from archwright.errors import ExportError
from archwright.export.source.definitions import Definition, Import, Reference, Target
from archwright.export.source.layout import Document, Name, followed
from archwright.export.source.origins import (
    attribute_of,
    global_names_of,
    is_absent,
    is_named,
    is_public,
    public_class_of,
    public_name_of,
)
from archwright.export.source.scopes import Use, uses_of
from archwright.export.source.statements import Statement, binding_of, module_of, statement_of
from archwright.export.source.values import Values
from archwright.spaces import Expression

__all__ = ["Inliner"]

_ALIASES = {"torch": "torch", "torch.nn": "nn", "torch.nn.functional": "F"}
_EMPTY = {"dict", "list", "set", "OrderedDict"}


class Inliner:
    """Turns objects into references, and finds what these need in turn.

    Attributes:
        values: Prints plain values by this inliner's references.
        submodules: Modules that must be imported by their whole path, as in `import torch.utils.checkpoint`.
    """

    def __init__(self) -> None:
        self.values = Values(self.reference, self.variable)
        self.submodules: set[str] = set()
        self._found: dict[Hashable, Definition] = {}
        self._public: dict[int, tuple[str, str] | None] = {}
        self._alive: list[Any] = []
        self._being_named: set[int] = set()

    # From the arguments of a call

    def reference(self, value: Any) -> Document:
        """The document of a class, a function or a module.

        Raises:
            ExportError: When it belongs to no public package and has no source.
        """
        if isinstance(value, ModuleType):
            if not is_public(value.__name__):
                raise ExportError(
                    f"{value.__name__} is a module of your own, used as a value; give what is needed of it by name"
                )
            return self._module(value.__name__)
        if isinstance(value, MethodType):
            if not isinstance(value.__self__, type):
                raise ExportError(
                    f"{value.__qualname__} is a method of an object, which has no source; use a function or "
                    "a class method"
                )
            return followed(self.reference(value.__self__), f".{value.__name__}")
        if id(value) not in self._public:
            self._alive.append(value)
            self._public[id(value)] = public_name_of(value)
        if public := self._public[id(value)]:
            module, name = public
            if module == "builtins":
                return name
            if module.partition(".")[0] == "torch":
                return followed(self._module(module), f".{name}")
            outer, dot, path = name.partition(".")
            return followed(Name(Import(module, outer, outer)), dot + path)
        owner = getattr(value, "__objclass__", None) or getattr(value, "__self__", None)
        if isinstance(owner, type):  # a method written in C: `torch.Tensor.relu`, `dict.fromkeys`
            return followed(self.reference(public_class_of(owner)), f".{value.__name__}")
        definition, path = self._definition(value)
        return followed(Name(definition), path)

    def _module(self, module: str) -> Document:
        """A module as printed code calls it: `nn`, `F`, `nn.init`, `torch.fft`."""
        known = max((m for m in _ALIASES if f"{module}.".startswith(f"{m}.")), key=len, default=None)
        if known is None:
            return Name(Import(module, None, module.rpartition(".")[2]))
        if known == "torch" != module:
            self.submodules.add(module)
        return followed(Name(Import(known, None, _ALIASES[known])), module.removeprefix(known))

    def variable(self, value: Any) -> Document | None:
        """The document of an object that a variable of the user's module holds, or None where none does."""
        module, name = next(global_names_of(value), (None, ""))
        if module is None or id(value) in self._being_named:
            return None
        target, path = self._constant(vars(module), name, value, None)
        return followed(Name(target), path)

    # Classes and functions

    def _definition(self, value: Any) -> tuple[Definition, str]:
        """The definition of a class or function of the user's own, and the path below it."""
        if id(value) in self._found:
            return self._found[id(value)], ""
        if not hasattr(value, "__qualname__"):
            raise ExportError(
                f"a layer calls an object of the class {type(value).__name__}, which has no source; use a function or "
                "a class"
            )
        module = module_of(value)
        outer, dot, path = value.__qualname__.partition(".")
        held = module.get(outer)
        if held is not None and (attribute_of(held, path) if path else held) is value:
            if path:
                return self._definition(held)[0], dot + path
            statement = statement_of(value) or binding_of(module, outer)
        else:
            outer, statement = _named_source(value)
        if statement is None:
            raise ExportError(_no_source(value))
        self._alive.append(value)
        return self._define(id(value), outer, statement), ""

    def _imported(self, node: ast.ImportFrom, module: Mapping[str, Any], name: str) -> tuple[Target, str]:
        """What an import statement of the user's module makes a name stand for."""
        source = _absolute(node, module.get("__package__"))
        original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
        if is_public(source):
            return Import(source, original, name), ""
        try:
            holder = importlib.import_module(source)
            value = getattr(holder, original)
        except (ImportError, AttributeError) as error:
            raise ExportError(f"{name} cannot be imported from {source}: {error}") from error
        return self._target(vars(holder), original, value, None)

    def _define(self, key: Hashable, name: str, statement: Statement) -> Definition:
        if key in self._found:
            return self._found[key]
        definition = Definition(name, statement.file, statement.line, statement, uses=uses_of(statement.node))
        self._found[key] = definition
        for node in definition.uses.imports:
            self._check_inner_import(node, definition, statement)
        for use in definition.uses.reads:
            try:
                found = (
                    self._annotated(use, definition) if use.annotation else self._resolved(use, definition)
                )
            except ExportError as error:
                raise ExportError(f"{name} uses {'.'.join([use.name, *use.attributes])}: {error}") from error
            if found is not None:
                definition.references.append(found)
        return definition

    def _check_inner_import(
        self, node: ast.Import | ast.ImportFrom, definition: Definition, statement: Statement
    ) -> None:
        sources = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            sources = [_absolute(node, statement.module.get("__package__"))]
        for source in sources:
            if not is_public(source) and not is_absent(source):
                raise ExportError(
                    f"{definition.wanted} imports {source} inside its body, which cannot be inlined; import it at the "
                    "top of the module"
                )

    # Names inside a definition

    def _resolved(self, use: Use, definition: Definition) -> Reference | None:
        """What a name in a definition stands for; None where it can stay as it is."""
        statement = definition.statement
        assert statement is not None
        name, module = use.name, statement.module
        owner: Mapping[str, Any] | None = module
        if name in statement.closure:
            value, owner = statement.closure[name], None
        elif name in statement.around and use.at_definition:
            raise ExportError(
                "it is a variable of the function around the class, which Python does not keep; move the class to the "
                "top of the module"
            )
        elif name == "__file__":
            raise ExportError(
                "files beside your own module do not come along; put what they hold into parameters or buffers"
            )
        elif name.startswith("__") and name.endswith("__"):
            return None
        elif name in module:
            value = module[name]
        elif hasattr(builtins, name) or not use.at_definition:
            return None  # a name that is missing when a function is called was missing before, too
        else:
            raise ExportError("it has no value any more; keep it at the top of the module")
        length = 1
        while isinstance(value, ModuleType) and not is_public(value.__name__):
            if length == len(use.chain):
                raise ExportError(
                    f"{value.__name__} is a module of your own, used as a value; import what is needed of it by name"
                )
            owner, name = vars(value), use.attributes[length - 1]
            value, length = getattr(value, name), length + 1
        if isinstance(value, ModuleType):
            self._note_submodules(value, use.attributes[length - 1 :], name)
            return Reference(use, length, Import(value.__name__, None, name))
        target, path = self._target(owner, name, value, definition)
        return Reference(use, length, target, path)

    def _note_submodules(self, module: ModuleType, attributes: tuple[str, ...], name: str) -> None:
        """Import by its whole path what need not be there after `import torch`, as `torch.utils.checkpoint`."""
        path = module.__name__
        for attribute in attributes:
            if not isinstance(sys.modules.get(f"{path}.{attribute}"), ModuleType):
                break
            path = f"{path}.{attribute}"
        if name == module.__name__ != path and not f"{path}.".startswith("torch.nn."):
            self.submodules.add(path)

    def _target(
        self, owner: Mapping[str, Any] | None, name: str, value: Any, user: Definition | None
    ) -> tuple[Target, str]:
        """What a variable stands for: an import, a definition or a constant, and the path below it."""
        if not is_named(value) or isinstance(value, MethodType):
            return self._constant(owner, name, value, user)
        if public := public_name_of(value):
            outer, dot, path = public[1].partition(".")
            return Import(public[0], outer, outer if path else name), dot + path
        return self._definition(value)

    def _annotated(self, use: Use, definition: Definition) -> Reference | None:
        """What a name in an annotation stands for: `Any`, where it cannot be told; annotations are not executed."""
        saved = dict(self._found)
        try:
            found = self._resolved(use, definition)
            if found is not None or hasattr(builtins, use.name):
                return found
            return self._imported_for_types(use, definition)
        except ExportError:
            self._found = saved
            return Reference(use, len(use.chain), Import("typing", "Any", "Any"))

    def _imported_for_types(self, use: Use, definition: Definition) -> Reference:
        """What a name stands for that is imported under `if TYPE_CHECKING`, so that it has no value."""
        assert definition.statement is not None
        module = definition.statement.module
        binding = binding_of(module, use.name)
        if binding is None or not isinstance(binding.node, ast.Import | ast.ImportFrom):
            raise ExportError("it has no value")
        if isinstance(binding.node, ast.ImportFrom):
            target, path = self._imported(binding.node, module, use.name)
            return Reference(use, 1, target, path)
        source = next((a.name for a in binding.node.names if a.asname == use.name), use.name)
        if not is_public(source):
            raise ExportError(f"{source} is a module of your own")
        return Reference(use, 1, Import(source, None, use.name))

    # Constants

    def _constant(
        self, owner: Mapping[str, Any] | None, name: str, value: Any, user: Definition | None
    ) -> tuple[Target, str]:
        """A variable's value, printed as it is now; by its source where a value has no other form."""
        if isinstance(value, Expression):
            raise ExportError(
                "it is a part of a search space, which has no value when the network runs; give it as an argument of "
                "aw.layer"
            )
        home = getattr(value, "__module__", None)
        if isinstance(home, str) and is_public(home) and attribute_of(sys.modules.get(home), name) is value:
            return Import(home, name, name), ""
        statement = None if owner is None else binding_of(owner, name)
        if statement is not None and isinstance(statement.node, ast.ImportFrom) and owner is not None:
            return self._imported(statement.node, owner, name)
        key = (id(user if owner is None else owner), name)
        if key in self._found:
            return self._found[key], ""
        if statement is not None and _is_filled_later(statement.node, value):
            definition = self._define(key, name, statement)
            definition.mentions += [self._definition(item)[0] for item in _items(value)]
            return definition, ""
        place = (statement.file, statement.line) if statement else _before(user)
        definition = Definition(name, *place)
        saved = dict(self._found)
        self._found[key] = definition
        self._being_named.add(id(value))
        try:
            definition.value = self.values.document(value)
        except ExportError:
            self._found = saved
            if statement is None:
                raise
            return self._define(key, name, statement), ""
        finally:
            self._being_named.discard(id(value))
        return definition, ""


def _absolute(node: ast.ImportFrom, package: Any) -> str:
    name = "." * node.level + (node.module or "")
    return importlib.util.resolve_name(name, package or "") if node.level else name


def _before(user: Definition | None) -> tuple[str, float]:
    return ("", 0.0) if user is None else (user.file, user.line - 0.5)


def _is_filled_later(node: ast.stmt, value: Any) -> bool:
    """Whether a variable starts as an empty container that decorators fill: a registry."""
    start = getattr(node, "value", None)
    match start:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            pass
        case ast.Call(func=ast.Name(id=kind), args=[], keywords=[]) if kind in _EMPTY:
            pass
        case _:
            return False
    items = _items(value)
    return bool(items) and all(is_named(i) and public_name_of(i) is None and _is_decorated(i) for i in items)


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _is_decorated(value: Any) -> bool:
    statement = statement_of(value)
    return statement is not None and bool(getattr(statement.node, "decorator_list", []))


def _named_source(value: Any) -> tuple[str, Statement | None]:
    """The name and source of what was made by a function: the variable that holds it, else its own definition."""
    for module, name in global_names_of(value):
        statement = binding_of(vars(module), name)
        if statement is not None and not isinstance(statement.node, ast.Import | ast.ImportFrom):
            return name, statement
    return value.__name__, None if value.__name__ == "<lambda>" else statement_of(value)


def _no_source(value: Any) -> str:
    if value.__name__ == "<lambda>":
        return "a lambda has no source of its own; write it as a function, `def`, at the top of a module"
    return (
        f"the source of {value.__qualname__} is not found (it was made by type() or exec, typed into a plain "
        "interpreter, or changed on disk since it was imported); define it by a `class` or `def` statement in a file "
        "or a notebook"
    )
