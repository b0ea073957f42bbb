"""Rules from a file, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_rule_that_cannot_be_read_is_told_without_a_traceback(tmp_path: Path, archwright: Any) -> None:
    rules = tmp_path / "rules.txt"
    rules.write_text("# of the widths\n\nforbid wdth > 3\n")
    found = archwright("search", "breast_cancer", "--rules", str(rules), "--out", str(tmp_path / "run"))
    assert found.code == 2
    assert f"{rules}, line 3: the rule 'forbid wdth > 3': no decision has the address 'wdth'" in found.err
    assert "Traceback" not in found.err
    missing = archwright("search", "breast_cancer", "--rules", str(tmp_path / "none.txt"))
    assert missing.code == 2
    assert "none.txt cannot be read: there is no such file" in missing.err
