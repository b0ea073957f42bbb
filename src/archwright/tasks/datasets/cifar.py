"""CIFAR-10 and CIFAR-100 from their official archives.

Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError
from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.datasets.restricted_pickle import load_plain
from archwright.tasks.task import Task

__all__ = ["cifar10", "cifar100"]

PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_MOST, _LARGEST, _WHOLE = 100, 2**28, 2**29
"""Files of an archive, bytes read at once and in all: the official ones have 8 files of 190 million bytes at most."""

NOTE = "RGB pixels from 0 to 255"


def cifar10(
    archive: str | Path | None = None, *, validation: float = 0.1, seed: int = 0, standardize: bool = True
) -> Task:
    """Colour photographs of 10 kinds of things, 32 x 32 pixels, from the official archive on disk.

    The official 10,000 test images are the test part; validation is taken from the 50,000 others.

    Args:
        archive: `cifar-10-python.tar.gz`, the folder unpacked from it, or the folder that holds either. None
            looks into the folder that the environment variable `ARCHWRIGHT_DATA` names, else into `./data`.
        validation: Share of the training images for validation.
        seed: Seed of the division.
        standardize: False leaves pixels as numbers from 0 to 255.

    Raises:
        TaskError: When the archive is not found, damaged, or holds anything but plain data.
    """
    with ExitStack() as stack:
        read = _open(archive, "cifar-10-python.tar.gz", "cifar-10-batches-py", stack)
        names = _strings(read("batches.meta"), "label_names", "batches.meta")
        batches = [_batch(read, f"data_batch_{i}", "labels", len(names)) for i in range(1, 6)]
        test = _batch(read, "test_batch", "labels", len(names))
    options = {"validation": validation, "seed": seed, "standardize": standardize}
    return _task("cifar10", batches, test, names, **options)


def cifar100(
    archive: str | Path | None = None,
    *,
    coarse: bool = False,
    validation: float = 0.1,
    seed: int = 0,
    standardize: bool = True,
) -> Task:
    """Colour photographs of 100 kinds of things, 32 x 32 pixels, from the official archive on disk.

    The official 10,000 test images are the test part; validation is taken from the 50,000 others.

    Args:
        archive: `cifar-100-python.tar.gz`, the folder unpacked from it, or the folder that holds either. None
            looks into the folder that the environment variable `ARCHWRIGHT_DATA` names, else into `./data`.
        coarse: Whether to learn the 20 superclasses instead.
        validation: Share of the training images for validation.
        seed: Seed of the division.
        standardize: False leaves pixels as numbers from 0 to 255.

    Raises:
        TaskError: When the archive is not found, damaged, or holds anything but plain data.
    """
    level = "coarse" if coarse else "fine"
    with ExitStack() as stack:
        read = _open(archive, "cifar-100-python.tar.gz", "cifar-100-python", stack)
        names = _strings(read("meta"), f"{level}_label_names", "meta")
        train = _batch(read, "train", f"{level}_labels", len(names))
        test = _batch(read, "test", f"{level}_labels", len(names))
    options = {"validation": validation, "seed": seed, "standardize": standardize}
    return _task("cifar100", [train], test, names, **options)


Batch = tuple[NDArray[Any], NDArray[Any]]


def _task(name: str, batches: list[Batch], test: Batch, classes: tuple[str, ...], **options: Any) -> Task:
    return from_arrays(
        np.concatenate([images for images, _ in batches]),
        np.concatenate([labels for _, labels in batches]),
        test=test,
        kind="classification",
        classes=classes,
        name=name,
        note=NOTE,
        origin="official",
        **options,
    )


Read = Callable[[str], dict[str, Any]]


def _open(given: str | Path | None, archive: str, folder: str, stack: ExitStack) -> Read:
    """A function that reads a file of the archive by its name."""
    path = _find(given, archive, folder)
    opened = _folder(path) if path.is_dir() else _archive(path, archive, stack)

    def read(name: str) -> dict[str, Any]:
        file = opened(name)
        if file is None:
            raise TaskError(f"{path}: expected the file {name}, as in {archive} of {PAGE}, but it is missing")
        with file:
            return _load(file, f"{path}: {name}")

    return read


def _folder(path: Path) -> Callable[[str], IO[bytes] | None]:
    return lambda name: (path / name).open("rb") if (path / name).is_file() else None


def _archive(path: Path, archive: str, stack: ExitStack) -> Callable[[str], IO[bytes] | None]:
    try:
        unpacked = _unpacked(path, stack)
        packed = stack.enter_context(tarfile.TarFile(fileobj=cast("IO[bytes]", unpacked)))
        found = list(islice(packed, _MOST + 1))
        if len(found) > _MOST:
            unpacked.refuse()
        members = {Path(member.name).name: member for member in found if member.isfile()}
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise TaskError(f"{path}: expected {archive} of {PAGE}, but it cannot be read: {error}") from error
    return lambda name: packed.extractfile(members[name]) if name in members else None


def _unpacked(path: Path, stack: ExitStack) -> _Bounded:
    """The content of a file that may be compressed, within bounds: a small file can unpack to any size."""
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    opener: Any = gzip.open if is_packed else open
    return _Bounded(stack.enter_context(opener(path, "rb")), path)


class _Bounded:
    """A file that is read neither in larger pieces nor further than the official archives need."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path = file, path
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST or self.tell() > _WHOLE:
            self.refuse()
        return bytes(self._file.read(size))

    def seek(self, place: int, whence: int = 0) -> int:
        if place > _WHOLE:
            self.refuse()
        return int(self._file.seek(place, whence))

    def refuse(self) -> NoReturn:
        raise TaskError(
            f"{self._path}: expected an archive that unpacks to at most {_WHOLE >> 20} MiB in {_MOST} files, but it is "
            "larger; it is not the official one, get that again"
        )


def _find(given: str | Path | None, archive: str, folder: str) -> Path:
    """The archive, or the folder unpacked from it."""
    root = Path(os.environ.get("ARCHWRIGHT_DATA") or "data" if given is None else given).expanduser()
    looked = [root / folder, root / archive, root]
    for place in looked:
        if place.is_file() or any((place / name).is_file() for name in ("meta", "batches.meta")):
            return place
    raise TaskError(
        f"expected {archive}, which comes from {PAGE}, but it is at none of {', '.join(map(str, looked))}; "
        "download it there, and say where it is with archive= or, as a folder, the environment variable "
        "ARCHWRIGHT_DATA"
    )


def _load(file: IO[bytes], what: str) -> dict[str, Any]:
    content = load_plain(file, what)
    if not isinstance(content, dict):
        raise TaskError(f"{what}: expected a dict, got {type(content).__name__}")
    return {_text(key): value for key, value in content.items()}


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _strings(content: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
    names = content.get(key)
    if not isinstance(names, list) or len(names) < 2:
        raise TaskError(
            f"{what}: expected the class names under {key!r}, got {', '.join(content) or 'nothing'}"
        )
    return tuple(map(_text, names))


def _batch(read: Read, name: str, key: str, classes: int) -> Batch:
    """Images of shape (N, 3, 32, 32) and labels of shape (N,), checked."""
    content = read(name)
    images, labels = content.get("data"), content.get(key)
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 2
        or images.shape[1] != 3072
    ):
        got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise TaskError(f"{name}: expected 'data' of type uint8 and shape (images, 3072), got {got}")
    if (
        not isinstance(labels, list)
        or len(labels) != len(images)
        or not all(type(label) is int and 0 <= label < classes for label in labels)
    ):
        raise TaskError(f"{name}: expected {len(images)} integers from 0 to {classes - 1} under {key!r}")
    return images.reshape(-1, 3, 32, 32), np.array(labels, np.int64)
