"""The examples of the guide run as they are printed."""

import re
import sys
from pathlib import Path

import torch

GUIDE = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch):
    write, use, onnx = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(write, str(GUIDE), "exec"), {})
    monkeypatch.chdir("best")
    monkeypatch.syspath_prepend(str(tmp_path / "best"))
    names = {"inputs": torch.randn(5, 4)}
    exec(compile(use + onnx, str(GUIDE), "exec"), names)
    del sys.modules["model"]
    assert names["outputs"].shape == (5, 3)
    onnx_probabilities = torch.from_numpy(names["outputs"]).softmax(1)
    torch.testing.assert_close(onnx_probabilities, names["probabilities"].detach(), atol=1e-4, rtol=0)
