"""Bit widths as decisions; whole numbers computed by numpy, and by torchao."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import archwright as aw
from archwright.errors import ExportError, SpaceError
from archwright.estimators import Training
from archwright.experiments.references import resolve_space
from archwright.export.torchao import to_torchao
from archwright.hardware import weight_bytes
from archwright.learning import Recipe
from archwright.pretrained import original_network
from archwright.spaces.zoo.bit_widths import refused_layers
from archwright.spaces.zoo.blocks.quantised import GROUP, Quantised, quantise, round_weight
from archwright.trials import Candidate


class Shared(nn.Module):
    """A tied embedding, an attention, a norm, and a subclass."""

    class Own(nn.Linear):
        pass

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.own = self.Own(8, 8)
        self.free = nn.Linear(8, 8)
        self.head = nn.Linear(8, 9, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        y = self.embedding(x)
        y = self.free(self.own(self.attention(y, y, y)[0]))
        return self.head(y)


@given(st.integers(0, 1000), st.sampled_from([(8, 27), (4, 27), (4, 64), (8, 64)]))
@settings(max_examples=20, deadline=None)
def test_whole_numbers_are_those_of_numpy(seed, form):
    bits, width = form
    weight = np.random.default_rng(seed).normal(size=(3, width)).astype(np.float32)
    numbers, scales = round_weight(torch.from_numpy(weight).view(3, width, 1), bits)
    rows = weight.reshape(-1, GROUP if bits == 4 and width % GROUP == 0 else width)
    step = np.abs(rows).max(axis=1, keepdims=True) / (2**bits - 1) * 2
    np.testing.assert_allclose(scales.numpy(), step, rtol=1e-6)
    error = np.abs(numbers.numpy() * scales.numpy() - rows)
    assert (error <= step * 0.5001).all()  # the nearest step, and half of one at the ends
    assert ((numbers.numpy() >= -(2 ** (bits - 1))) & (numbers.numpy() < 2 ** (bits - 1))).all()
    assert (numbers.numpy() == np.round(numbers.numpy())).all()


def test_a_layer_in_8_bits_rounds_its_inputs_to_256_steps():
    layer = quantise(nn.Sequential(nn.Linear(3, 2)), {"0": "int8"})[0]
    x = torch.tensor([[-1.0, 0.3, 2.0]])
    assert torch.equal(layer.eval().rounded_input(x), x)  # nothing was seen yet
    layer.train()(x)
    layer(torch.tensor([[-3.0, 0.0, 2.0]]))
    assert (float(layer.low), float(layer.high)) == pytest.approx((-1.2, 2.0))
    step = np.float32(3.2 / 255)
    zero = np.round(1.2 / step)
    outside = torch.tensor([[-5.0, 0.3, 0.0]])
    expected = (np.clip(np.round(outside.numpy() / step) + zero, 0, 255) - zero) * step
    np.testing.assert_allclose(layer.eval().rounded_input(outside).numpy(), expected, rtol=1e-5)
    assert (float(layer.low), float(layer.high)) == pytest.approx((-1.2, 2.0))


def test_gradients_pass_through_the_rounding():
    torch.manual_seed(0)
    plain = nn.Conv2d(2, 4, 3)
    rounded = nn.Conv2d(2, 4, 3)
    rounded.load_state_dict(plain.state_dict())
    quantise(rounded, {"": "int4"})
    x = torch.randn(2, 2, 5, 5)
    plain(x).sum().backward()
    rounded(x).sum().backward()
    torch.testing.assert_close(rounded.weight.grad, plain.weight.grad)
    assert not torch.equal(rounded(x), plain(x))


def test_stored_bytes_are_counted_by_hand():
    network = nn.Sequential(nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 3, bias=False))
    assert weight_bytes(network) == 4 * (640 + 10 + 30)
    quantise(network, {"0": "int4", "2": "int8"})
    # 640 half bytes, 20 scales, 10 biases; 30 bytes, 3 scales, the range of the inputs
    assert weight_bytes(network) == 320 + 4 * 20 + 40 + 30 + 4 * 3 + 5


def test_what_has_no_quantised_form_is_told():
    reasons = refused_layers(Shared())
    assert set(reasons) == {"embedding", "attention", "attention.out_proj", "own", "head"}
    assert "Own is a subclass of Linear" in reasons["own"]
    assert "shared by embedding, head" in reasons["head"]
    assert "MultiheadAttention has no quantised form" in reasons["attention"]
    space = aw.quantised(aw.Space(aw.layer(Shared)))
    assert list(space.decisions) == ["bits_free"]
    for options, told in (
        ({"forms": ["int3"]}, "'int3'"),
        ({"keep": ["hed"]}, "'hed' matches no layer"),
        ({"keep": ["free"]}, "no layer can be stored in few bits"),
    ):
        with pytest.raises(SpaceError, match=told):
            aw.quantised(aw.Space(aw.layer(Shared)), **options)


@pytest.mark.parametrize("name", ["chain", "mlp", "nasbench201"])
def test_a_ready_space_keeps_its_decisions(name):
    task = aw.tasks.digits()
    plain = resolve_space(name, task)
    space = aw.quantised(plain, forms=["int8", "int4"])
    assert set(plain.decisions) < set(space.decisions)
    assert space.digest == aw.quantised(plain, forms=["int8", "int4"]).digest
    again = pickle.loads(pickle.dumps(space))
    network = again.build(again.sample(3), task.example_arguments())
    assert any(isinstance(module, Quantised) for module in network.modules())
    bits = [address for address in space.decisions if address.startswith("bits_")]
    other = space.architecture({**space.default, bits[0]: "int4"})
    assert space.canonical(other) != space.canonical(space.default)


def test_the_default_is_the_network_itself():
    network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    space = aw.quantised(aw.from_network(network, torch.randn(2, 8)), keep=["2"])
    assert list(space.decisions) == ["0", "bits_0"]
    x = torch.randn(5, 8)
    assert torch.equal(space.build(space.default)(x), network(x))
    assert torch.equal(original_network(space)[0].weight, network[0].weight)


def test_torchao_gives_the_same_outputs():
    pytest.importorskip("torchao")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    quantise(network, {"0": "int4", "2": "int8"})
    x = torch.randn(32, 64)
    network(x)  # ranges
    network.eval()
    converted = to_torchao(network)
    torch.testing.assert_close(converted(x), network(x), atol=1e-5, rtol=1e-5)
    assert type(converted[0].weight).__module__.startswith("torchao")
    assert isinstance(network[0], Quantised)
    with pytest.raises(ExportError, match=r"0 are Conv2d; keep"):
        to_torchao(quantise(nn.Sequential(nn.Conv2d(1, 2, 3)), {"0": "int8"}))


def test_a_training_scores_the_quantised_network():
    drawn = np.random.default_rng(0)
    labels = np.arange(120) % 3
    task = aw.tasks.from_arrays(
        drawn.normal(size=(120, 4)).astype(np.float32) + 2 * labels[:, None].astype(np.float32), labels
    )
    space = aw.quantised(
        aw.Space(
            aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 16), aw.layer(nn.ReLU), aw.layer(nn.Linear, 16, 3))
        )
    )
    architecture = space.architecture({"bits_0": "int8", "bits_2": "int4"})
    training = Training(space, task, Recipe(epochs=3))
    network, measured = training.fit(Candidate(architecture))
    assert bool(network[0].is_observed)
    assert training.test(network, "validation")["loss"] == pytest.approx(measured.metrics["loss"], rel=1e-5)
    plain = nn.Linear(16, 3)
    plain.load_state_dict({"weight": network[2].rounded_weight(), "bias": network[2].bias})
    x = torch.randn(5, 4)
    torch.testing.assert_close(network(x), plain(network[1](network[0](x))))
