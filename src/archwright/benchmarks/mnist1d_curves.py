"""Learning curves of the project's own: 200 small networks, 50 epochs each on MNIST-1D."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from archwright.benchmarks.table import Table
from archwright.errors import UsageError
from archwright.estimators.tabular_curves import CurveRow
from archwright.objectives import Direction, Objective
from archwright.spaces import Space

__all__ = ["mnist1d_curves", "mnist1d_curves_space"]

FILE = Path(__file__).with_name("mnist1d_curves.npz")
EPOCHS = 50
EXAMPLES, TEST_EXAMPLES = 800, 1000
"""Of the validation and the test data."""


def mnist1d_curves(*, file: str | Path | None = None) -> Table:
    """The table of 200 networks, each trained once for 50 epochs on MNIST-1D by `benches/curve_table.py`.

    "accuracy" and "loss" are on the 800 validation examples after each epoch, "test_accuracy" is on the 1,000 test
    examples after the last one; "params" and "flops" are counts. Seconds are processor time of one thread, the same
    for each epoch of a network. Trained by AdamW at .005 in batches of 128, along a cosine over the 50 epochs.

    Args:
        file: Another file of the same kind; None takes the one that ships with the package.

    Raises:
        UsageError: When the file is missing or another.
    """
    path = FILE if file is None else Path(file)
    space = mnist1d_curves_space()
    curves = {}
    try:
        with np.load(path, allow_pickle=False) as packed:
            texts = str(packed["architectures"]).split("\n")
            accuracy, test = packed["right"] / EXAMPLES, packed["test_right"] / TEST_EXAMPLES
            loss, params, flops = packed["loss"], packed["params"], packed["flops"]
            seconds = packed["seconds"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{path}: expected the curves that benches/curve_table.py packs, got {error}"
        ) from error
    for i, text in enumerate(texts):
        curves[space.canonical(space.architecture(json.loads(text)))] = CurveRow(
            {"accuracy": tuple(accuracy[i].tolist()), "loss": tuple(loss[i].astype(np.float64).tolist())},
            (float(seconds[i]),) * EPOCHS,
            {"params": float(params[i]), "flops": float(flops[i])},
            {"test_accuracy": float(test[i])},
        )
    objectives = (
        Objective("accuracy", Direction.MAXIMIZE),
        Objective("loss", Direction.MINIMIZE),
        Objective("params", Direction.MINIMIZE),
        Objective("flops", Direction.MINIMIZE),
    )
    return Table.of_curves("mnist1d-curves", space, curves, objectives, "test_accuracy")


def mnist1d_curves_space() -> Space:
    """The 200 networks: one to four equal layers of 1-D convolution over signals of 40 numbers, in 10 classes.

    Decisions are `depth` (1 to 4), `width` (4 to 20 channels, step 4), `operation` (with the kernel's length in its
    name) and `pool`, which halves the signal once.
    """
    from torch import nn

    from archwright.spaces import categorical, integer, layer, repeat, switch
    from archwright.spaces.zoo.blocks import Conv1dNormAct, SeparableConv1d
    from archwright.spaces.zoo.parts import pooled_head

    width = integer(4, 20, step=4, name="width")
    operation = categorical(["conv3", "conv5", "conv9", "separable5", "dilated3"], name="operation")
    options = {
        "conv3": layer(Conv1dNormAct, width, width, 3),
        "conv5": layer(Conv1dNormAct, width, width, 5),
        "conv9": layer(Conv1dNormAct, width, width, 9),
        "separable5": layer(SeparableConv1d, width, width, 5),
        "dilated3": layer(Conv1dNormAct, width, width, 3, dilation=2),
    }
    pool = categorical(["max", "average"], name="pool")
    network = layer(
        nn.Sequential,
        layer(Conv1dNormAct, 1, width, 5),
        switch(pool, {"max": layer(nn.MaxPool1d, 2), "average": layer(nn.AvgPool1d, 2)}),
        repeat(switch(operation, options), integer(1, 4, name="depth")),
        *pooled_head(width, 10, axes=1),
    )
    return Space(network, name="mnist1d-curves")
