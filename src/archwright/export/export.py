"""Writing a network into a folder that needs no Archwright: source, weights, other runtimes, model card."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from archwright.errors import ArchwrightWarning, ExportError
from archwright.experiments.checkpoints import save_weights
from archwright.export.card import Card, render_card
from archwright.export.checking import check_printed
from archwright.export.formats import FORMATS, chosen_formats
from archwright.export.preprocessing import TableSteps, example_of, write_table
from archwright.export.source import NoFactoryError, print_source
from archwright.primitives import functions_script
from archwright.spaces import Architecture, Space

__all__ = ["Exported", "check_replaceable", "drafted", "export_network", "write_told"]

_FILES = {
    "model.py": "the network as source: `build()`, `load()`; as a script it prints its layers",
    "preprocessing.py": "from raw rows to its inputs, `prepare(rows)`, and from outputs to answers, `restore(outputs)`",
    "functions.py": "the searched functions in it as formulas, each a module of a few lines",
    "weights.safetensors": "its weights; `load()` reads them",
    **{one.file: one.about for one in FORMATS.values()},
    "algorithm.py": "the algorithm as NumPy: `fit(inputs, labels)`, `predict(memory, inputs)`",
    "architecture.json": "the decisions of the search space that make it",
    "card.md": "this card",
}


_LAST = ("architecture.json", "card.md")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        folder: The folder.
        source: `model.py`; None of a network that was given as a module without what builds it, which is written as
            `model.pt2` instead.
        weights: `weights.safetensors`.
        onnx: `model.onnx`; None where it was not written.
        card: `card.md`.
        architecture: `architecture.json`.
        preprocessing: `preprocessing.py`; None where it is no table's network.
        formats: The files for other runtimes, by the names of their formats.
    """

    folder: Path
    source: Path | None
    weights: Path
    onnx: Path | None
    card: Path
    architecture: Path
    preprocessing: Path | None = None
    formats: Mapping[str, Path] = field(default_factory=dict)


def export_network(
    folder: str | Path,
    *,
    space: Space,
    architecture: Architecture,
    network: nn.Module,
    example: Any,
    card: Card,
    formats: Sequence[str] | None = None,
    onnx: bool | None = None,
    table: TableSteps | None = None,
    members: Sequence[Mapping[str, Any]] = (),
) -> Exported:
    """Write a trained network into a folder: all of it, or nothing.

    The printed source is executed without Archwright, its weights are loaded, and its outputs compared with the
    network's, before anything is put in place. A folder from an earlier export is replaced. Files that the network
    reads when it is built do not come along: a warning and the card name them.

    Args:
        folder: Where to.
        space: The space.
        architecture: The architecture in it.
        network: Its network, trained, on any device. Left as it is.
        example: A batch of inputs, shape (N, ...), such as the network was trained on, or a pair (args, kwargs) of
            what it is called with.
        card: What the model card tells.
        formats: Of `FORMATS`, those for other runtimes that are written too. None writes ONNX where its extra is
            installed, and where torch cannot export the network it warns and writes the reason into the card.
        onnx: An older spelling: True adds ONNX to the formats, False leaves it out.
        table: Of a table, how raw rows are prepared: `table_steps(task)`.
        members: Of an ensemble "name", "space" and "architecture" of each network that it consists of, in JSON's types.

    Raises:
        ExportError: When the network cannot be written as source or weights, when what was written differs from
            the network, when a format that was asked for fails, or when the folder holds other files.
        UsageError: When a format is unknown, or its extra is not installed.
    """
    folder = Path(folder).absolute()
    asked = chosen_formats(formats, onnx)
    with drafted(folder) as draft:
        save_weights(network, draft / "weights.safetensors")
        needed: list[Path] = []
        try:
            text = print_source(space, architecture, example)
        except NoFactoryError as error:
            asked = tuple(dict.fromkeys([*(asked or ()), "pt2"]))
            card = dataclasses.replace(
                card, caveats=[*card.caveats, f"There is no model.py, but model.pt2: {error}."]
            )
        else:
            (draft / "model.py").write_text(text, encoding="utf-8")
            needed = check_printed(draft / "model.py", network, example)
        if functions := functions_script(network):
            (draft / "functions.py").write_text(functions, encoding="utf-8")
        missing = _write_formats(network, example, draft, asked)
        if table is not None:
            write_table(table, draft / "preprocessing.py")
            card = dataclasses.replace(card, example=card.example or example_of(table))
        told = {"members": list(members)} if members else {}
        write_told(draft, _completed(card, network, needed, missing), space, architecture, told)
    return _exported(folder)


def _exported(folder: Path) -> Exported:
    """The files of an export."""

    def there(name: str) -> Path | None:
        return folder / name if (folder / name).exists() else None

    return Exported(
        folder,
        there("model.py"),
        folder / "weights.safetensors",
        there("model.onnx"),
        folder / "card.md",
        folder / "architecture.json",
        there("preprocessing.py"),
        {name: path for name, one in FORMATS.items() if (path := there(one.file)) is not None},
    )


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder`, or of an earlier export there, at the end.

    Raises:
        ExportError: When the folder holds other files, or is a file.
    """
    check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    draft.mkdir()
    try:
        yield draft
        _replace(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_told(
    draft: Path, card: Card, space: Space, architecture: Architecture, more: Mapping[str, Any]
) -> None:
    """Write `card.md` and `architecture.json` beside the files that are there.

    Args:
        draft: The folder.
        card: What the card tells.
        space: The space.
        architecture: The architecture in it.
        more: Further entries of `architecture.json`.
    """
    files = {name: what for name, what in _FILES.items() if (draft / name).exists() or name in _LAST}
    (draft / "card.md").write_text(render_card(card, files), encoding="utf-8")
    decided = {"space": space.name, "digest": space.digest, "architecture": architecture.to_json(), **more}
    (draft / "architecture.json").write_text(json.dumps(decided, indent=2) + "\n", encoding="utf-8")


def _write_formats(network: nn.Module, example: Any, folder: Path, asked: Sequence[str] | None) -> str | None:
    """Write what other runtimes read. Returns why there is no ONNX, or None where there is or it was not asked for."""
    onnx = FORMATS["onnx"]
    for name in asked or ():
        FORMATS[name].save(network, example, folder / FORMATS[name].file)
    if asked is not None:
        return None if asked else "it was not asked for"
    if not onnx.is_installed:
        return "the extra `onnx` is not installed"
    try:
        onnx.save(network, example, folder / onnx.file)
    except ExportError as error:
        (folder / onnx.file).unlink(missing_ok=True)
        warnings.warn(f"model.onnx was not written: {error}", ArchwrightWarning, stacklevel=3)
        return str(error)
    return None


def _completed(card: Card, network: nn.Module, needed: list[Path], missing: str | None) -> Card:
    """The card with what whoever uses the folder must know; what needs other files is told at once, too."""
    caveats = list(card.caveats)
    if needed:
        told = (
            f"model.py reads {', '.join(map(str, needed))}: it runs only where that is found. To have it run anywhere, "
            "build the network without the file; its weights are in weights.safetensors, and other numbers belong into "
            "buffers"
        )
        warnings.warn(told, ArchwrightWarning, stacklevel=3)
        caveats.append(f"{told}.")
    if missing:
        caveats.append(f"There is no model.onnx: {missing}.")
    params = sum(p.numel() for p in network.parameters()) if card.params is None else card.params
    return dataclasses.replace(card, caveats=caveats, params=params)


def check_replaceable(folder: Path) -> None:
    """Never delete what was not written here.

    Raises:
        ExportError: When the folder holds other files, or is a file.
    """
    if not folder.exists():
        return
    known = {*_FILES, "__pycache__"}
    if not folder.is_dir() or (others := sorted(p.name for p in folder.iterdir() if p.name not in known)):
        told = f"it also holds {', '.join(others[:3])}" if folder.is_dir() else "it is a file"
        raise ExportError(
            f"expected {folder} to be new, or a folder from an earlier export, but {told}; choose another"
        )


def _replace(folder: Path, draft: Path) -> None:
    """Put a finished folder in place; the earlier one is kept until the new one stands."""
    if not folder.exists():
        os.replace(draft, folder)
        return
    earlier = folder.with_name(f"{draft.name}-earlier")
    os.replace(folder, earlier)
    try:
        os.replace(draft, folder)
    except OSError:
        os.replace(earlier, folder)
        raise
    shutil.rmtree(earlier)
