"""Things known by name: strategies, spaces, tasks and so on, built in or added by another package.

A `Registry` lists entries whose modules are loaded when they are used. What options a named thing takes, of which
type and with which default, is read from the signature and the docstring of the class or function that makes it. An
installed package adds a name by an entry point of the registry's group, and some registries take `file.py:object`, too:

    [project.entry-points."archwright.strategies"]
    tabu = "my_package.tabu:TabuSearch"
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from archwright.conforming import MismatchError, conform
from archwright.errors import ArchwrightWarning, UsageError, did_you_mean
from archwright.references import is_object_reference, load_object

__all__ = ["Entry", "Option", "Registry", "documented"]

T = TypeVar("T")
E = TypeVar("E", bound="Entry")


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a named thing.

    Args:
        type: Its annotation; `Any` where there is none.
        default: Its default; `inspect.Parameter.empty` where it must be given.
        summary: What the docstring says of it.
    """

    type: Any
    default: Any
    summary: str = ""


@dataclass(frozen=True)
class Entry:
    """What is known of a named thing before its module is loaded.

    Args:
        target: The class or function that makes it, as `module:attribute`.
        summary: What it is, in one line; empty takes the first line of the target's docstring.
        renamed: Former names of options to the present ones. The former ones keep working.
    """

    target: str
    summary: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def load(self) -> Callable[..., Any]:
        """The class or function that makes it. Imports its module.

        Raises:
            UsageError: When the module cannot be imported or lacks the attribute, or this cannot be called.
        """
        found: Callable[..., Any] = load_object(self.target)
        if not callable(found):
            raise UsageError(f"{self.target}: expected a class or a function, got {found!r}")
        return found


class Registry(Mapping[str, E], Generic[T, E]):
    """Named things of one kind. A mapping from name to entry, in the order of listing.

    `Registry[Strategy, Entry]("strategy", "archwright.strategies", {"random": Entry("module:RandomSearch")})`.

    Args:
        kind: What one of them is called in messages, such as `strategy`.
        group: Entry points of this group add names. None takes none.
        entries: The built-in ones.
        entry: Type of the entries, for those that other packages add.
        positional: Number of leading parameters that `make` is given by position; all others are options.
        supplied: Parameters that the caller of `make` fills where a target has them; no options of the user.
        renamed: Former names to the present ones. The former ones keep working.
        own: Type of what a user's own class or function makes, where `file.py:object` and `module:object` are names,
            too; None takes no references.
        error: Raised for unknown names and options.
    """

    def __init__(
        self,
        kind: str,
        group: str | None,
        entries: Mapping[str, E],
        entry: type[E] | None = None,
        *,
        positional: int = 0,
        supplied: tuple[str, ...] = (),
        renamed: Mapping[str, str] | None = None,
        own: type | None = None,
        error: type[UsageError] = UsageError,
    ) -> None:
        self.kind, self.group, self.entries = kind, group, dict(entries)
        self.positional, self.supplied = positional, supplied
        self.renamed, self.own, self.error = dict(renamed or {}), own, error
        self._entry: Any = entry or Entry

    def __getitem__(self, name: str) -> E:
        name = self.renamed.get(name, name)
        if name in self.entries:
            return self.entries[name]
        if self.own is not None and is_object_reference(name):
            return self._entry(name)  # type: ignore[no-any-return]
        return self._added[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self.entries, *self._added])

    def __len__(self) -> int:
        return len(self.entries) + len(self._added)

    def known(self, name: str) -> E:
        """The entry of a name.

        Raises:
            UsageError: When the name is unknown.
        """
        if name not in self:
            raise self.error(f"unknown {self.kind} {name!r}.{did_you_mean(name, self)}")
        return self[name]

    def summary(self, name: str) -> str:
        """What it is, in one line. Loads its module where the entry does not say.

        Raises:
            UsageError: When the name is unknown or its module cannot be loaded.
        """
        entry = self.known(name)
        return entry.summary or (inspect.getdoc(entry.load()) or "").partition("\n")[0]

    def options(self, name: str) -> dict[str, Option]:
        """The options that a user may set, in the order of the signature. Loads its module.

        Raises:
            UsageError: When the name is unknown or its module cannot be loaded.
        """
        options, _ = _options(self.known(name).load(), self.positional)
        return {option: known for option, known in options.items() if option not in self.supplied}

    def takes(self, name: str, parameter: str) -> bool:
        """Whether it is made with an argument of that name, be it an option or supplied. Loads its module.

        Raises:
            UsageError: When the name is unknown or its module cannot be loaded.
        """
        return parameter in _options(self.known(name).load(), self.positional)[0]

    def defaults(self, name: str) -> dict[str, Any]:
        """The default of every option that has one.

        Raises:
            UsageError: When the name is unknown or its module cannot be loaded.
        """
        options = self.options(name).items()
        return {n: option.default for n, option in options if option.default is not inspect.Parameter.empty}

    def check(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options under their present names, and of the types that the signature asks for.

        Raises:
            UsageError: When the name or an option is unknown, or a value has another type.
        """
        entry = self.known(name)
        known, is_open = _options(entry.load(), self.positional)
        checked = {}
        for given, value in options.items():
            option = entry.renamed.get(given, given)
            if option in self.supplied or (option not in known and not is_open):
                others = did_you_mean(given, [n for n in known if n not in self.supplied])
                raise self.error(f"the {self.kind} {name!r} has no option {given!r}.{others}")
            try:
                checked[option] = conform(value, known[option].type) if option in known else value
            except MismatchError as mismatch:
                cure = f'; write {given}=["{value}"]' if _is_one_of(value, known[option].type) else ""
                raise self.error(
                    f"the option {given!r} of the {self.kind} {name!r}: expected {mismatch}, got {value!r}{cure}"
                ) from None
        return checked

    def make(self, name: str, /, *given: Any, options: Mapping[str, Any] | None = None, **supplied: Any) -> T:
        """Make a thing by its name.

        Args:
            name: Its name.
            given: The arguments by position.
            options: What the user set.
            supplied: Further arguments, passed on where the target takes them.

        Raises:
            UsageError: When the name or an option is unknown, one is missing, a value has another type, or the target
                refuses it.
        """
        checked = self.check(name, options or {})
        target = self[name].load()
        known, is_open = _options(target, self.positional)
        taken = {n: value for n, value in supplied.items() if is_open or n in known}
        for option, one in known.items():
            if one.default is inspect.Parameter.empty and option not in {**taken, **checked}:
                raise self.error(f"the {self.kind} {name!r} needs the option {option!r}: {one.summary}")
        is_made = not (self.own and inspect.isclass(target)) or issubclass(target, self.own)
        made: T = target(*given, **taken, **checked) if is_made else target  # type: ignore[assignment]
        if self.own is not None and not isinstance(made, self.own):
            room = self.own.__module__.rpartition(".")[0]
            raise self.error(
                f"{name}: expected a {self.kind}, an instance of a subclass of {room}.{self.own.__name__}, got {made!r}"
            )
        return made

    @cached_property
    def _added(self) -> dict[str, E]:
        """The entries of other packages."""
        if self.group is None:
            return {}
        from importlib.metadata import entry_points

        added: dict[str, E] = {}
        for point in entry_points(group=self.group):
            if point.name in self.entries or point.name in added:
                package = point.dist.name if point.dist is not None else point.value
                warnings.warn(
                    f"{package} adds the {self.kind} {point.name!r}, a name that is taken; it is left out",
                    ArchwrightWarning,
                    stacklevel=2,
                )
                continue
            added[point.name] = self._entry(point.value)
        return added


def _options(target: Callable[..., Any], positional: int = 0) -> tuple[dict[str, Option], bool]:
    """The options of a class or function, and whether it takes others too.

    `**options` stand for the keyword-only parameters of the class or function that their line in the docstring
    names in backticks, as in "options: Of `Bilevel`.", except for those that are named after it, as in "options: Of
    `Hyperband` without `sampler`."; where it names none, they may be any.
    """
    function = target.__init__ if inspect.isclass(target) else target
    told = {name: text for name, (_, text) in documented(target).items()}
    parameters = list(inspect.signature(target).parameters.values())
    options: dict[str, Option] = {}
    is_open = False
    for position, parameter in enumerate(parameters):
        name = parameter.name
        if parameter.kind is parameter.VAR_KEYWORD:
            further, *fixed = re.findall(r"`(\w+)`", told.get(name, "")) or [""]
            named = getattr(function, "__globals__", {}).get(further)
            if named is None:
                is_open = True
            else:
                others, is_open = _options(named, sys.maxsize)
                options |= {n: option for n, option in others.items() if n not in (*options, *fixed)}
        elif parameter.kind is parameter.KEYWORD_ONLY or (
            parameter.kind is parameter.POSITIONAL_OR_KEYWORD and position >= positional
        ):
            options[name] = Option(_annotation(parameter, function), parameter.default, told.get(name, ""))
    return options, is_open


def _is_one_of(value: Any, wanted: Any) -> bool:
    """Whether a word would do as the only value of the list that is asked for."""
    try:
        conform([value], wanted)
    except MismatchError:
        return False
    return isinstance(value, str)


def _annotation(parameter: inspect.Parameter, function: Any) -> Any:
    """The type that a parameter is annotated with; `Any` where it has none, or one for type checkers only."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        try:
            return eval(annotation, getattr(function, "__globals__", {}))  # as typing.get_type_hints does
        except (NameError, AttributeError, TypeError):
            return Any
    return Any if annotation is parameter.empty else annotation


def documented(target: Any) -> dict[str, tuple[str, str]]:
    """What a docstring in Google style says of each argument: what stands in parentheses behind its name, and the text.

    Args:
        target: A function, or a class that is documented with its arguments.
    """
    _, _, section = (inspect.getdoc(target) or "").partition("\nArgs:\n")
    section = re.split(r"\n\S", section)[0]
    parts = iter(re.split(r"^ {4}\**(\w+)(?: \(([^)]*)\))?: ", section, flags=re.MULTILINE)[1:])
    entries = zip(parts, parts, parts, strict=True)
    return {name: (form or "", " ".join(text.split())) for name, form, text in entries}
