"""What stands before and behind a network that learned from a table, as a file that needs no Archwright."""

from __future__ import annotations

import ast
import pprint
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import ExportError
from archwright.export.checking import executed, step
from archwright.tasks import columns
from archwright.tasks.columns import Table
from archwright.tasks.task import Task

__all__ = ["TableSteps", "example_of", "print_table", "table_steps", "write_table"]

_TOLERANCE = 1e-5

_LONGEST = 40
"""A row of more columns is not written out in an example."""

_FIRST = 'next(csv.DictReader(open("table.csv")))'

_HEAD = '''"""From the raw rows of a table to the inputs of the network in model.py, and from its outputs to answers.

    outputs = load()(torch.from_numpy(prepare({"column": "value", ...})))
    answers = restore(outputs.detach().numpy())

Written by Archwright; it needs numpy alone, and scikit-learn where a column is text.
"""
'''

_FOOT = '''

def prepare(rows):
    """Raw rows as the network takes them: see `Table.prepare`."""
    return TABLE.prepare(rows)


def restore(outputs):
    """The network's outputs as answers: see `Table.restore`."""
    return TABLE.restore(outputs)
'''


@dataclass(frozen=True, slots=True)
class TableSteps:
    """How a table is prepared, and rows by which that is checked.

    Args:
        table: The steps.
        rows: Raw rows, column to value.
        inputs: What a network was trained on for them, shape (rows, features).
    """

    table: Table
    rows: Sequence[Mapping[str, Any]]
    inputs: NDArray[Any]


def table_steps(task: Task) -> TableSteps | None:
    """How the rows of a task are prepared; None where it is no table."""
    if task.preprocessing is None or not task.raw_rows:
        return None
    table = task.preprocessing.table(task.kind, task.classes)
    inputs = np.stack([task.train[place][0].numpy() for place in range(len(task.raw_rows))])
    return TableSteps(table, task.raw_rows, inputs)


def write_table(steps: TableSteps, path: Path) -> None:
    """Write the file, execute it, and compare what it makes of the raw rows with what the network was trained on.

    Raises:
        ExportError: When it does not run, or a number differs by more than 1e-5 (as a share of its size, where that is
            over 1).
    """
    path.write_text(print_table(steps.table), encoding="utf-8")
    with executed(path) as module:
        with step("does not prepare the task's rows"):
            made = module.prepare([dict(row) for row in steps.rows])
        if made.shape != steps.inputs.shape:
            raise ExportError(
                f"{path.name} makes rows of shape {made.shape}, the task has {steps.inputs.shape}"
            )
        wrong = np.abs(made - steps.inputs) > _TOLERANCE * np.maximum(1, np.abs(steps.inputs))
        if wrong.any():
            row, feature = np.argwhere(wrong)[0]
            raise ExportError(
                f"{path.name} makes {made[row, feature]:g} of what was trained on as {steps.inputs[row, feature]:g}, "
                f"feature {feature} of the training row {row}"
            )


def example_of(steps: TableSteps) -> str:
    """How the files are used on a raw row, as Python."""
    is_short = len(steps.rows[0]) <= _LONGEST
    row = pprint.pformat(dict(steps.rows[0]), width=100, sort_dicts=False, compact=True)
    return (
        f"{'' if is_short else 'import csv' + chr(10)}import torch\n"
        "from model import load\n"
        "from preprocessing import prepare, restore\n\n"
        f"row = {row if is_short else _FIRST}\n"
        "outputs = load()(torch.from_numpy(prepare(row)))\n"
        "print(restore(outputs.detach().numpy()))"
    )


def print_table(table: Table) -> str:
    """The file's text: the code by which the task itself was prepared, and its numbers."""
    source = Path(columns.__file__).read_text(encoding="utf-8")
    nodes = ast.parse(source).body
    lines = source.splitlines()
    left_out = [
        nodes[0],
        *(node for node in nodes if isinstance(node, ast.Assign) and _names(node) == ["__all__"]),
    ]
    for node in reversed(left_out):
        del lines[node.lineno - 1 : node.end_lineno]
    code = "\n".join(lines).strip()
    return f"{_HEAD}\n{code}\n\n\nTABLE = {_printed(table)}\n{_FOOT}"


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _printed(record: Any, indent: int = 0) -> str:
    """A dataclass as the call that makes it, without what is its default."""
    margin = " " * (indent + 4)
    lines = []
    for field in fields(record):
        value = getattr(record, field.name)
        if field.default is not MISSING and value == field.default:
            continue
        if field.name == "columns":
            inner = "".join(f"{margin}    {_printed(column, indent + 8)},\n" for column in value)
            text = f"(\n{inner}{margin})"
        else:
            text = pprint.pformat(value, width=110, compact=True).replace("\n", f"\n{margin}")
        lines.append(f"{margin}{field.name}={text},\n")
    return f"{type(record).__name__}(\n{''.join(lines)}{' ' * indent})"
