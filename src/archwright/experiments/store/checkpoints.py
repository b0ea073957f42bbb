"""Checkpoints of trials, as files in a folder or at a URL."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from archwright.atomic_writing import load_state, save_state
from archwright.errors import MissingExtraError, UsageError

__all__ = ["CheckpointFolder", "disk_is_full"]

_SUFFIX = ".state"


class CheckpointFolder:
    """Keeps states by key, one file each, which appears whole or not at all.

    It is sent to worker processes, which write the files; the rows that name them are written by the run's own process.

    Args:
        path: The folder; made with the first file.
        url: Where states are kept instead, for workers that do not reach the folder: any URL of fsspec's, such as
            s3://bucket/folder, or a folder that all machines share. Files of workers for the folder come by it too.

    Raises:
        UsageError: When fsspec knows no such URL, or what it needs for it is not installed.
    """

    def __init__(self, path: Path | str, url: str | None = None) -> None:
        self.path = Path(path).absolute()
        self.url = url
        if url is not None:
            self._remote()

    def save(self, key: str, state: Mapping[str, Any]) -> None:
        """Write a state: tensors, numbers, text, and lists and dicts of them.

        Raises:
            OSError: When the disk is full, say.
        """
        if self.url is None:
            save_state(state, self._file(key))
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / key
            save_state(state, file)
            self.send(file, f"{key}{_SUFFIX}")

    def load(self, key: str) -> dict[str, Any]:
        """Read a state, with its tensors on the CPU. No code that the file may hold is run.

        Raises:
            RunError: When the file is missing, corrupt, or holds what is no tensor, number or text.
        """
        if self.url is None:
            return load_state(self._file(key), "checkpoint")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / key
            system, root = self._remote()
            with contextlib.suppress(FileNotFoundError):
                system.get_file(f"{root}/{key}{_SUFFIX}", str(file))
            return load_state(file, f"checkpoint {self.url}/{key}{_SUFFIX}, fetched as")

    def has(self, key: str) -> bool:
        """Whether the state is there, and reached from here."""
        if self.url is None:
            return self._file(key).is_file()
        system, root = self._remote()
        system.invalidate_cache()
        return bool(system.exists(f"{root}/{key}{_SUFFIX}"))

    def size(self, key: str) -> int:
        """Bytes on disk; 0 where there is none."""
        try:
            if self.url is None:
                return self._file(key).stat().st_size
            system, root = self._remote()
            return int(system.size(f"{root}/{key}{_SUFFIX}"))
        except OSError:
            return 0

    def keep_only(self, keys: Collection[str], prefix: str = "") -> None:
        """Delete what has none of the keys, among those that begin with a prefix; unfinished files too."""
        if self.url is None:
            for file in self.path.glob(f"{prefix}*{_SUFFIX}*"):
                if file.name.removesuffix(_SUFFIX) not in keys:
                    with contextlib.suppress(OSError):
                        file.unlink()
            return
        system, root = self._remote()
        system.invalidate_cache()
        for found in system.glob(f"{root}/{prefix}*{_SUFFIX}*"):
            if str(found).rpartition("/")[2].removesuffix(_SUFFIX) not in keys:
                with contextlib.suppress(OSError):
                    system.rm_file(found)

    def send(self, file: Path, name: str) -> None:
        """Bring a file to the URL.

        Raises:
            OSError: When it cannot be written.
        """
        system, root = self._remote()
        system.makedirs(root, exist_ok=True)
        part = f"{root}/{name}.part"
        system.put_file(str(file), part)
        system.mv(part, f"{root}/{name}")

    def receive(self, name: str) -> None:
        """Move a file from the URL into the folder; nothing where there is no URL, or no such file.

        Raises:
            OSError: When it cannot be read or written.
        """
        if self.url is None:
            return
        system, root = self._remote()
        system.invalidate_cache()
        if not system.exists(f"{root}/{name}"):
            return
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / f"{name}.part"
        system.get_file(f"{root}/{name}", str(part))
        part.replace(self.path / name)
        system.rm_file(f"{root}/{name}")

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{_SUFFIX}"

    def _remote(self) -> tuple[Any, str]:
        """The file system of the URL, and the path there."""
        try:
            import fsspec
        except ImportError:
            raise MissingExtraError("fsspec", "ray", "keeping checkpoints at a URL") from None
        try:
            system, root = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise UsageError(f"checkpoints cannot be kept at {self.url}: {error}") from error
        return system, str(root).rstrip("/")


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
