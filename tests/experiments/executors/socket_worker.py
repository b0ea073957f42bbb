"""A worker that could be on another machine: it knows an address, and nothing of who started it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

from archwright.experiments.executors.framing import MessageSocket
from archwright.experiments.executors.worker import serve

BEAT = 0.3
"""Seconds between two signs of life."""


def main(port: int) -> None:
    messages = MessageSocket(socket.create_connection(("127.0.0.1", port)))
    messages.send(("here", os.getpid()))
    threading.Thread(target=_beat, args=(messages,), daemon=True).start()
    serve(messages)


def _beat(messages: MessageSocket) -> None:
    while True:
        time.sleep(BEAT)
        try:
            messages.send(("alive", None))
        except OSError:
            os._exit(1)  # the lease is over: whatever it does, nobody waits for it


if __name__ == "__main__":
    main(int(sys.argv[1]))
