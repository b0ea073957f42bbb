"""Writing the whole folder: all of it or nothing, and never more than was promised."""

import importlib.util
import json
import os
import stat

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import ArchwrightWarning, ExportError, MissingExtraError
from archwright.export import Card, export_network

EXAMPLE = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
CARD = Card(name="a network", data={"task": "none"}, split="all")


@pytest.fixture
def given(tmp_path):
    space = aw.Space(
        aw.layer(
            nn.Sequential, aw.layer(nn.Linear, 4, aw.integer(2, 3, name="width")), aw.layer(nn.BatchNorm1d, 2)
        ),
        name="tiny",
    )
    architecture = space.architecture({"width": 2})
    network = space.build(architecture)
    return {
        "folder": tmp_path / "runs" / "best",
        "space": space,
        "architecture": architecture,
        "network": network,
        "example": EXAMPLE,
        "card": CARD,
        "onnx": False,
    }


def contents(folder):
    return {path.name for path in folder.iterdir()}


def test_all_files_are_written_and_nothing_else(given):
    given["onnx"] = True
    before = {name: value.clone() for name, value in given["network"].state_dict().items()}
    written = export_network(**given)
    folder = given["folder"]
    assert contents(folder) == {
        "model.py",
        "weights.safetensors",
        "model.onnx",
        "card.md",
        "architecture.json",
    }
    assert contents(folder.parent) == {"best"}
    assert (written.folder, written.source, written.onnx) == (
        folder,
        folder / "model.py",
        folder / "model.onnx",
    )
    told = json.loads(written.architecture.read_text())
    assert told == {"space": "tiny", "digest": given["space"].digest, "architecture": {"width": 2}}
    assert given["space"].architecture(told["architecture"]) == given["architecture"]
    card = written.card.read_text()
    assert "- parameters: 14" in card
    assert all(f"`{name}`" in card for name in contents(folder))
    assert given["network"].training
    assert all(torch.equal(value, before[name]) for name, value in given["network"].state_dict().items())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 1  # all readable by whom a new file is readable by


def test_an_earlier_export_is_replaced_as_a_whole(given):
    export_network(**given)
    (given["folder"] / "model.onnx").write_bytes(b"of an earlier time")
    (given["folder"] / "__pycache__").mkdir()
    with torch.no_grad():
        given["network"][0].weight.fill_(1.5)
    export_network(**given)
    assert contents(given["folder"]) == {"model.py", "weights.safetensors", "card.md", "architecture.json"}
    assert contents(given["folder"].parent) == {"best"}
    assert "There is no model.onnx: it was not asked for." in (given["folder"] / "card.md").read_text()


def test_a_folder_with_other_files_is_left_alone(given):
    given["folder"].mkdir(parents=True)
    (given["folder"] / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"also holds thesis\.tex; choose another"):
        export_network(**given)
    assert contents(given["folder"]) == {"thesis.tex"}
    given["folder"] = given["folder"] / "thesis.tex"
    with pytest.raises(ExportError, match="it is a file"):
        export_network(**given)


def test_a_failure_leaves_the_earlier_export(given, monkeypatch):
    export_network(**given)
    before = (given["folder"] / "weights.safetensors").read_bytes()

    given["network"][0].weight.data += 1
    replace = os.replace
    calls = []

    def fail_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError("the disk is full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_second)
    with pytest.raises(OSError, match="full"):
        export_network(**given)
    assert (given["folder"] / "weights.safetensors").read_bytes() == before
    assert contents(given["folder"].parent) == {"best"}


class Remembering(nn.Module):
    """Its output depends on a plain attribute, which no file of weights holds."""

    def __init__(self):
        super().__init__()
        self.scale = torch.ones(1)
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return self.inner(x) * self.scale


class Drawing(nn.Module):
    """Its layout is drawn at random."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, int(torch.randint(1, 10**6, ())))

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Remembering, "gives other outputs than the trained one.*neither parameters nor buffers"),
        (Drawing, "does not take the weights.*size mismatch"),
    ],
)
def test_a_print_that_is_not_the_network_is_refused(kind, expected, given):
    given["space"] = aw.Space(aw.layer(nn.Sequential, aw.layer(kind)))
    given["architecture"] = given["space"].sample(0)
    given["network"] = given["space"].build(given["architecture"])
    if kind is Remembering:
        given["network"][0].scale *= 1.001
    with pytest.raises(ExportError, match="(?s)" + expected):
        export_network(**given)
    assert not given["folder"].exists()
    assert contents(given["folder"].parent) == set()


def test_a_print_that_needs_a_module_of_the_users_own_is_refused(given, user_module):
    """Hidden where no analysis of the source can find it."""
    user_module("own_hidden", "def twice(x): return 2 * x\n")
    module = user_module(
        "own_hiding",
        """
        from torch import nn
        class Block(nn.Module):
            def forward(self, x):
                return eval("__import__('own_hidden')").twice(x)
        """,
    )
    given["space"] = aw.Space(aw.layer(nn.Sequential, aw.layer(module.Block)))
    given["architecture"] = given["space"].sample(0)
    given["network"] = given["space"].build(given["architecture"])
    with pytest.raises(ExportError, match=r"does not run on an input: ImportError.*own_hidden"):
        export_network(**given)


class Branching(nn.Module):
    def forward(self, x):
        return x if float(x.sum()) > 0 else 2 * x


def test_onnx_only_where_it_can_be(given, monkeypatch):
    given["space"] = aw.Space(aw.layer(nn.Sequential, aw.layer(Branching)))
    given["architecture"] = given["space"].sample(0)
    given["network"] = given["space"].build(given["architecture"])
    with pytest.raises(ExportError, match="torch cannot export"):
        export_network(**{**given, "onnx": True})
    assert not given["folder"].exists()
    with pytest.warns(ArchwrightWarning, match=r"model\.onnx was not written: torch cannot export"):
        written = export_network(**{**given, "onnx": None})
    assert written.onnx is None
    assert "There is no model.onnx: torch cannot export" in written.card.read_text()
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    written = export_network(**{**given, "onnx": None})
    assert "the extra `onnx` is not installed" in written.card.read_text()
    with pytest.raises(MissingExtraError, match="onnxruntime"):
        export_network(**{**given, "onnx": True})
