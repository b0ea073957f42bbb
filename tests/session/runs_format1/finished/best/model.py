"""A network found by Archwright in the search space mlp.

It is plain PyTorch and needs torch alone.

    from model import load

    network = load()  # with the weights beside this file, in evaluation mode
    outputs = network(inputs)  # inputs: shape (N, 10)

`build()` makes the same network with fresh weights. `python model.py` prints its layers.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name("weights.safetensors")
INPUT_SHAPE = (10,)


class DenseBlock(nn.Module):
    """Linear layer, normalisation, activation, dropout, and a shortcut around them all where asked.

    The shortcut is an identity where the sizes agree, else a linear layer without bias
    (He et al. 2016, arXiv:1512.03385; on tables Gorishniy et al. 2021, arXiv:2106.11959).

    Args:
        in_features: Features of the input.
        out_features: Features of the output.
        normalization: Over `out_features`; an identity for none.
        activation: The activation.
        dropout: Probability of dropping a feature, in [0, 1).
        residual: Whether there is a shortcut.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        normalization: nn.Module,
        activation: nn.Module,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(in_features, out_features), normalization, activation, nn.Dropout(dropout)
        )
        self.shortcut: nn.Module | None = None
        if residual:
            same = in_features == out_features
            self.shortcut = nn.Identity() if same else nn.Linear(in_features, out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in_features) to (N, out_features)."""
        y: torch.Tensor = self.body(x)
        return y if self.shortcut is None else y + self.shortcut(x)


def build() -> nn.Module:
    """Build the network with fresh weights."""
    return nn.Sequential(
        DenseBlock(10, 128, nn.BatchNorm1d(128), nn.GELU(), dropout=0.1, residual=False),
        nn.Linear(128, 1),
    )


DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "BOOL": "bool",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
    "F8_E4M3": "float8_e4m3fn", "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip


def read(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file: the header's length in 8 bytes, the header as JSON, the numbers."""
    tensors = {}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        same = header.pop("__metadata__", {})
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            file.seek(8 + length + start)
            dtype = getattr(torch, DTYPES[entry["dtype"]])
            data = bytearray(file.read(end - start))
            flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
            tensors[name] = flat.reshape(entry["shape"])
    # Tensors that are one and the same in the network are stored once.
    return tensors | {name: tensors[stored] for name, stored in same.items() if stored in tensors}


def load(path: str | Path = WEIGHTS) -> nn.Module:
    """Build the network with the weights of a safetensors file, in evaluation mode, on the CPU."""
    network, tensors = build(), read(path)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if name in tensors:
            tensor.data = tensor.data.to(tensors[name].dtype)
    network.load_state_dict(tensors)
    return network.eval()


def summary(network: nn.Module) -> str:
    """The layers, in order, with the shapes of their outputs and their numbers of parameters."""
    modules = dict(network.named_modules())
    layers = {name: m for name, m in modules.items() if m._parameters or not m._modules}
    shapes = {}

    def note(layer: nn.Module, inputs: object, output: object) -> None:
        shapes[layer] = str(tuple(output.shape)) if isinstance(output, torch.Tensor) else "-"

    hooks = [layer.register_forward_hook(note) for layer in layers.values()]
    with torch.inference_mode():
        network(torch.randn(1, *INPUT_SHAPE))
    for hook in hooks:
        hook.remove()
    rows = [("layer", "type", "output", "parameters")]
    for name, layer in layers.items():
        count = sum(p.numel() for p in layer.parameters(recurse=False))
        rows.append((name or "network", type(layer).__name__, shapes.get(layer, "-"), f"{count:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    w, x, y, z = widths
    lines = [f"{a:{w}}  {b:{x}}  {c:{y}}  {d:>{z}}" for a, b, c, d in rows]
    total = sum(p.numel() for p in network.parameters())
    return "\n".join([*lines, f"{total:,} parameters in all"])


if __name__ == "__main__":
    if WEIGHTS.exists():
        print(summary(load()))
        print(f"weights: {WEIGHTS.name}")
    else:
        print(summary(build().eval()))
        print(f"weights: fresh, since there is no {WEIGHTS.name} beside this file")
