"""Commands whose arguments and options are described by their docstrings, as those of every other function are."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from archwright.registry import documented

__all__ = ["described"]


def described(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it; its help is what its docstring says before `Args:`, which stands at the end.

    A parameter without a default is an argument, any other an option; one that is a dataclass stands for an option for
    each of its fields. `Args:` describes them. In parentheses stand an option's names, where they differ from the
    parameter's, and the word for its value, both as a user sees them:

        trials (-n): Stop after so many trials.
        limit (-l NAME<=N): What a network may cost.
        as_json (--json): Print one JSON object.
    """
    parameters = []
    groups: dict[str, Any] = {}
    for parameter in _parameters(command):
        if dataclasses.is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _parameters(groups[parameter.name])
        else:
            parameters.append(parameter)

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        command(**given)

    called.__doc__ = (inspect.getdoc(command) or "").partition("\n\nArgs:\n")[0]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect looks for it
    return called


def _parameters(target: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function or dataclass, with what its docstring says of them."""
    entries = documented(target)
    hints = get_type_hints(target, include_extras=True)
    found = []
    for name, parameter in inspect.signature(target).parameters.items():
        hint = hints[name]
        if name in entries:
            form, told = entries[name]
            names = [word for word in form.split() if word.startswith("-")]
            value = next((word for word in form.split() if word not in names), None)
            if names and not any(word.startswith("--") for word in names):
                names.insert(0, f"--{name.replace('_', '-')}")
            kind: Any = typer.Argument if parameter.default is parameter.empty else typer.Option
            hint = Annotated[hint, kind(*names, metavar=value, help=told)]
        found.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
    return found
