"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AsJson", "RunFolder", "WithOnnx"]

RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, such as runs/digits.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, and nothing else there.")
]
WithOnnx = Annotated[
    bool | None,
    typer.Option(
        "--onnx/--no-onnx", help="Export to ONNX too; by default where the extra 'onnx' is installed."
    ),
]
