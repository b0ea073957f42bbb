"""Tasks from files in the idx format of MNIST (LeCun et al. 1998), packed by gzip or plain."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError
from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.task import Task

__all__ = ["FASHION_CLASSES", "fashion_mnist", "read_idx"]

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

PACKAGE, PLACE = "dataset-fashion-mnist", Path("/usr/share/datasets/fashion-mnist")
"""The Debian package that brings the data, and where it puts them."""

_UNSIGNED_BYTES, _MOST_AXES, _WHOLE = 8, 4, 2**28


def fashion_mnist(
    folder: str | Path | None = None, *, validation: float = 0.1, seed: int = 0, standardize: bool = True
) -> Task:
    """Pictures of clothes in 10 classes, 70,000 grey images of 28 x 28 pixels, from files on disk.

    Xiao et al. 2017, arXiv:1708.07747. The official 10,000 test images are the test part; validation is taken from the
    60,000 others.

    Args:
        folder: Holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
            `t10k-labels-idx1-ubyte`, each plain or with `.gz`. None looks into the folder `fashion-mnist` of the one
            that the environment variable `ARCHWRIGHT_DATA` names, or of `./data`, and then where Debian's package
            dataset-fashion-mnist puts them.
        validation: Share of the training images for validation.
        seed: Seed of the division.
        standardize: False leaves pixels as numbers from 0 to 255.

    Raises:
        TaskError: When a file is not found, damaged, or of another kind.
    """
    place = _find(folder)
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(_file(place, f"{part}-images-idx3-ubyte"))
        labels = read_idx(_file(place, f"{part}-labels-idx1-ubyte"))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise TaskError(
                f"{place}: expected as many labels as images under {part}, got arrays of the shapes {labels.shape} and "
                f"{images.shape}"
            )
        if len(labels) and labels.max() >= len(FASHION_CLASSES):
            raise TaskError(f"{place}: expected labels from 0 to 9 under {part}, got {labels.max()}")
        parts.append((images[:, None], labels.astype(np.int64)))
    (inputs, targets), test = parts
    return from_arrays(
        inputs,
        targets,
        validation=validation,
        test=test,
        kind="classification",
        classes=FASHION_CLASSES,
        seed=seed,
        standardize=standardize,
        name="fashion_mnist",
        note="grey pixels from 0 to 255",
        origin="official",
    )


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """The array of an idx file of unsigned bytes.

    The format: two zero bytes, the type (8: unsigned byte), the number of axes, the length of each axis as a big-endian
    whole number of 4 bytes, then the values, the last axis first.

    Args:
        path: The file; one that begins as gzip does is unpacked.

    Raises:
        TaskError: When it is missing, or no such file.
    """
    file = Path(path)
    try:
        with file.open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
        opener: Any = gzip.open if is_packed else open
        with opener(file, "rb") as opened:
            return _read(opened, file)
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(
            f"{file}: expected a file in the idx format, but it cannot be read: {error}"
        ) from error


def _read(opened: IO[bytes], file: Path) -> NDArray[np.uint8]:
    head = opened.read(4)
    if len(head) < 4 or head[:3] != bytes((0, 0, _UNSIGNED_BYTES)) or not 1 <= head[3] <= _MOST_AXES:
        raise TaskError(
            f"{file}: expected a file of unsigned bytes in the idx format, which begins with 00 00 08 and the number "
            f"of axes, got {head.hex(' ') or 'nothing'}"
        )
    lengths = opened.read(4 * head[3])
    if len(lengths) != 4 * head[3]:
        raise TaskError(f"{file}: expected the lengths of {head[3]} axes, but the file ends; get it again")
    shape = np.frombuffer(lengths, dtype=">u4").tolist()
    count = math.prod(shape)
    if count > _WHOLE:
        raise TaskError(f"{file}: expected at most {_WHOLE:,} values, got the shape {shape}")
    content = opened.read(count + 1)  # one more, to see that nothing follows
    if len(content) != count:
        told = "more" if len(content) > count else f"{len(content):,}"
        raise TaskError(
            f"{file}: expected {count:,} values for the shape {shape}, got {told}; get the file again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _find(folder: str | Path | None) -> Path:
    """The first folder that holds any of the files."""
    if folder is not None:
        places = [Path(folder).expanduser()]
    else:
        root = Path(os.environ.get("ARCHWRIGHT_DATA") or "data").expanduser()
        places = [root / "fashion-mnist", root, PLACE]
    for place in places:
        if any((place / f"train-images-idx3-ubyte{suffix}").is_file() for suffix in ("", ".gz")):
            return place
    raise TaskError(
        f"expected the files of Fashion-MNIST (train-images-idx3-ubyte.gz and so on), but they are at none of "
        f"{', '.join(map(str, places))}; install Debian's package {PACKAGE} (apt-get install {PACKAGE}), or name the "
        "folder that holds them with folder= or the environment variable ARCHWRIGHT_DATA"
    )


def _file(place: Path, name: str) -> Path:
    found = [place / f"{name}{suffix}" for suffix in ("", ".gz") if (place / f"{name}{suffix}").is_file()]
    if not found:
        raise TaskError(f"{place}: expected {name} or {name}.gz beside the others, but it is missing")
    return found[0]
