"""What a trial prints: shown as before, and kept with the trial."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from archwright.experiments.executors.executor import Channel

__all__ = ["QuietChannel", "TrialOutput", "here", "keep_streams"]

_HEAD, _TAIL = 200_000, 50_000
"""Characters that are kept of one attempt: of a longer output the beginning and the end."""

_BURST, _RATE = 200.0, 10.0
"""So many lines are kept at once, and so many more each second; a trial that prints faster is kept in larger pieces."""


def here() -> str:
    """Where this process is: the machine and the process's number."""
    return f"{socket.gethostname()}:{os.getpid()}"


class _Tee:
    """A stream that also gives what is written to the output of the trial that runs."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.output: TrialOutput | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        written: int = self.stream.write(text)
        if self.output is not None:
            self.output.add(text)
        return written


def keep_streams() -> None:
    """Keep with trials what comes by handlers of `logging`, say, that are bound to the standard streams from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Tee):
            setattr(sys, name, _Tee(stream))


class TrialOutput:
    """Takes what a trial writes to the standard streams, and sends it on line by line.

    Only the thread in which the trial runs sends, since not every channel may be used by several; what other threads
    wrote goes with its next line or report.

    Args:
        send: Takes a piece of text.
    """

    def __init__(self, send: Callable[[str], object]) -> None:
        self._send = send
        self._owner = threading.get_ident()
        self._lock = threading.RLock()
        self._is_quiet = False
        self._text = self._tail = ""
        self._kept = self._left_out = 0
        self._allowed, self._since = _BURST, time.monotonic()

    def add(self, text: str) -> None:
        """Take what was written."""
        mine = threading.get_ident() == self._owner
        if mine and self._is_quiet:  # by the run, not by the trial
            return
        with self._lock:
            self._text += text
        if mine and "\n" in text and self._may_send():
            self.flush()

    def _may_send(self) -> bool:
        now = time.monotonic()
        self._allowed = min(_BURST, self._allowed + _RATE * (now - self._since))
        self._since = now
        if self._allowed < 1.0:
            return False
        self._allowed -= 1.0
        return True

    def flush(self) -> None:
        """Send what has come, as far as the beginning is not full yet."""
        with self._lock:
            text, self._text = _as_seen(self._text), ""
        room = max(0, _HEAD - self._kept)
        head, rest = text[:room], text[room:]
        self._kept += len(head)
        if rest:
            self._left_out += len(rest)
            self._tail = (self._tail + rest)[-_TAIL:]
        if head:
            with self.quiet():
                self._send(head)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """While the block runs, what this thread writes is none of the trial's."""
        before, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = before

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take what is written while the block runs; then send the rest."""
        before = sys.stdout, sys.stderr
        keep_streams()
        tees = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, _Tee)]
        for tee in tees:
            tee.output = self
        try:
            yield
        finally:
            for tee in tees:
                tee.output = None
            sys.stdout, sys.stderr = before
            self.flush()
            if self._tail:
                dropped = self._left_out - len(self._tail)
                note = f"\n... ({dropped:,} characters left out) ...\n" if dropped else ""
                self._send(note + self._tail)


class QuietChannel(Channel):
    """Sends what the trial printed before each of its messages; what is written meanwhile is not the trial's.

    Args:
        channel: Carries the messages.
        output: The trial's.
    """

    def __init__(self, channel: Channel, output: TrialOutput) -> None:
        self.channel, self.output = channel, output

    def call(self, message: Any) -> Any:
        """See `Channel.call`."""
        self.output.flush()
        with self.output.quiet():
            return self.channel.call(message)


def _as_seen(text: str) -> str:
    """Of a line that was written over again and again, as progress bars are, what was seen last."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
