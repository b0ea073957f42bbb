"""Writing a program as Python that needs NumPy alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from archwright.errors import ExportError
from archwright.export.card import Card
from archwright.export.checking import executed, step
from archwright.export.export import drafted, write_told
from archwright.programs.judging import Judge, arrays_of
from archwright.programs.program import Program
from archwright.programs.runner import Runner
from archwright.programs.simplifying import simplify
from archwright.programs.source import print_algorithm
from archwright.programs.space import program_of
from archwright.spaces import Architecture, Space

__all__ = ["export_algorithm"]

_TOLERANCE = 1e-9


def export_algorithm(
    folder: str | Path, *, space: Space, architecture: Architecture, judge: Judge, card: Card
) -> Path:
    """Write a program into a folder, all or nothing: `algorithm.py`, `architecture.json`, `card.md`.

    The program is simplified first: instructions go as long as the fitness over the tasks that algorithms are selected
    by holds. What was written is executed, trained and compared with the interpreter before it is put in place.

    Args:
        folder: Where to.
        space: The space.
        architecture: The program in it.
        judge: Draws the tasks.
        card: What the card tells.

    Returns:
        The folder.

    Raises:
        ExportError: When what was written predicts something else, or the folder holds other files.
    """
    folder = Path(folder).absolute()
    whole = program_of(architecture)
    short, fitness = simplify(whole, lambda program: judge.fitness(program, "select"))
    told = (
        f"Fitness over the tasks of selection: {fitness:.6g}, that of the program as it was found, with {len(whole)} "
        f"instructions, {judge.fitness(whole, 'select'):.6g}; {len(short)} instructions are left."
    )
    example = (
        f"from algorithm import fit, predict\n\nmemory = fit(inputs, labels)  # inputs (n, {judge.settings.features})\n"
        "answers = predict(memory, others)"
    )
    with drafted(folder) as draft:
        path = draft / "algorithm.py"
        path.write_text(
            print_algorithm(short, judge.settings.features, judge.is_classes, told), encoding="utf-8"
        )
        check_algorithm(path, short, judge)
        caveats = [*card.caveats, f"`algorithm.py` is a simplified form of the program. {told}"]
        texts = {"found": str(whole), "simplified": str(short)}
        told_card = dataclasses.replace(
            card, example=example, caveats=caveats, training={}
        )  # by its own Learn
        write_told(draft, told_card, space, architecture, texts)
    return folder


def check_algorithm(path: Path, program: Program, judge: Judge) -> None:
    """Execute a printed algorithm, train it on the task, and compare its predictions with the interpreter's.

    Args:
        path: The module.
        program: What it must do.
        judge: Has the task.

    Raises:
        ExportError: When it does not run, or a prediction differs by more than 1e-9.
    """
    settings, task = judge.settings, judge.task
    inputs, labels = arrays_of(task.train)
    others = arrays_of(task.validation)[0]
    runner = Runner(settings.features, settings.memory)
    runner.train(program, inputs, labels, is_classes=judge.is_classes)
    found = runner.predict(
        program, runner.memory_now.copy(), others, is_classes=judge.is_classes, step=len(inputs)
    )
    if judge.is_classes:
        with np.errstate(over="ignore"):
            found = 1.0 / (1.0 + np.exp(-found))
    with executed(path) as module, step("does not learn"):
        given = module.predict(module.fit(inputs, labels), others)
    if not np.allclose(given, found, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
        worst = float(np.nanmax(np.abs(given - found)))
        raise ExportError(
            f"the printed algorithm predicts something else than the program (largest difference {worst:.3g})"
        )
