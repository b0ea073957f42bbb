"""Networks as files that need no Archwright: source, weights, forms for other runtimes, a model card.

Names load when they are used, so that a format is known without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.export.formats import FORMATS, chosen_formats
from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.experiments.checkpoints import save_weights
    from archwright.export.algorithms import export_algorithm
    from archwright.export.card import Card, render_card
    from archwright.export.export import Exported, export_network
    from archwright.export.onnx import save_onnx
    from archwright.export.preprocessing import TableSteps, table_steps
    from archwright.export.programs import save_executorch, save_pt2
    from archwright.export.source import NoFactoryError, check_printable, print_source
    from archwright.export.torchao import to_torchao

# fmt: off
__all__ = [
    "Card", "Exported", "FORMATS", "NoFactoryError", "TableSteps", "check_printable", "chosen_formats",
    "export_algorithm", "export_network", "print_source", "render_card", "save_executorch", "save_onnx", "save_pt2",
    "save_weights", "table_steps", "to_torchao",
]
# fmt: on

__getattr__ = imported_on_use(__name__)
