"""Export by torch.export and for ExecuTorch, each checked in a process that cannot import Archwright."""

import importlib.util
import subprocess
import sys

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import ExportError, MissingExtraError, UsageError
from archwright.export import (
    FORMATS,
    Card,
    chosen_formats,
    export_network,
    programs,
    save_executorch,
    save_pt2,
)

from .conftest import ALONE

RUN_PT2 = "network = torch.export.load(sys.argv[1]).module()\nrun = lambda x: network(x)\n"
RUN_PTE = (
    "from executorch.runtime import Runtime\n"
    "method = Runtime.get().load_program(sys.argv[1]).load_method('forward')\n"
    "run = lambda x: method.execute((x,))[0]\n"
)


def alone(code, file, inputs, tmp_path):
    """What a file gives for inputs, in an interpreter without Archwright."""
    torch.save(inputs, tmp_path / "in.pt")
    code = f"import torch\n{ALONE}\n{code}\ntorch.save(run(torch.load(sys.argv[2])).clone(), sys.argv[3])"
    command = [sys.executable, "-c", code, str(file), str(tmp_path / "in.pt"), str(tmp_path / "out.pt")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return torch.load(tmp_path / "out.pt")


@pytest.fixture
def convolutional():
    width = aw.integer(8, 16, step=8, name="width")
    layers = [
        aw.layer(nn.Conv2d, 1, width, 3),
        aw.layer(nn.BatchNorm2d, width),
        aw.layer(nn.ReLU),
        aw.layer(nn.Dropout, 0.5),
        aw.layer(nn.AdaptiveAvgPool2d, 1),
        aw.layer(nn.Flatten),
        aw.layer(nn.Linear, width, 3),
    ]
    space = aw.Space(aw.layer(nn.Sequential, *layers), name="net")
    example = torch.randn(4, 1, 8, 8)
    torch.manual_seed(0)
    network = space.build(space.sample(0), example)
    network(example)  # running statistics
    return {
        "space": space,
        "architecture": space.sample(0),
        "network": network.eval(),
        "example": example,
        "card": Card(name="net", data={}, split=""),
    }


@pytest.mark.slow
def test_a_program_runs_without_the_source_of_its_network(convolutional, tmp_path):
    written = export_network(tmp_path / "best", **convolutional, formats=["pt2"])
    assert written.formats == {"pt2": tmp_path / "best" / "model.pt2"}
    assert written.onnx is None
    assert "`model.pt2`" in written.card.read_text()
    inputs = torch.randn(7, 1, 8, 8)
    expected = convolutional["network"](inputs).detach()
    torch.testing.assert_close(alone(RUN_PT2, written.formats["pt2"], inputs, tmp_path), expected)


@pytest.mark.slow
def test_executorch_gives_what_torch_gives(convolutional, tmp_path):
    pytest.importorskip("executorch")
    written = export_network(tmp_path / "best", **convolutional, formats="executorch")
    for size in (1, programs.LARGEST_BATCH):
        inputs = torch.randn(size, 1, 8, 8)
        expected = convolutional["network"](inputs).detach()
        given = alone(RUN_PTE, written.formats["executorch"], inputs, tmp_path)
        torch.testing.assert_close(given, expected, atol=1e-4, rtol=0)


class Tagger(nn.Module):
    """Whole numbers in, a dict out, a keyword argument, recurrence."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 4, batch_first=True)

    def forward(self, x, *, scale):
        y = self.lstm(self.embedding(x))[0] * scale[:, :, None]
        return {"tags": y, "sum": y.sum((1, 2))}


def test_arguments_by_name_and_several_outputs(tmp_path):
    arguments = ((torch.randint(9, (3, 5)),), {"scale": torch.rand(3, 5)})
    network = Tagger().train()
    save_pt2(network, arguments, tmp_path / "model.pt2")
    assert network.training
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    x, scale = torch.randint(9, (6, 5)), torch.rand(6, 5)
    torch.testing.assert_close(loaded(x, scale=scale), network(x, scale=scale))


class Branching(nn.Module):
    def forward(self, x):
        return x if float(x.sum()) > 0 else 2 * x


class OneBatch(nn.Module):
    def forward(self, x):
        return x + torch.zeros(2, 3)


@pytest.mark.parametrize("network", [Branching(), OneBatch()])
def test_what_torch_cannot_trace(network, tmp_path, capfd):
    with pytest.raises(ExportError, match=r"torch\.export cannot trace this network: \w+: "):
        save_pt2(network, torch.randn(2, 3), tmp_path / "model.pt2")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


class Switched(nn.Module):
    """Its weights change after it was traced, as those of a network that is still trained would."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.scale * x


def test_other_numbers_are_noticed(tmp_path, monkeypatch):
    network = Switched()
    save = torch.export.save

    def save_then_change(program, path):
        save(program, path)
        with torch.no_grad():
            network.scale.mul_(1.01)

    monkeypatch.setattr(torch.export, "save", save_then_change)
    with pytest.raises(ExportError, match=r"differs from torch on a batch of 1 in torch\.export"):
        save_pt2(network, torch.randn(2, 3), tmp_path / "model.pt2")


def test_a_runtime_that_dies_costs_an_export_and_not_the_process(tmp_path):
    with pytest.raises(RuntimeError, match="ended with 3"):
        programs._python("import os; os._exit(3)")
    with pytest.raises(RuntimeError, match="ValueError: told"):
        programs._python("raise ValueError('told')")


def test_formats_by_name(monkeypatch):
    assert chosen_formats(None) is None
    assert chosen_formats(["pt2", "onnx"]) == ("onnx", "pt2")
    assert chosen_formats("none") == chosen_formats(()) == chosen_formats(None, onnx=False) == ()
    assert chosen_formats("pt2", onnx=True) == ("onnx", "pt2")
    with pytest.raises(UsageError, match="Did you mean 'onnx'"):
        chosen_formats("onx")
    with pytest.raises(UsageError, match="leave out one"):
        chosen_formats(["onnx"], onnx=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "executorch" else find(name)
    )
    assert not FORMATS["executorch"].is_installed
    with pytest.raises(MissingExtraError, match=r"pip install 'archwright\[executorch\]'"):
        chosen_formats(["executorch"])
    with pytest.raises(MissingExtraError, match=r"'executorch'"):
        save_executorch(nn.ReLU(), torch.randn(2, 3), "model.pte")
