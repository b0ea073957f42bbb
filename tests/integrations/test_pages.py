"""The examples of the pages on other libraries run as they stand, but shorter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BRIEF = """
import functools
import archwright as aw
from archwright.integrations import scikit_learn

def brief(*args, budget=None, recipe=None, baseline=False, **options):
    budget = budget and aw.Budget(trials=1)
    recipe = aw.Recipe(epochs=1)
    return searched(*args, budget=budget, recipe=recipe, **options | {"retrain": 1, "progress": False}, baseline=False)

searched = aw.search
aw.search = scikit_learn.search = brief
"""


@pytest.mark.slow
@pytest.mark.parametrize("page", ["scikit-learn", "tracking", "optuna"])
def test_the_python_examples_of_a_page_run(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), flags=re.DOTALL)
    assert blocks
    script = tmp_path / "page.py"
    script.write_text(BRIEF + "\n".join(blocks))
    process = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
