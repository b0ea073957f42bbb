"""The parts of a printed module that are the same for every network: its heading, loading and summary."""

from __future__ import annotations

from archwright.export.source.definitions import Import

__all__ = ["IMPORTS", "LOADING", "RESERVED", "WEIGHTS", "heading", "summary"]

IMPORTS = (
    Import("torch", None, "torch"),
    Import("torch.nn", None, "nn"),
    Import("json", None, "json"),
    Import("struct", None, "struct"),
    Import("pathlib", "Path", "Path"),
)
"""What the parts below import; these names are given first, so they are as written here."""

RESERVED = ("DTYPES", "INPUT_SHAPE", "WEIGHTS", "build", "load", "read", "summary")
"""The names that the parts below define."""


def heading(space: str | None, usage: str, packages: list[str]) -> str:
    """The module's docstring.

    Args:
        space: The space's name.
        usage: How the network is called.
        packages: The packages that the module needs besides torch.
    """
    origin = f" in the search space {space}" if space else ""
    origin = origin.replace("\\", "\\\\").replace('"""', "'''")
    needs = ", ".join(["torch", *packages])
    return f'''"""A network found by Archwright{origin}.

It is plain PyTorch and needs {needs} alone.

    from model import load

    network = load()  # with the weights beside this file, in evaluation mode
    {usage}

`build()` makes the same network with fresh weights. `python model.py` prints its layers.
"""'''


WEIGHTS = 'WEIGHTS = Path(__file__).with_name("weights.safetensors")'

LOADING = '''\
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
            # In memory of its own: it may be a view that shares some with others.
            tensor.data = tensor.data.to(tensors[name].dtype, copy=True)
    network.load_state_dict(tensors)
    return network.eval()
'''


def summary(input_text: str | None) -> str:
    """The function that describes the layers, and the script.

    Args:
        input_text: An expression for one random input; None where its shape is not known, so that no layer is run.
    """
    noted = _NOTED.replace("@INPUT@", input_text) if input_text else _NOT_NOTED
    return _SUMMARY.replace("@NOTED@", noted)


_NOT_NOTED = "    shapes: dict = {}  # the shape of the input is not known, so no layer is run"

_NOTED = """\
    shapes = {}

    def note(layer: nn.Module, inputs: object, output: object) -> None:
        shapes[layer] = str(tuple(output.shape)) if isinstance(output, torch.Tensor) else "-"

    hooks = [layer.register_forward_hook(note) for layer in layers.values()]
    with torch.inference_mode():
        network(@INPUT@)
    for hook in hooks:
        hook.remove()"""

_SUMMARY = '''\
def summary(network: nn.Module) -> str:
    """The layers, in order, with the shapes of their outputs and their numbers of parameters."""
    modules = dict(network.named_modules())
    layers = {name: m for name, m in modules.items() if m._parameters or not m._modules}
@NOTED@
    rows = [("layer", "type", "output", "parameters")]
    for name, layer in layers.items():
        count = sum(p.numel() for p in layer.parameters(recurse=False))
        rows.append((name or "network", type(layer).__name__, shapes.get(layer, "-"), f"{count:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    w, x, y, z = widths
    lines = [f"{a:{w}}  {b:{x}}  {c:{y}}  {d:>{z}}" for a, b, c, d in rows]
    total = sum(p.numel() for p in network.parameters())
    return "\\n".join([*lines, f"{total:,} parameters in all"])


if __name__ == "__main__":
    if WEIGHTS.exists():
        print(summary(load()))
        print(f"weights: {WEIGHTS.name}")
    else:
        print(summary(build().eval()))
        print(f"weights: fresh, since there is no {WEIGHTS.name} beside this file")
'''
