"""Channels last in memory: the same numbers, faster on a CPU."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.estimators.cost import time_training
from archwright.estimators.training import Training
from archwright.learning.layout import channels_last_pays, lay_out, plain_layout
from archwright.spaces import Space, layer
from archwright.tasks import from_arrays, make_task
from archwright.trials import Candidate


class Viewing(nn.Module):
    """A network that views its activations as rows, always or in training only."""

    def __init__(self, always: bool) -> None:
        super().__init__()
        self.always = always
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.head = nn.Linear(8 * 64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        rows = x.view(len(x), -1) if self.always or self.training else x.flatten(1)
        outputs: torch.Tensor = self.head(rows)
        return outputs


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, groups=4), nn.Flatten())


def test_only_the_order_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    network, x = plain(), torch.randn(2, 3, 9, 9)
    pictures = from_arrays(torch.randn(60, 3, 9, 9).numpy(), [i % 2 for i in range(60)], seed=0)
    before, weights = network(x), {name: value.clone() for name, value in network.state_dict().items()}
    assert lay_out(network, pictures)
    assert network[0](x).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x), before)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    plain_layout(network)
    assert all(value.is_contiguous() for value in network.state_dict().values())
    assert network[0](x).is_contiguous()


def test_several_threads_keep_the_usual_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert not channels_last_pays(plain())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert channels_last_pays(plain())
    assert not channels_last_pays(plain().double())
    assert not channels_last_pays(nn.Conv1d(2, 2, 1))


def test_pictures_of_one_channel_lie_in_memory_as_any() -> None:
    inputs, _ = make_task("digits").example()
    assert inputs.stride() == torch.empty(inputs.shape).stride()


@pytest.mark.parametrize("always", [True, False])
def test_a_network_that_views_its_activations_is_trained_in_the_usual_order(always: bool) -> None:
    recipe = aw.Recipe(epochs=1)
    training = Training(
        Space(layer(Viewing, always)), make_task("digits"), recipe, accelerator="cpu", threads=1
    )
    network, measured = training.fit(Candidate(training.space.default))
    assert measured.metrics["accuracy"] > 0.5
    assert all(value.is_contiguous() for value in network.state_dict().values())


def test_a_trained_network_comes_back_in_the_usual_order() -> None:
    body = layer(nn.Conv2d, 1, 8, 3), layer(nn.ReLU), layer(nn.Flatten), layer(nn.Linear, 8 * 36, 10)
    space = Space(layer(nn.Sequential, *body))
    recipe = aw.Recipe(epochs=1)
    training = Training(space, make_task("digits"), recipe, accelerator="cpu", threads=1)
    with training.prepared(Candidate(space.default)) as (trainer, _, _):
        kernels = next(trainer.network.parameters())
        assert kernels.stride(1) == 1
    network, _ = training.fit(Candidate(space.default))
    assert next(network.parameters()).stride() == nn.Conv2d(1, 8, 3).weight.stride()


def test_the_training_of_a_network_that_views_in_training_only_is_timed() -> None:
    training = Training(
        Space(layer(Viewing, False)), make_task("digits"), aw.Recipe(epochs=2), accelerator="cpu", threads=1
    )
    assert time_training(training, Candidate(training.space.default), seconds=0.0).timed_steps == 8


@pytest.mark.parametrize(
    ("channels", "stride", "pays"), [(4, 2, False), (4, 1, True), (16, 2, True), (4, (1, 2), False)]
)
def test_points_that_skip_others_need_channels_that_fill_a_register(
    channels: int, stride: int | tuple[int, int], pays: bool
) -> None:
    """oneDNN's backward pass writes beyond its memory there, which ends the process sooner or later."""
    network = nn.Sequential(nn.Conv2d(1, channels, 3), nn.Conv2d(channels, 8, 1, stride))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert channels_last_pays(network) is pays
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_network_with_a_short_cut_of_few_channels_trains() -> None:
    """In a process of its own, which was aborted on CPUs without AVX-512."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "import archwright as aw; from torch import nn\n"
        "space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 1, 2, 3), aw.layer(nn.Conv2d, 2, 4, 1, 2), "
        "aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.Linear, 4, 10)))\n"
        "from archwright.estimators.training import Training; from archwright.tasks import make_task\n"
        "from archwright.trials import Candidate\n"
        "training = Training(space, make_task('digits'), aw.Recipe(epochs=3), accelerator='cpu')\n"
        "training.fit(Candidate(space.default))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)
