"""What is wrong in a command is told before PyTorch is loaded, which takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import contextlib, io, json, sys
from archwright.cli import main

found = []
for words in json.loads(sys.argv[1]):
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.suppress(SystemExit):
        main(words)
    found.append([told.getvalue(), "torch" in sys.modules])
print(json.dumps(found))
"""

WRONG = {
    "unknown task 'moons'": ["search", "moons"],
    "sales.csv: no such file. Did you mean 'sale.csv'": ["search", "sales.csv", "--target", "sold"],
    "say which column to predict": ["search", "sale.csv"],
    "sale.csv: no such file": ["search", "sale.csv", "--target", "sold", "--test", "late/sale.csv"],
    "unknown space 'cel'": ["search", "digits", "--space", "cel"],
    "unknown strategy 'evolve'": ["search", "digits", "--strategy", "evolve"],
    "takes the verdict of `archwright judge`": ["search", "digits", "--estimator", "auto"],
    "there is no folder gone": [
        "search",
        "digits",
        "--estimator",
        "auto",
        "--estimator-option",
        "judge=gone",
    ],
    "gdas measures by its supernet": ["search", "digits", "--estimator", "auto", "--strategy", "gdas"],
    "nothing for a pruner to stop": ["search", "digits", "--strategy", "enas", "--pruner", "median"],
    "but gone.txt cannot be read: there is no such file": ["search", "digits", "--rules", "gone.txt"],
    "but gone.json cannot be read": ["search", "digits", "--enqueue", "gone.json"],
    "full exists and is not an empty folder": ["search", "digits", "--out", "full"],
    "expected epochs to be an integer >= 1": ["search", "digits", "--epochs", "0"],
    "unknown augmentation 'flop'": ["search", "digits", "--augmentation", "flop"],
    "unknown tracker 'tensorbord'": ["search", "digits", "--track", "tensorbord"],
    "there is no file gone.py": ["search", "digits", "--compare", "gone.py:Net"],
    "need a store on PostgreSQL": ["search", "digits", "--workers", "0"],
    "unknown task 'moon'": ["profile", "moon"],
    "unknown space 'darst'": ["judge", "digits", "--space", "darst"],
    "is not a run's folder": ["report", "full", "full"],
    "got a folder": ["report", "full", "--to", "full"],
    "full is not a run's folder": ["resume", "full"],
    "full is not a run's folder: it": ["export", "full"],
    "target: no column 'solt'. Did you mean 'sold'": ["search", "sale.csv", "--target", "solt"],
    "drop: no column 'prize'. Did you mean 'price'": [
        "search",
        "sale.csv",
        "--target",
        "sold",
        "--drop",
        "prize",
    ],
    "the kind of 'price': 'numerik' is none": [
        "profile",
        "sale.csv",
        "--target",
        "sold",
        "--column",
        "price=numerik",
    ],
    "late.csv: target: no column 'sold'": ["search", "sale.csv", "--target", "sold", "--test", "late.csv"],
    "unknown format 'onx'. Did you mean 'onnx'": ["export", "full", "--format", "onx"],
    "unknown format 'ptt'": ["search", "digits", "--format", "ptt"],
    "unknown format 'exec'": ["resume", "full", "--format", "exec"],
    "unknown format 'pte'": ["specialise", "full", "--limit", "params<=3", "--format", "pte"],
    "limit 'params=3'": ["specialise", "full", "--limit", "params=3"],
}


@pytest.mark.slow
def test_what_is_wrong_is_told_before_pytorch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "sale.csv").write_text("sold,price\n1,2\n")
    (tmp_path / "late.csv").write_text("bought,price\n1,2\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    words = [sys.executable, "-c", PROGRAM, json.dumps(list(WRONG.values()))]
    shown = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for wanted, (told, loads_torch) in zip(WRONG, json.loads(shown), strict=True):
        assert wanted in told
        assert not loads_torch, told
