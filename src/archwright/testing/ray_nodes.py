"""Nodes of a Ray cluster on this machine, for tests of what survives their death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["RayNode"]

_PATIENCE = 300.0
"""Seconds in which a node must be up."""


class RayNode:
    """A node: a process whose death ends all processes of the node, as when a machine is lost.

    Args:
        head: The node that is the head; None makes this the head.
        port: Of the head.
        cpus: Its CPUs, by logic alone.
        environment: Variables beside those of this process.

    Raises:
        RuntimeError: When it does not come up.
    """

    def __init__(
        self,
        head: RayNode | None = None,
        *,
        port: int = 6399,
        cpus: int = 1,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.address: str = head.address if head else f"127.0.0.1:{port}"
        role = [f"--address={self.address}"] if head else ["--head", f"--port={port}"]
        limits = [f"--num-cpus={cpus}", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        more = [] if head else ["--include-dashboard=false"]
        self._log = Path(tempfile.mkstemp(prefix="ray-node-", suffix=".log")[1])
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", *role, *limits, *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "RAY_AUTH_MODE": "disabled", **(environment or {})},
            )
        self._wait()

    def kill(self) -> None:
        """End it at once, without a word to the others."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)
        self._log.unlink(missing_ok=True)

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while "Ray runtime started" not in (told := self._log.read_text()):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"a node of Ray did not start:\n{told}")
            time.sleep(0.1)
