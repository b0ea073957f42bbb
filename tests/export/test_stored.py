"""Quantised networks in files that hold whole numbers."""

import onnx
import torch
from torch import nn

from archwright.export import save_onnx, save_pt2
from archwright.export.stored import stored
from archwright.hardware import weight_bytes
from archwright.spaces.zoo.blocks.quantised import quantise


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def rounded():
    made = quantise(network(), {"0": "int8", "3": "int8", "5": "int4"})
    made(torch.randn(4, 3, 8, 8))  # ranges
    return made.eval()


def test_the_outputs_are_those_of_the_network():
    made, x = rounded(), torch.randn(5, 3, 8, 8)
    kept = stored(made)
    assert torch.equal(kept(x), made(x))
    assert [kept[place].numbers.dtype for place in (0, 3, 5)] == [torch.int8] * 3
    assert [name for name, _ in kept.named_parameters()] == ["0.bias", "3.bias", "5.bias"]
    assert "weight" in dict(made[0].named_parameters())
    plain = network()
    assert stored(plain) is plain


def test_files_hold_a_byte_a_weight(tmp_path):
    x = torch.randn(2, 3, 8, 8)
    made = rounded()
    save_pt2(made, x, tmp_path / "model.pt2")
    save_onnx(made, x, tmp_path / "model.onnx")
    loaded = torch.export.load(tmp_path / "model.pt2")
    assert loaded.state_dict["3.numbers"].dtype == torch.int8
    torch.testing.assert_close(loaded.module()(x), made(x))
    held = {one.name: one.data_type for one in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert held["3.numbers"] == onnx.TensorProto.INT8
    assert (tmp_path / "model.onnx").stat().st_size < weight_bytes(network()) / 2
