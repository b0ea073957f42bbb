"""Checkpoints of trials, as files in a folder."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from archwright.atomic_writing import load_state, save_state

__all__ = ["CheckpointFolder", "disk_is_full"]

_SUFFIX = ".state"


class CheckpointFolder:
    """Keeps states by key, one file each, which appears whole or not at all.

    It is sent to worker processes, which write the files; the rows that name them are written by the run's own process.

    Args:
        path: The folder; made with the first file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()

    def save(self, key: str, state: Mapping[str, Any]) -> None:
        """Write a state: tensors, numbers, text, and lists and dicts of them.

        Raises:
            OSError: When the disk is full, say.
        """
        save_state(state, self._file(key))

    def load(self, key: str) -> dict[str, Any]:
        """Read a state, with its tensors on the CPU. No code that the file may hold is run.

        Raises:
            RunError: When the file is missing, corrupt, or holds what is no tensor, number or text.
        """
        return load_state(self._file(key), "checkpoint")

    def size(self, key: str) -> int:
        """Bytes on disk; 0 where there is none."""
        try:
            return self._file(key).stat().st_size
        except OSError:
            return 0

    def keep_only(self, keys: Collection[str], prefix: str = "") -> None:
        """Delete what has none of the keys, among those that begin with a prefix; unfinished files too."""
        for file in self.path.glob(f"{prefix}*{_SUFFIX}*"):
            if file.name.removesuffix(_SUFFIX) not in keys:
                with contextlib.suppress(OSError):
                    file.unlink()

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{_SUFFIX}"


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error came from a disk without room, or a quota; also where a library hides the system's number."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(
            told in str(error) for told in ("No space left on device", "os error 28", "Disk quota exceeded")
        ):
            return True
        error = error.__cause__ or error.__context__
    return False
