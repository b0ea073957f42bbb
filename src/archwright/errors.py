"""Every error Archwright raises on purpose. Each says what was expected, what came, and the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# fmt: off
__all__ = [
    "ArchwrightError", "ArchwrightWarning", "BuildError", "ExportError", "MissingExtraError", "RunError",
    "SearchError", "SpaceError", "SpaceExhaustedError", "TaskError", "TrialError", "UsageError",
    "did_you_mean",
]
# fmt: on


_LISTED = 60


class ArchwrightError(Exception):
    """Base of all errors below. The command prints its text without a traceback and exits with `exit_code`."""

    exit_code = 1


class UsageError(ArchwrightError):
    """Wrong usage: an unknown name, an argument out of range, a contradiction. Exit code 2."""

    exit_code = 2


class SpaceError(UsageError):
    """A search space, or an architecture given for it, is not well formed. Names the decision's address."""


class TaskError(UsageError, ValueError):
    """Data that cannot be learned from as it stands: a missing label, NaN, one class only."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed. Names the install line."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"pip install 'archwright[{extra}]'"
        )


class BuildError(ArchwrightError):
    """A network could not be built from an architecture. Names the address and the arguments of the call."""


class ExportError(ArchwrightError):
    """A network could not be written as source, weights or ONNX."""


class RunError(UsageError):
    """A run's folder or store cannot be used: missing, corrupt, of another version, or open elsewhere."""


class SearchError(ArchwrightError):
    """A search ended without a result, for instance since every trial failed."""


class SpaceExhaustedError(ArchwrightError):
    """Raised by `Strategy.ask` when every architecture of the space has been proposed."""


class TrialError(ArchwrightError):
    """One trial failed, for the reason in the text. It costs that trial, never the search."""


class ArchwrightWarning(UserWarning):
    """Something a user should know that does not stop the work."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence naming the closest of the known names, and all of them, or 60 of more. Begins with a space.

    >>> did_you_mean("evoltion", ["evolution", "random"])
    " Did you mean 'evolution'? Known: evolution, random."
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{hint} Known: {', '.join(names[:_LISTED]) or 'none'}{more}."
