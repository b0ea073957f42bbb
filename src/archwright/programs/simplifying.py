"""A program without what it does not need."""

from __future__ import annotations

from collections.abc import Callable

from archwright.programs.program import Function, Program

__all__ = ["simplify"]

TOLERANCE = 5e-4
"""Fitness that a shorter program may lack."""


def simplify(
    program: Program, fitness: Callable[[Program], float], tolerance: float = TOLERANCE
) -> tuple[Program, float]:
    """Take out one instruction after the other, as long as the fitness holds.

    Instructions that can have no effect go first; then all others are tried, again and again until none can go
    (Real et al. 2020, arXiv:2003.03384, on reading what was found).

    Args:
        program: The program.
        fitness: Its fitness over many tasks and seeds, the same for the same program.
        tolerance: How much of it may be lost in all.

    Returns:
        The program, and its fitness.
    """
    least = fitness(program) - tolerance
    best = program.simplified()
    reached = fitness(best)
    if reached < least:  # what random instructions draw depends on their places
        best, reached = program, least + tolerance
    goes_on = True
    while goes_on:
        goes_on = False
        for shorter in _shorter(best):
            found = fitness(shorter)
            if found >= least:
                best, reached, goes_on = shorter, found, True
                break
    return best, reached


def _shorter(program: Program) -> list[Program]:
    """The program without each of its instructions, the last ones first."""
    found = []
    for f in (2, 1, 0):
        function = program.functions[f]
        for place in reversed(range(len(function))):
            functions: list[Function] = list(program.functions)
            functions[f] = (*function[:place], *function[place + 1 :])
            found.append(Program(*functions))
    return found
