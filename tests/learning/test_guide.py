"""The examples of the page on training run as they stand, and say what the page says."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "training.md"


def test_examples_run(capsys):
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 6
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(GUIDE), "exec"), names)
        said = capsys.readouterr().out.splitlines()
        expected = re.findall(r"^# (.+)$", example, re.MULTILINE)
        assert said[-len(expected) :] == expected or not expected
