"""Smaller kernels as learned transforms of larger ones (Cai et al. 2020, section 3.2)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import archwright as aw
from archwright.supernets import Supernet
from archwright.supernets.storage import load_supernet, save_supernet


def space() -> aw.Space:
    kernel = aw.choice(3, 5, 7, name="kernel")
    width = aw.choice(4, 6, name="width")
    padding = kernel // 2
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 2, width, 1),
            aw.layer(nn.Conv2d, width, width, kernel, padding=padding, groups=width, bias=False),
            aw.layer(nn.AdaptiveAvgPool2d, 1),
            aw.layer(nn.Flatten),
            aw.layer(nn.Linear, width, 3),
        )
    )


def made() -> Supernet:
    supernet = Supernet(space(), torch.randn(2, 2, 9, 9))
    supernet.learn_kernels()
    return supernet


def test_kernels_are_the_centres_until_something_is_learned() -> None:
    supernet, x = made(), torch.randn(2, 2, 9, 9)
    plain = Supernet(space(), torch.randn(2, 2, 9, 9))
    shared = {name: tensor for name, tensor in supernet.state_dict().items() if "/to_" not in name}
    plain.load_state_dict(shared)
    assert len(shared) == len(supernet.state_dict()) - 2
    for architecture in space():
        with supernet.on(architecture), plain.on(architecture):
            torch.testing.assert_close(supernet(x), plain(x))


def test_a_kernel_of_3_is_the_transform_of_the_transform_of_that_of_7() -> None:
    supernet = made()
    tensors = dict(supernet.named_parameters())
    (first,) = [tensor for name, tensor in tensors.items() if name.endswith("to_5x5")]
    (second,) = [tensor for name, tensor in tensors.items() if name.endswith("to_3x3")]
    with torch.no_grad():
        first.copy_(torch.randn(25, 25))
        second.copy_(torch.randn(9, 9))
    (largest,) = [tensor for tensor in tensors.values() if tensor.shape == (6, 1, 7, 7)]
    architecture = space().architecture({"kernel": 3, "width": 4})
    found = supernet.extract(architecture)[1].weight  # type: ignore[index]
    for channel in range(4):
        five = torch.tensor(
            [
                float((first.detach()[i] * largest.detach()[channel, 0, 1:6, 1:6].reshape(25)).sum())
                for i in range(25)
            ]
        ).reshape(5, 5)
        three = torch.tensor(
            [float((second.detach()[i] * five[1:4, 1:4].reshape(9)).sum()) for i in range(9)]
        )
        torch.testing.assert_close(found[channel, 0].reshape(9), three, rtol=1e-4, atol=1e-4)
    with supernet.on(architecture):
        x = torch.randn(2, 2, 9, 9)
        torch.testing.assert_close(supernet(x), supernet.extract(architecture)(x))
        supernet(x).sum().backward()
    assert first.grad is not None
    assert second.grad is not None


def test_transforms_are_kept_with_the_weights(tmp_path: Path) -> None:
    supernet = made()
    with torch.no_grad():
        for name, tensor in supernet.named_parameters():
            if "/to_" in name:
                tensor.add_(torch.randn_like(tensor))
    save_supernet(supernet, tmp_path / "supernet.pt")
    loaded = load_supernet(space(), torch.randn(2, 2, 9, 9), tmp_path / "supernet.pt")
    x = torch.randn(2, 2, 9, 9)
    for architecture in space():
        torch.testing.assert_close(loaded.extract(architecture)(x), supernet.extract(architecture)(x))
