"""Standard output and errors as the command uses them, whoever reads them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["emit", "lasting_streams", "tell_loading"]

_reserved: list[Any] = []


def emit(text: str) -> None:
    """Write what was asked for on standard output, and a line's end."""
    stream = _reserved[-1] if _reserved else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


@contextlib.contextmanager
def lasting_streams(*, reserve: bool) -> Iterator[None]:
    """While the block runs, a stream that cannot show a character, or that nobody reads any more, ends nothing.

    Args:
        reserve: Whether standard output is for `emit` alone: what else is written there, by a user's module or a
            worker, goes to standard error.
    """
    before = sys.stdout, sys.stderr
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:  # closed by who started the command
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    output, errors = _Lasting(sys.stdout), _Lasting(sys.stderr)
    sys.stdout, sys.stderr = (errors if reserve else output), errors
    kept = None
    if reserve:
        output.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
        _reserved.append(_Lasting(os.fdopen(os.dup(kept), "w", encoding="utf-8")))
    try:
        yield
    finally:
        output.flush()
        errors.flush()
        if kept is not None:
            _reserved.pop().close()
            os.dup2(kept, 1)
            os.close(kept)
        sys.stdout, sys.stderr = before


class _Lasting:
    """A stream whose reader may go away, after which what is written is lost."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._surviving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._surviving():
            self._stream.flush()

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def tell_loading() -> None:
    """Say on standard error that PyTorch is loaded now, which takes seconds, unless it is already."""
    if "torch" not in sys.modules:
        print("preparing: loading PyTorch, which takes some seconds", file=sys.stderr)
