"""The examples of the guide run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from archwright.tasks import TASKS, LanguageModelling, digits

GUIDE = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.mark.slow
def test_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0)
    houses = pd.DataFrame({"rooms": drawn.integers(1, 9, 50), "price": drawn.normal(3e5, 1e5, 50)})
    houses.assign(address="somewhere").to_csv("houses.csv", index=False)
    for index in range(12):
        path = Path("photos") / ("cat", "dog")[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.integers(0, 256, (60, 80, 3), np.uint8)).save(path)
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 9
    names: dict[str, object] = {}
    [own] = [example for example in examples if "class Matching" in example]
    assert len(own.splitlines()) < 40
    for example in examples:
        if example is own:  # a run prints the source of its network, which must be in a file
            Path("own.py").write_text(own)
            done = subprocess.run([sys.executable, "own.py"], capture_output=True, text=True, check=True)
            print(done.stdout, end="")
            assert Path("runs/matching/best/model.py").is_file()
            continue
        exec(compile(example, str(GUIDE), "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert said[0] in GUIDE.read_text(encoding="utf-8")
    assert said[1:] == [
        "regression (1,)",
        "('cat', 'dog') (3, 48, 48)",
        "torch.int64 500",
        "(16,) 15 'the cat sat on t'",
        "['hits', 'loss']",
    ]
    assert names["progress"].shape == (1, 1)


def test_all_built_in_tasks_and_metrics_are_listed():
    text = GUIDE.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in TASKS)
    assert f"`{digits().metric}`" in text
    assert f"`{LanguageModelling.metric}`" in text
