"""A task from a folder of images."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError, did_you_mean
from archwright.tasks.datasets.arrays import Options, from_arrays
from archwright.tasks.task import Task

__all__ = ["from_images"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Folder names that stand for a part."""

DEFAULT_SIZE = 32
LARGEST_KEPT = 64
"""Images of one size, at most this many pixels wide and high, keep it."""

_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)
"""Values of EXIF's orientation that exchange height and width."""

_DEEPEST = 65535
_FEWEST_LEVELS = 16
"""Levels that colours of 16 bits must leave in the 8 bits that Pillow reads of them."""

MEMORY = 4 * 2**30
"""Bytes of pixels that are loaded at most."""

Listing = list[tuple[Path, str]]


def from_images(
    folder: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    color: bool | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    name: str | None = None,
    **options: Unpack[Options],
) -> Task:
    """A task from a folder with one subfolder a class, or with such folders under `train`, `val` and `test`.

    Files are taken in the order of their names, from subfolders of a class too; files that are no images by
    their name, and those that begin with a dot, are passed over. Photographs are turned upright as their file
    says; what is transparent is laid on white; of an animation the first picture is taken. Where any image is grey
    of 16 bits, all pixels are numbers from 0 to 65535, else from 0 to 255.

    Args:
        folder: Where it has nothing but folders named `train` and `test` or `val`, these are the parts.
        size: Height and width to resize to, proportions not kept; one number is both. None keeps the images'
            own where they share one of at most 64 x 64, and else resizes to 32 x 32.
        color: True loads three channels, False one; None loads three where any image has colours.
        validation: Share of the images for validation, where there is no folder of them.
        test: Share of the images for test, where there is no folder of them.
        name: What to call the task; None takes the folder's name.
        options: `seed`, `standardize` and `class_weights`, as for `from_arrays`.

    Raises:
        TaskError: When a class is empty, there are fewer than two, or a file cannot be read, or holds what would be
            lost. Names it.
    """
    folder = Path(folder)
    listings = _parts(folder)
    files = [file for listing in listings.values() for file in listing]
    shapes, kinds = _survey([path for path, _ in files])
    deep = "deep" in kinds
    height, width = _size(size, shapes)
    channels = 3 if ("colourful" in kinds if color is None else color) else 1
    _check_memory(folder, (len(files), channels, height, width), deep)
    pixels = _load([path for path, _ in files], height, width, channels, deep)
    ends = np.cumsum([len(listing) for listing in listings.values()])[:-1]
    parts: dict[str, Any] = {
        part: (of_part, np.array([label for _, label in listing]))
        for (part, listing), of_part in zip(listings.items(), np.split(pixels, ends), strict=True)
    }
    inputs, targets = parts["train"]
    return from_arrays(
        inputs,
        targets,
        validation=parts.get("validation", validation),
        test=parts.get("test", test),
        kind="classification",
        classes=sorted(set(targets.tolist())),
        name=folder.resolve().name if name is None else name,
        note=f"{'RGB' if channels == 3 else 'grey'} pixels from 0 to {_DEEPEST if deep else 255}, "
        f"{'laid on white, ' if 'transparent' in kinds else ''}"
        f"resized to {height} x {width} (bilinear) where they are larger or smaller",
        origin="official",
        **options,
    )


def _parts(folder: Path) -> dict[str, Listing]:
    """The files of each part and their classes: all under "train" where the folder has no parts."""
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing"
        near = [entry.name for entry in folder.parent.glob("*/")]
        hint = did_you_mean(folder.name, near) if 0 < len(near) <= 20 else ""
        raise TaskError(f"{folder}: expected a folder with one subfolder a class, got {what}.{hint}")
    folders = _folders(folder)
    roles = {PARTS.get(entry.name.lower()) for entry in folders}
    if None in roles or "train" not in roles or not all(_folders(entry) for entry in folders):
        return {"train": _list(folder, folders)}
    if len(roles) < len(folders):
        raise TaskError(
            f"{folder}: expected one folder a part, got {', '.join(entry.name for entry in folders)}"
        )
    by_role = {PARTS[entry.name.lower()]: entry for entry in folders}
    listings: dict[str, Listing] = {
        role: _list(by_role[role], _folders(by_role[role]))
        for role in ("train", "validation", "test")
        if role in by_role
    }
    known = {label for _, label in listings["train"]}
    for role, listing in listings.items():
        unknown = next((label for _, label in listing if label not in known), None)
        if unknown is not None:
            raise TaskError(f"{by_role[role]}: class {unknown!r} is not in {by_role['train']}")
    return listings


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _list(folder: Path, classes: Sequence[Path]) -> Listing:
    """The images of each class, in the order of the names."""
    listing: Listing = []
    for label in classes:
        images = sorted(
            path
            for path in label.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        if not images:
            raise TaskError(
                f"{label}: expected images of the class {label.name!r}, got none; add some or remove the "
                f"folder (read are: {', '.join(sorted(SUFFIXES))})"
            )
        listing += [(path, label.name) for path in images]
    if len(classes) < 2:
        raise TaskError(
            f"{folder}: expected a subfolder for each of at least two classes, got "
            f"{classes[0].name if classes else 'none'}"
        )
    return listing


def _survey(paths: Sequence[Path]) -> tuple[set[tuple[int, int]], set[str]]:
    """The sizes (height, width) that occur, upright, and whether any is colourful, deep, transparent; from headers."""
    from PIL import Image, ImageOps

    sizes: set[tuple[int, int]] = set()
    kinds: set[str] = set()
    for path in paths:
        try:
            with Image.open(path) as image:
                if image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE:
                    sizes.add(ImageOps.exif_transpose(image).size[::-1])
                else:
                    sizes.add(image.size[::-1])
                kinds |= {"colourful"} if not _is_grey(image.mode) else set()
                kinds |= {"deep"} if image.mode.startswith("I") else set()
                kinds |= {"transparent"} if _is_transparent(image) else set()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _unreadable(path, error) from error
    return sizes, kinds


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _unreadable(path: Path, error: BaseException) -> TaskError:
    return TaskError(f"{path}: expected an image, but it cannot be read: {error}; replace or remove it")


def _size(size: int | tuple[int, int] | None, found: set[tuple[int, int]]) -> tuple[int, int]:
    if size is None:
        height, width = next(iter(found))
        return (
            (height, width) if len(found) == 1 and max(height, width) <= LARGEST_KEPT else (DEFAULT_SIZE,) * 2
        )
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and side >= 1 for side in sides):
        raise TaskError(f"size: expected a number of pixels >= 1, or (height, width), got {size!r}")
    return sides[0], sides[1]


def _check_memory(folder: Path, shape: tuple[int, int, int, int], deep: bool) -> None:
    needed = math.prod(shape) * (4 if deep else 1)
    if needed > MEMORY:
        raise TaskError(
            f"{folder}: {shape[0]} images of {shape[2]} x {shape[3]} take {needed / 2**30:.0f} GiB, more than "
            f"{MEMORY // 2**30}; use a smaller size=, or torchvision's ImageFolder with from_dataset"
        )


def _load(paths: Sequence[Path], height: int, width: int, channels: int, deep: bool) -> NDArray[Any]:
    """The pixels of all files, shape (N, channels, height, width): bytes, or 32-bit floats where any has 16 bits."""
    pixels = np.empty((len(paths), channels, height, width), np.float32 if deep else np.uint8)

    def load(index: int) -> None:
        pixels[index] = _pixels(paths[index], height, width, channels, deep)

    # Decoding is done outside of Python's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        list(threads.map(load, range(len(paths))))
    return pixels


def _pixels(path: Path, height: int, width: int, channels: int, deep: bool) -> NDArray[Any]:
    """The pixels of one file, shape (channels, height, width)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            raw_modes = str(opened.tile)
            image = ImageOps.exif_transpose(opened)
            if image.mode == "F":
                raise TaskError(f"{path}: expected pixels of 8 or 16 bits, got floats; convert it to PNG")
            if image.mode.startswith("I"):
                bands = [_grey_of_16_bits(path, image)]
            else:
                image = _on_white(path, image).convert("RGB" if channels == 3 else "L")
                if ";16" in raw_modes and len(np.unique(np.asarray(image))) < _FEWEST_LEVELS:
                    raise TaskError(
                        f"{path}: of its colours of 16 bits the upper 8 are read, which hardly differ; scale them up, "
                        "or read the files yourself and use from_arrays"
                    )
                bands = list(image.split())
                if deep:
                    factor = _DEEPEST / 255
                    bands = [Image.fromarray(np.asarray(band, np.float32) * factor) for band in bands]
            if image.size != (width, height):
                bands = [band.resize((width, height), Image.Resampling.BILINEAR) for band in bands]
            array = np.stack([np.asarray(band) for band in bands])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    return np.broadcast_to(array, (channels, height, width))


def _grey_of_16_bits(path: Path, image: Any) -> Any:
    """Grey as floats from 0 to 65535."""
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > _DEEPEST or "transparency" in image.info:
        raise TaskError(
            f"{path}: expected grey of 16 bits, from 0 to {_DEEPEST} without transparency, got {values.min()} to "
            f"{values.max()}; convert it to PNG of 8 or 16 bits"
        )
    return Image.fromarray(values.astype(np.float32))


def _on_white(path: Path, image: Any) -> Any:
    """An image without transparency: what is seen of it on white."""
    from PIL import Image

    if not _is_transparent(image):
        return image
    image = image.convert("RGBA")
    seen = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if _is_constant(seen) and not _is_constant(image.getchannel("A")):
        raise TaskError(
            f"{path}: white on nothing, which cannot be seen on white; draw it on another background"
        )
    return seen


def _is_transparent(image: Any) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _is_constant(image: Any) -> bool:
    return all(low == high for low, high in np.ravel(image.getextrema()).reshape(-1, 2))
