"""Export to ONNX. Each export takes seconds, so the cases are few."""

import importlib.util
import sys

import onnxruntime
import pytest
import torch
from torch import nn

from archwright.errors import ExportError, MissingExtraError
from archwright.export import FORMATS, save_onnx
from archwright.export import onnx as module


class TwoOutputs(nn.Module):
    """Embeds whole numbers; in training mode it would drop half of them."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        y = self.dropout(self.embedding(x)).mean(1)
        return {"normed": self.norm(y), "sum": y.sum(1)}


def test_several_outputs_and_whole_numbers_for_any_batch(tmp_path, capfd):
    network = TwoOutputs()
    network(torch.randint(9, (8, 5)))  # running statistics
    network.embedding.eval()
    modes = [m.training for m in network.modules()]
    save_onnx(network, torch.randint(9, (1, 5)), tmp_path / "model.onnx")
    assert [m.training for m in network.modules()] == modes
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("input", ["batch", 5])]
    assert [o.name for o in session.get_outputs()] == ["output_0", "output_1"]
    for size in (1, 4, 13):
        x = torch.randint(9, (size, 5))
        with torch.no_grad():
            expected = network.eval()(x).values()
        for given, wanted in zip(session.run(None, {"input": x.numpy()}), expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(given), wanted, atol=1e-4, rtol=0)
    assert capfd.readouterr().out == ""  # standard output is for the command's own


def test_an_onnxruntime_that_does_not_load_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ONNX_PACKAGES", ())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(module, "_save", lambda *_: None)
    with pytest.raises(ExportError, match="onnxruntime"):
        save_onnx(nn.Linear(2, 1), torch.randn(2, 2), tmp_path / "model.onnx")


class Branching(nn.Module):
    def forward(self, x):
        return x if float(x.sum()) > 0 else 2 * x


def test_what_torch_cannot_export(tmp_path, capfd):
    with pytest.raises(ExportError, match=r"torch cannot export this network to ONNX: \w+: Could not guard"):
        save_onnx(Branching(), torch.randn(2, 3), tmp_path / "model.onnx")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.fixture
def fake_export(monkeypatch):
    """Stand-in for torch's exporter that writes a fixed network, to see what the check notices."""
    onnx = importlib.import_module("onnx")

    def write(nodes, shape):
        def save(network, batch, outputs, shapes, path):
            one = onnx.TensorProto.FLOAT
            graph = onnx.helper.make_graph(
                nodes,
                "graph",
                [onnx.helper.make_tensor_value_info("input", one, shape)],
                [onnx.helper.make_tensor_value_info("output", one, None)],
                [
                    onnx.helper.make_tensor("factor", one, [], [2.001]),
                    onnx.helper.make_tensor("two", 7, [2], [2, 3]),
                ],
            )
            model = onnx.helper.make_model(
                graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9
            )
            onnx.save(model, path)

        monkeypatch.setattr(module, "_save", save)
        return onnx

    return write


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


def test_other_numbers_are_noticed(tmp_path, fake_export):
    onnx = importlib.import_module("onnx")
    fake_export([onnx.helper.make_node("Mul", ["input", "factor"], ["output"])], ["batch", 3])
    with pytest.raises(
        ExportError, match="differs from torch on a batch of 1 in onnxruntime: largest difference"
    ):
        save_onnx(Double(), torch.randn(2, 3), tmp_path / "model.onnx")


def test_a_fixed_batch_is_noticed(tmp_path, fake_export):
    onnx = importlib.import_module("onnx")
    fake_export([onnx.helper.make_node("Reshape", ["input", "two"], ["output"])], ["batch", 3])
    with pytest.raises(ExportError, match="does not run on a batch of 1 in onnxruntime"):
        save_onnx(nn.Identity(), torch.randn(2, 3), tmp_path / "model.onnx")


def test_a_file_that_onnxruntime_cannot_read(tmp_path, monkeypatch):
    monkeypatch.setattr(
        module, "_save", lambda network, batch, outputs, shapes, path: path.write_bytes(b"nothing")
    )
    with pytest.raises(ExportError, match="onnxruntime cannot read"):
        save_onnx(Double(), torch.randn(2, 3), tmp_path / "model.onnx")


@pytest.mark.parametrize("absent", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra(absent, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else find(name))
    assert not FORMATS["onnx"].is_installed
    with pytest.raises(MissingExtraError, match=rf"'{absent}'.*pip install 'archwright\[onnx\]'"):
        save_onnx(nn.ReLU(), torch.randn(2, 3), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
