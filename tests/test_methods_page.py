"""The page of methods: a row for every name, each with a source, what is not built, and a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from archwright.cli.listing import REGISTRIES, registry_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
NAMED = ("strategies", "methods", "surrogates", "curve_models", "estimators", "pruners")
KINDS = [kind for kind in NAMED if kind in REGISTRIES]
TITLES = {
    "tables": "Networks for tables",
    "generated": "Generated networks",
    "devices": "Meters of devices",
    "methods": "One-shot methods",
    "curve_models": "Models of learning curves",
}


def rows(kind: str) -> dict[str, list[str]]:
    """Name to the cells of its row."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    title = TITLES.get(kind, kind.capitalize())
    (text,) = [part for part in section if part.startswith(f"{title}\n")]
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells] for cells in found}


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_name_has_a_row(kind: str) -> None:
    assert set(rows(kind)) == set(registry_of(kind).entries)


@pytest.mark.parametrize("kind", [*KINDS, "tables", "generated", "devices", "primitives"])
def test_every_row_has_a_source_and_a_test_that_exists(kind: str) -> None:
    for name, cells in rows(kind).items():
        assert len(cells) == 6, name
        _, source, built, missing, computed, figure = cells
        assert source == "–" or re.search(r"\]\(https://(arxiv|doi)\.org/", source), name
        assert built, name
        assert missing, name
        assert figure, name
        match = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", computed)
        assert match is not None, name
        tree = ast.parse((ROOT / match[1]).read_text(encoding="utf-8"))
        assert match[2] in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (
            computed
        )
