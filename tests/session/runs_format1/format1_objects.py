"""What the runs beside this file searched, where that is the user's own."""

from __future__ import annotations

from torch import nn

import archwright as aw


def mixed() -> aw.Space:
    """Four networks of two mixed operations, which every one-shot method can search."""

    def operation(i: int) -> object:
        options = {
            "conv": aw.layer(nn.Conv2d, 4, 4, 3, padding=1),
            "skip_connect": aw.layer(nn.Identity),
        }
        return aw.choice(options, name=f"op_{i}")

    first = aw.layer(nn.Conv2d, 1, 4, 3, stride=2, padding=1)
    last = [aw.layer(nn.AdaptiveAvgPool2d, 2), aw.layer(nn.Flatten), aw.layer(nn.Linear, 16, 10)]
    return aw.Space(aw.layer(nn.Sequential, first, operation(0), operation(1), *last), name="mixed")


def broken() -> aw.Space:
    """Two networks that do not run on images."""
    return aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Linear, 3, aw.choice(4, 5, name="width"))), name="broken"
    )


def perceptron() -> aw.Space:
    """Six networks for the ten measures of the diabetes data."""
    width = aw.choice(4, 8, 16, name="width")
    activation = aw.choice({"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)}, name="activation")
    return aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Linear, 10, width), activation, aw.layer(nn.Linear, width, 1)),
        name="perceptron",
    )
