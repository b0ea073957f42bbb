"""The space of AutoML-Zero's programs (Real et al. 2020, arXiv:2003.03384)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import SpaceError
from archwright.programs.decision import FunctionDecision
from archwright.programs.program import FUNCTIONS, Program, parse_function
from archwright.programs.settings import ProgramSettings, program_settings
from archwright.spaces import Architecture, Space
from archwright.spaces.nodes import DeferredCall

__all__ = ["architecture_of", "automl_zero", "program_of", "program_space"]


def automl_zero(
    input_shape: Sequence[int], outputs: int, *, kind: str = "", setting: str | None = None
) -> Space:
    """Learning algorithms as programs of 65 operations on scalars, vectors and matrices, without building blocks.

    Real et al. 2020, arXiv:2003.03384. `program_space` makes one of other settings.

    Args:
        input_shape: Shape of one input; its numbers are one vector.
        outputs: 1 for regression, 2 for two classes.
        kind: Of the task.
        setting: A key of `archwright.programs.SETTINGS`: "linear" has the six operations of the published
            demonstration, "network" those of a network with one hidden layer, from empty programs, "all" has all 65.
            None takes what the task's family names ("linear" for `linear_regression`, "network" for
            `two_layer_regression` and `digit_pairs`), else "linear" for regression and "network" for two classes.

    Raises:
        SpaceError: When the task has several outputs or more than two classes, or a setting does not fit.
    """
    is_classes = kind == "classification"
    if outputs != (2 if is_classes else 1):
        raise SpaceError(
            f"a program predicts one number or one of two classes, and the task has {outputs} outputs; take two of its "
            "classes, or another space"
        )
    features = 1
    for size in input_shape:
        features *= size
    return program_space(
        program_settings(setting or ("network" if is_classes else "linear"), features), is_classes
    )


def program_space(settings: ProgramSettings, is_classes: bool) -> Space:
    """The space of the programs that the settings allow.

    Its architectures hold the functions' texts under "setup", "predict" and "learn"; two that differ in instructions
    without effect are the same.

    Args:
        settings: What programs may hold.
        is_classes: Whether they tell two classes apart; else they predict a number.
    """
    from archwright.programs.network import EvolvedProgram

    decided: dict[str, Any] = {
        name: FunctionDecision(place, settings) for place, name in enumerate(FUNCTIONS)
    }
    scalars, vectors, matrices = settings.memory
    call = DeferredCall(
        EvolvedProgram,
        **decided,
        features=settings.features,
        scalars=scalars,
        vectors=vectors,
        matrices=matrices,
        is_classes=is_classes,
    )
    return Space(call, canonicalize=_canonical, name="automl_zero")


def _canonical(architecture: Architecture) -> Program:
    return program_of(architecture).simplified()


def program_of(architecture: Architecture) -> Program:
    """The program of an architecture."""
    return Program(*(parse_function(architecture[name]) for name in FUNCTIONS))


def architecture_of(program: Program) -> Architecture:
    """The inverse of `program_of`."""
    return Architecture(
        {
            name: "\n".join(map(str, function))
            for name, function in zip(FUNCTIONS, program.functions, strict=True)
        }
    )
