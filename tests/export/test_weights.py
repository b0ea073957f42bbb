"""Weights written, and read by the printed function, which knows torch alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, load_model
from torch import nn

import archwright as aw
from archwright.errors import ExportError
from archwright.export import print_source, save_weights

PRINTED = {"__name__": "printed", "__file__": "model.py"}
exec(print_source(aw.Space(aw.layer(nn.Identity)), aw.Architecture({})), PRINTED)
read = PRINTED["read"]

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool),
    *(
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.uint16,
        torch.uint32,
        torch.uint64,
    ),
    *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
]


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else torch.empty(0)


def holding(tensors):
    module = nn.Module()
    for i, tensor in enumerate(tensors):
        module.register_buffer(f"b{i}", tensor)
    return module


@given(
    st.lists(st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3)), max_size=6),
    st.integers(0, 1000),
)
@settings(max_examples=60)
def test_every_type_and_shape_comes_back(tmp_path_factory, kinds, seed):
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    generator = torch.Generator().manual_seed(seed)
    tensors = []
    for dtype, shape in kinds:
        drawn = torch.randn(shape, generator=generator) * 10
        tensors.append(
            drawn.abs().to(torch.int64).to(dtype) if not dtype.is_complex else torch.complex(drawn, -drawn)
        )
    save_weights(holding(tensors), path)
    found = read(path)
    assert set(found) == {f"b{i}" for i in range(len(tensors))}
    for i, tensor in enumerate(tensors):
        assert (found[f"b{i}"].dtype, found[f"b{i}"].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(bits(found[f"b{i}"]), bits(tensor))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5)
        self.head.weight = self.embedding.weight
        self.again = self.head


def test_tied_weights_are_stored_once_and_read_under_each_name(tmp_path):
    path = tmp_path / "weights.safetensors"
    network, fresh = Tied(), Tied()
    save_weights(network, path)
    assert set(load_file(path)) == {"embedding.weight", "head.bias"}
    found = read(path)
    assert found.keys() == network.state_dict().keys()
    fresh.load_state_dict(found)
    assert fresh.head.weight is fresh.embedding.weight
    assert torch.equal(fresh.again.weight, network.again.weight)
    other = Tied()
    assert load_model(other, path) == (set(), [])  # safetensors itself reads the file
    assert torch.equal(other.again.bias, network.again.bias)


def test_views_of_one_tensor_are_stored_apart(tmp_path):
    path = tmp_path / "weights.safetensors"
    whole = torch.arange(12.0).reshape(3, 4)
    parts = [whole[0], whole[1:], whole.T, whole[:, 1], whole]
    save_weights(holding(parts), path)
    for i, part in enumerate(parts):
        assert torch.equal(read(path)[f"b{i}"], part)


def test_the_file_can_be_read_by_others_as_any_new_file(tmp_path):
    save_weights(nn.Linear(1, 1), tmp_path / "weights.safetensors")
    (tmp_path / "new").touch()
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode


class WithExtraState(nn.Linear):
    def get_extra_state(self):
        return {"a": 1}

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (WithExtraState(1, 1), "_extra_state is a dict from get_extra_state"),
        (nn.LazyLinear(2), "weight has no values yet; run the network once"),
        (nn.Linear(2, 2, device="meta"), "weight has no values yet"),
        (holding([torch.zeros(1, dtype=torch.complex128)]), r"torch\.complex128.*convert"),
    ],
)
def test_what_cannot_be_stored(network, expected, tmp_path):
    with pytest.raises(ExportError, match=expected):
        save_weights(network, tmp_path / "weights.safetensors")
