"""AutoML-Zero: learning algorithms as programs of 65 operations, without building blocks.

- `automl_zero`, `program_space`: spaces of programs.
- `Program`, `Instruction`: a program, its text, and what of it has an effect.
- `Runner`, `Lanes`: fitness, training and predictions.

Real et al. 2020, arXiv:2003.03384. Names load when they are used, so that the command starts without numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.programs.operations import OPERATIONS, Operation
    from archwright.programs.program import Instruction, Program
    from archwright.programs.runner import Lanes, Runner
    from archwright.programs.settings import SETTINGS, ProgramSettings, program_settings, settings_of
    from archwright.programs.space import architecture_of, automl_zero, program_of, program_space

__all__ = [
    "OPERATIONS",
    "SETTINGS",
    "Instruction",
    "Lanes",
    "Operation",
    "Program",
    "ProgramSettings",
    "Runner",
    "architecture_of",
    "automl_zero",
    "program_of",
    "program_settings",
    "program_space",
    "settings_of",
]

__getattr__ = imported_on_use(__name__)
