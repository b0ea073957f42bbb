"""User modules made for a test, and exporting what is built of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.export import Card, export_network

ALONE = """
import sys

class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "archwright":
            raise ModuleNotFoundError(f"{name} is not here", name=name)

assert "archwright" not in sys.modules
sys.meta_path.insert(0, NotHere())
"""


@pytest.fixture
def user_module(tmp_path: Path) -> Iterator[Callable[..., ModuleType]]:
    """Write a module of the user's own, and import it; `package.name` makes it part of a package."""
    made: list[str] = []

    def make(name: str, source: str, folder: str = "own") -> ModuleType:
        root = tmp_path / folder
        file = root.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), encoding="utf-8")
        if "." in name and (package := name.partition(".")[0]) not in sys.modules:
            (file.parent / "__init__.py").touch()
            load(package, file.parent / "__init__.py")
        return load(name, file)

    def load(name: str, file: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        made.append(name)
        spec.loader.exec_module(module)
        package, _, own = name.rpartition(".")
        if package:
            setattr(sys.modules[package], own, module)
        return module

    yield make
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., str]:
    """Export a network (which compares it with its print), and return the printed source."""

    def run(network: Any, example: torch.Tensor, seed: int = 0) -> str:
        space = network if isinstance(network, aw.Space) else aw.Space(network)
        architecture = space.sample(seed)
        torch.manual_seed(seed)
        built = space.build(architecture, example)
        folder = tmp_path / "best"
        written = export_network(
            folder,
            space=space,
            architecture=architecture,
            network=built,
            example=example,
            card=Card(name="a test", data={}, split=""),
            onnx=False,
        )
        return written.source.read_text(encoding="utf-8")

    return run


@pytest.fixture
def run_alone() -> Callable[..., str]:
    """Run code in a new interpreter that finds no Archwright, and return what it prints."""

    def run(code: str, *arguments: object) -> str:
        command = [sys.executable, "-I", "-c", ALONE + textwrap.dedent(code), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
