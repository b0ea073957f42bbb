"""Tasks whose batches are no pair of tensors go through search, retraining, test, export with ONNX, and report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import archwright as aw

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import kinds  # noqa: E402
from kinds import KINDS  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Matching", "Both", "Tagging", "Rings"])
def test_from_python(name: str, tmp_path: Path) -> None:
    task = getattr(kinds, name)()
    result = aw.search(
        KINDS[name],
        task,
        strategy="random",
        objectives=[task.metric, "params<=10000", "flops<=1000000"],
        budget=aw.Budget(trials=2),
        recipe=aw.Recipe(epochs=3, batch_size=16, learning_rate=0.02),
        retrain=1,
        onnx=True,
        out=tmp_path / "run",
        progress=False,
    )
    run = result.run
    assert run.state == "completed"
    assert run.baseline is None
    assert any("no built-in network fits" in text for _, text in run.messages)
    assert result.test is not None
    assert {"loss", task.metric} <= set(result.test)
    assert all(trial.metrics["flops"] > 0 for trial in run.trials)
    report = (tmp_path / "run" / "report.html").read_text()
    assert task.name in report
    best = tmp_path / "run" / "best"
    assert {"model.py", "weights.safetensors", "model.onnx", "card.md"} <= {p.name for p in best.iterdir()}
    shown = subprocess.run([sys.executable, "model.py"], cwd=best, capture_output=True, text=True, check=True)
    assert "parameters in all" in shown.stdout
    # The exported network runs alone and gives what the run's network gives.
    args, kwargs = task.example_arguments()
    network = result.model().eval()
    torch.save((args, kwargs, network(*args, **kwargs)), tmp_path / "example.pt")
    code = (
        "import torch, model\n"
        f"args, kwargs, expected = torch.load({str(tmp_path / 'example.pt')!r})\n"
        "found = model.load()(*args, **kwargs)\n"
        "torch.testing.assert_close(found, expected)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=best, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Matching", "Tagging"])
def test_from_the_command(name: str, tmp_path: Path) -> None:
    spaces = {"Matching": "pairs", "Tagging": "taggers"}
    words = [
        *(f"{HERE / 'kinds.py'}:{name}", "--space", f"{HERE / 'kinds.py'}:{spaces[name]}", "--trials", "2"),
        *("--epochs", "2", "--retrain", "1", "--out", str(tmp_path / "run"), "--workers", "2"),
    ]
    subprocess.run([sys.executable, "-m", "archwright", "search", *words], check=True, capture_output=True)
    told = subprocess.run(
        [sys.executable, "-m", "archwright", "show", str(tmp_path / "run"), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    shown = json.loads(told.stdout)
    assert {"loss", "accuracy"} <= set(shown["test"])
    again = ["export", str(tmp_path / "run"), "--trial", "0", "--to", str(tmp_path / "again")]
    subprocess.run([sys.executable, "-m", "archwright", *again], check=True, capture_output=True)
    assert (tmp_path / "again" / "model.py").is_file()
