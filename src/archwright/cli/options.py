"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AsJson", "RunFolder", "StoreURL", "Trust", "Formats", "WithOnnx"]

RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, such as runs/digits.")]
StoreURL = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="The run's database, with its password; or give it by PGPASSWORD."
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code that a run of somebody else names.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, and nothing else there.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Write the network for another runtime too: onnx, pt2 (torch.export), executorch, or none; may be given "
        "several times; by default onnx where its extra is installed.",
    ),
]
WithOnnx = Annotated[
    bool | None, typer.Option("--onnx/--no-onnx", help="An older spelling of --format onnx, and of none.")
]
