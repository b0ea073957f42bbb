"""A number from a command that is given a network, such as one that runs it on another device."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from archwright.errors import TrialError

__all__ = ["number_of"]


def number_of(words: Sequence[str], given: bytes, timeout: float) -> float:
    """The number in the last line that a command prints.

    Args:
        words: The command.
        given: Its standard input.
        timeout: Seconds after which it is ended.

    Raises:
        TrialError: When it cannot be run, fails, takes too long, or prints no number above 0. Says what it printed.
    """
    told = " ".join(words)
    try:
        ran = subprocess.run(words, input=given, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise TrialError(
            f"{told}: there is no command {words[0]!r}; install it, or mend latency_ms.command"
        ) from None
    except subprocess.TimeoutExpired:
        raise TrialError(
            f"{told}: no answer within {timeout:g} s; see if the device can be reached, or raise latency_ms.timeout"
        ) from None
    output, errors = (text.decode(errors="replace").strip() for text in (ran.stdout, ran.stderr))
    if ran.returncode:
        raise TrialError(
            f"{told}: ended with {ran.returncode}: {(errors or output)[-500:] or 'it printed nothing'}"
        )
    last = output.rpartition("\n")[2]
    try:
        number = float(last)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise TrialError(f"{told}: expected milliseconds as its last line, got {last[-200:]!r}")
    return number
