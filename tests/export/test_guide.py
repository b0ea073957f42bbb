"""The examples of the guide run as they are printed."""

import re
import sys
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from archwright.export import table_steps
from archwright.export.preprocessing import write_table
from archwright.tasks import from_frame

GUIDE = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch, capsys):
    write, use, table, onnx = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(write, str(GUIDE), "exec"), {})
    monkeypatch.chdir("best")
    monkeypatch.syspath_prepend(str(tmp_path / "best"))
    names = {"inputs": torch.randn(5, 4)}
    exec(compile(use + onnx, str(GUIDE), "exec"), names)
    frame = pd.DataFrame(
        {"age": range(40), "color": ["red", "blue"] * 20, "y": ["no", "no", "yes", "yes"] * 10}
    )
    steps = table_steps(from_frame(frame, "y"))
    write_table(steps, tmp_path / "best" / "preprocessing.py")
    names |= {"torch": torch, "load": lambda: nn.Linear(2, 2)}
    exec(compile(table, str(GUIDE), "exec"), names)
    assert capsys.readouterr().out.strip() in ("['no']", "['yes']")
    del sys.modules["model"], sys.modules["preprocessing"]
    assert names["outputs"].shape == (5, 3)
    onnx_probabilities = torch.from_numpy(names["outputs"]).softmax(1)
    torch.testing.assert_close(onnx_probabilities, names["probabilities"].detach(), atol=1e-4, rtol=0)
