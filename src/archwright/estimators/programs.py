"""The estimator of programs: they are trained by their own Learn, on tasks that the search for them has not seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, final

import torch

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.programs.judging import Judge, arrays_of
from archwright.programs.network import EvolvedProgram
from archwright.programs.settings import settings_of
from archwright.programs.space import program_of
from archwright.tasks.batches import Part, evaluation_plan
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from archwright.learning.recipe import Recipe
    from archwright.spaces import Space
    from archwright.tasks.task import Task

__all__ = ["ProgramTraining"]


@final
class ProgramTraining(Estimator):
    """Trains a program by its own Learn on several tasks, one example after the other, and scores its predictions.

    Real et al. 2020, arXiv:2003.03384. In a search a program's score is the mean over the tasks that algorithms are
    selected by (`Family`); a task that belongs to no family is divided in five ways. A program whose error is no
    number, or over 100, scores 0.

    Args:
        space: A space of programs.
        task: What to learn: amounts, or one of two classes.
        recipe: Its seed draws the tasks and the numbers that programs draw.

    Raises:
        UsageError: When the space holds no programs, or the task is of another kind.
    """

    def __init__(self, space: Space, task: Task, recipe: Recipe | None = None) -> None:
        from archwright.learning.recipe import Recipe

        settings = settings_of(space)
        if settings is None:
            raise UsageError(
                f"the estimator 'programs' trains programs: expected the space 'automl_zero', got {space!r}"
            )
        self.space, self.task = space, task
        self.recipe = Recipe() if recipe is None else recipe
        self.judge = Judge(task, settings, self.recipe.seed)

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Score a program on the tasks that algorithms are selected by.

        The metrics are "fitness", the task's own metric where that is the accuracy, and "instructions": how many have
        an effect.
        """
        began = time.perf_counter()
        program = program_of(candidate.architecture)
        fitness = self.judge.fitness(program, "select")
        metrics = {"fitness": fitness, "instructions": float(len(program.simplified()))}
        if self.judge.is_classes:
            metrics["accuracy"] = fitness
        elif self.task.metric != "fitness":
            metrics |= self._scored(candidate, 0)[1]
        return Measurement(metrics, (), time.perf_counter() - began)

    def fit(
        self, candidate: Candidate, trial: TrialContext | None = None, *, seed: int | None = None
    ) -> tuple[EvolvedProgram, Measurement]:
        """Train a program on the task's own training data.

        Args:
            candidate: The program.
            trial: Takes no reports.
            seed: Of the numbers that it draws; None takes the recipe's.

        Returns:
            The program with what it has learned, and the task's metrics on the validation data, "unseen_fitness" on
            tasks that nothing was chosen by, where there is a family, and "instructions".

        Raises:
            TrialError: When an error is no number, or over 100.
        """
        began = time.perf_counter()
        network, metrics = self._scored(candidate, self.recipe.seed if seed is None else seed)
        program = program_of(candidate.architecture)
        metrics["instructions"] = float(len(program.simplified()))
        if self.task.family is not None:
            metrics["unseen_fitness"] = self.judge.fitness(program, "final")
        return network, Measurement(metrics, (), time.perf_counter() - began)

    def test(self, network: torch.nn.Module, part: str = "test", *, errors: bool = False) -> dict[str, float]:
        """The task's metrics on a part of its data.

        Args:
            network: A trained program.
            part: Of the data: "test" or "validation".
            errors: Whether the metrics' standard errors are given, where the task knows them, instead of the metrics.
        """
        judge = self.task.uncertainty if errors else self.task.evaluate
        return judge(network, Part(part), evaluation_plan(torch.device("cpu")))

    def _scored(self, candidate: Candidate, seed: int) -> tuple[EvolvedProgram, dict[str, float]]:
        network: Any = self.space.build(candidate.architecture, self.task.example_arguments())
        if not network.learn(*arrays_of(self.task.train), seed=seed):
            raise TrialError("the program's error became no number, or larger than 100, while it learned")
        return network.eval(), self.test(network, "validation")
