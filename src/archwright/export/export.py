"""Writing a network into a folder that needs no Archwright: source, weights, ONNX, model card, architecture."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from archwright.errors import ArchwrightWarning, ExportError
from archwright.experiments.checkpoints import save_weights
from archwright.export.card import Card, render_card
from archwright.export.checking import check_printed
from archwright.export.onnx import has_onnx, save_onnx
from archwright.export.preprocessing import TableSteps, example_of, write_table
from archwright.export.source import print_source
from archwright.spaces import Architecture, Space

__all__ = ["Exported", "export_network", "check_replaceable"]

_FILES = {
    "model.py": "the network as source: `build()`, `load()`; as a script it prints its layers",
    "preprocessing.py": "from raw rows to its inputs, `prepare(rows)`, and from outputs to answers, `restore(outputs)`",
    "weights.safetensors": "its weights; `load()` reads them",
    "model.onnx": "the same network in ONNX, for batches of any size; checked against PyTorch within 1e-4",
    "architecture.json": "the decisions of the search space that make it",
    "card.md": "this card",
}


_LAST = ("architecture.json", "card.md")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        folder: The folder.
        source: `model.py`.
        weights: `weights.safetensors`.
        onnx: `model.onnx`; None where it was not written.
        card: `card.md`.
        architecture: `architecture.json`.
        preprocessing: `preprocessing.py`; None where it is no table's network.
    """

    folder: Path
    source: Path
    weights: Path
    onnx: Path | None
    card: Path
    architecture: Path
    preprocessing: Path | None = None


def export_network(
    folder: str | Path,
    *,
    space: Space,
    architecture: Architecture,
    network: nn.Module,
    example: Any,
    card: Card,
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
        onnx: Whether to write ONNX. None does so where the extra is installed, and where torch cannot export the
            network it warns and writes the reason into the card.
        table: Of a table, how raw rows are prepared: `table_steps(task)`.
        members: Of an ensemble "name", "space" and "architecture" of each network that it consists of, in JSON's types.

    Raises:
        ExportError: When the network cannot be written as source or weights, when what was written differs from
            the network, when ONNX was asked for and fails, or when the folder holds other files.
        MissingExtraError: When ONNX was asked for and its extra is not installed.
    """
    folder = Path(folder).absolute()
    check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    draft.mkdir()
    try:
        (draft / "model.py").write_text(print_source(space, architecture, example), encoding="utf-8")
        save_weights(network, draft / "weights.safetensors")
        needed = check_printed(draft / "model.py", network, example)
        missing = _write_onnx(network, example, draft / "model.onnx", onnx)
        if table is not None:
            write_table(table, draft / "preprocessing.py")
            card = dataclasses.replace(card, example=card.example or example_of(table))
        files = {name: what for name, what in _FILES.items() if (draft / name).exists() or name in _LAST}
        told = render_card(_completed(card, network, needed, missing), files)
        (draft / "card.md").write_text(told, encoding="utf-8")
        decided: dict[str, Any] = {"space": space.name, "digest": space.digest}
        decided |= {"architecture": architecture.to_json(), **({"members": list(members)} if members else {})}
        (draft / "architecture.json").write_text(json.dumps(decided, indent=2) + "\n", encoding="utf-8")
        _replace(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Exported(
        folder,
        folder / "model.py",
        folder / "weights.safetensors",
        None if missing else folder / "model.onnx",
        folder / "card.md",
        folder / "architecture.json",
        None if table is None else folder / "preprocessing.py",
    )


def _write_onnx(network: nn.Module, example: Any, path: Path, wanted: bool | None) -> str | None:
    """Write ONNX if it is wanted. Returns why there is none, or None where there is."""
    if wanted is False:
        return "it was not asked for"
    if wanted is None and not has_onnx():
        return "the extra `onnx` is not installed"
    try:
        save_onnx(network, example, path)
    except ExportError as error:
        if wanted:
            raise
        path.unlink(missing_ok=True)
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
