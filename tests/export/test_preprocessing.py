"""What is exported with a table's network runs on raw rows without Archwright."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import archwright.spaces as aw
from archwright.errors import ExportError
from archwright.export import Card, export_network, table_steps
from archwright.export.checking import executed
from archwright.export.preprocessing import print_table, write_table
from archwright.tasks import Task, breast_cancer, digits, from_csv

ALONE = """
import sys
sys.modules["archwright"] = None
import numpy as np
exec(open("use.py").read())
print(isinstance(prepare(row), np.ndarray), "sklearn" in sys.modules)
"""


def goods(folder: Path, count: int = 120) -> Path:
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "it's": drawn.normal(5, 2, count).round(3),
            "color": drawn.choice(["red", 'dark "blue"', ""], count),
            "sold on": pd.date_range("2024-01-30", periods=count).strftime("%m/%d/%Y"),
            "note": [" ".join(drawn.choice(["good", "bad", "fast", "slow"], 4)) for _ in range(count)],
            "fragile": drawn.choice(["yes", "no"], count),
        }
    )
    frame.loc[::9, "it's"] = np.nan
    frame["price"] = 1000 + 50 * frame["it's"].fillna(0)
    frame["weight"] = drawn.normal(3, 1, count)
    frame.to_csv(folder / "goods.csv", index=False)
    return folder / "goods.csv"


def exported(folder: Path, task: Task) -> tuple[Path, nn.Module]:
    assert task.outputs
    assert task.input_shape
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, task.input_shape[0], task.outputs)))
    network = space.build(space.sample(0)).eval()
    written = export_network(
        folder / "best",
        space=space,
        architecture=space.sample(0),
        network=network,
        example=torch.zeros(2, *task.input_shape),
        card=Card(name="goods", data={}, split=""),
        onnx=False,
        table=table_steps(task),
    )
    return written.folder, network


@pytest.mark.parametrize(
    ("target", "drop"),
    [("fragile", []), ("price", ["note"]), (["price", "weight"], ["note"])],
)
def test_the_cards_example_runs_alone(tmp_path: Path, target: list[str] | str, drop: list[str]) -> None:
    task = from_csv(goods(tmp_path), target, drop=drop)
    folder, network = exported(tmp_path, task)
    [example] = re.findall(r"```python\n(.*?)```", (folder / "card.md").read_text(), flags=re.DOTALL)
    (folder / "use.py").write_text(example)
    ran = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert ran[1] == f"True {not drop}"  # scikit-learn is there for a text alone
    with torch.no_grad():
        outputs = network(task.train[0][0][None])
    if target == "fragile":
        assert ran[0] == str([task.classes[int(outputs.argmax())]])
    else:
        assert task.preprocessing
        told = np.array(eval(ran[0]), float).ravel()
        np.testing.assert_allclose(told, task.preprocessing.restore(outputs).ravel(), rtol=1e-5)


def test_all_rows_of_the_file_are_prepared_as_the_task_was(tmp_path: Path) -> None:
    path = goods(tmp_path)
    task = from_csv(path, "fragile", test=path)
    folder, _ = exported(tmp_path, task)
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    with executed(folder / "preprocessing.py") as module:
        made = module.prepare(rows)
    np.testing.assert_allclose(made, torch.stack([row for row, _ in task.test]), atol=1e-5)


def test_a_table_of_numbers_alone_has_it_too(tmp_path: Path) -> None:
    task = breast_cancer()
    folder, _ = exported(tmp_path, task)
    text = (folder / "preprocessing.py").read_text()
    assert "kind='numeric'" in text
    assert table_steps(digits()) is None


def test_what_prepares_otherwise_is_not_exported(tmp_path: Path) -> None:
    steps = table_steps(from_csv(goods(tmp_path), "fragile"))
    assert steps is not None
    write_table(steps, tmp_path / "preprocessing.py")
    other = replace(steps.table, mean=(steps.table.mean[0] + 1, *steps.table.mean[1:]))
    with pytest.raises(ExportError, match=r"makes .* feature 0 of the training row 0"):
        write_table(replace(steps, table=other), tmp_path / "preprocessing.py")
    less = replace(steps.table, columns=steps.table.columns[:-1])
    with pytest.raises(ExportError, match="does not prepare the task's rows"):
        write_table(replace(steps, table=less), tmp_path / "preprocessing.py")
    assert "archwright." not in print_table(steps.table)
