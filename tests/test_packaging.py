"""What `pyproject.toml` and `constraints.txt` promise about packages."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

# fmt: off
PEERS = {
    "autokeras", "efficientnet_lite_pytorch", "hpbandster", "keras", "keras_tuner", "nni", "rdata", "statsmodels",
    "syne_tune", "torch_pruning",
}
# fmt: on
"""Made the recorded traces, stand beside ours in a bench, read its data or are translated, apart from ours."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    """The distributions that requirement lines name, spelled as package indexes normalise them."""
    return {normalised(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in requirements}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(folder: Path) -> Iterator[str]:
    """The top-level packages that the files of a folder import, at the top or inside functions."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        (
            "src",
            [
                "onnx",
                "nvml",
                "postgres",
                "slurm",
                "ray",
                "bench",
                "optuna",
                "bayes",
                "cpu",
                "tracking",
                "testing",
                "compress",
                "primitives",
            ],
        ),
        (
            "tests",
            [
                "onnx",
                "executorch",
                "compress",
                "postgres",
                "slurm",
                "ray",
                "bench",
                "optuna",
                "bayes",
                "cpu",
                "primitives",
                "tracking",
                "testing",
                "test",
            ],
        ),
        ("benches", ["bench", "optuna", "ray", "test"]),
    ],
)
def test_every_imported_package_is_declared(project: dict[str, Any], folder: str, extras: list[str]) -> None:
    optional = project["optional-dependencies"]
    declared = names(project["dependencies"] + [line for extra in extras for line in optional[extra]])
    distributions = packages_distributions()
    folders = ("benches", "tests") if folder == "benches" else (folder,)  # benches use what tests are made of
    beside = {folder, *(path.stem for one in folders for path in (ROOT / one).rglob("*.py"))}
    foreign = set(imported(ROOT / folder)) - set(sys.stdlib_module_names) - {"archwright"} - beside
    assert foreign, "no file was read"
    undeclared = {
        package
        for package in foreign - (set() if folder == "src" else PEERS)
        if not declared & {normalised(name) for name in distributions.get(package, [package])}
    }
    assert not undeclared


def test_constraints_pin_every_direct_dependency_and_no_local_path(project: dict[str, Any]) -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    assert names(project["dependencies"] + extras) - {"archwright"} <= names(lines)
