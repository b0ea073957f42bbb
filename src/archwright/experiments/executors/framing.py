"""Python objects over a stream socket."""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from typing import Any

import cloudpickle

__all__ = ["MessageSocket"]

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


class MessageSocket:
    """Sends and receives whole objects; what is defined in a script or a notebook travels by value.

    Args:
        stream: A connected stream socket, blocking.

    Attributes:
        ended: Whether the other side has closed its end.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._sending = threading.Lock()
        self.ended = False

    def fileno(self) -> int:
        """The socket's descriptor, to wait for."""
        return self._stream.fileno()

    def send(self, message: Any) -> None:
        """Send an object.

        Raises:
            OSError: When the other side is gone (`BrokenPipeError` or `ConnectionResetError`).
            Exception: What cloudpickle raises for what it cannot pickle; nothing was sent then.
        """
        self.send_bytes(cloudpickle.dumps(message))

    def send_bytes(self, content: bytes) -> None:
        """Send an object that was pickled before; any thread may."""
        with self._sending:
            self._stream.sendall(_LENGTH.pack(len(content)))
            self._stream.sendall(content)

    def receive(self) -> Any:
        """Wait for an object.

        Raises:
            EOFError: When the other side is gone.
        """
        while (message := self._whole()) is None:
            self._read(0)
            if self.ended:
                raise EOFError("the other side is gone")
        return pickle.loads(message)

    def arrived(self) -> list[Any]:
        """The objects that have come whole; does not wait for more."""
        while not self.ended:
            try:
                self._read(socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
        messages = []
        while (message := self._whole()) is not None:
            messages.append(pickle.loads(message))
        return messages

    def close(self) -> None:
        """Close this end."""
        self._stream.close()

    def _read(self, flags: int) -> None:
        try:
            content = self._stream.recv(_CHUNK, flags)
        except ConnectionError:
            content = b""
        self._buffer += content
        self.ended = not content

    def _whole(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        content = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return content
