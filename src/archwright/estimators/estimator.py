"""The seam of estimators: how good an architecture is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from archwright.estimators.replicates import over_replicates
from archwright.objectives import Meter, Objective
from archwright.trials import Candidate, Measurement, TrialContext

__all__ = ["Estimator", "PopulationEstimator"]


class Estimator(ABC):
    """Measures one architecture at one fidelity. Training, a proxy, a predictor, a table: all are estimators.

    An estimator is sent to worker processes, so it must survive pickling. What it measures depends on the
    candidate and its own arguments alone: the same candidate gives the same numbers on the same machine.
    """

    @property
    def ranks_by(self) -> Objective | None:
        """What it ranks networks by, where that is no metric of the task, as with a proxy.

        A search then looks at this one, and at objectives that are measured on the network itself; the others are
        measured when the best are retrained. None: it measures the objectives.
        """
        return None

    @property
    def stops_by(self) -> tuple[str, Mapping[str, Any]] | None:
        """Name and options of the pruner that its trials are made for, which a search takes where it is given none."""
        return None

    def is_bounded(self, candidate: Candidate) -> bool:
        """Whether limits keep a candidate from being measured: not where it only tells what a part costs."""
        return True

    def costs(self, candidate: Candidate, meters: Mapping[str, Meter]) -> dict[str, float] | None:
        """What meters say of a candidate, where the estimator knows better than to measure its network as a whole."""
        return None

    def for_population(self) -> PopulationEstimator | None:
        """What measures the networks of a known population, where a score is a rank and means nothing for one alone.

        None: a score stands alone.
        """
        return None

    def measure(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """What a search records of a candidate: `estimate`, or the mean of several where the fidelity has replicates.

        See `over_replicates`; one that has stages of which not all depend on a seed overrides it.
        """
        return over_replicates(self.estimate, candidate, trial)

    @abstractmethod
    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Measure a candidate once, as one of the replicates.

        Args:
            candidate: What to measure, and at what fidelity (`candidate.effort`).
            trial: Takes reports and checkpoints while the estimate goes on, and says when to stop; holds what
                earlier attempts and the parent left. `LocalTrial()` serves where there is no search.

        Returns:
            What was measured: after a verdict to stop, what was reached.

        Raises:
            TrialError: When this candidate cannot be measured (a loss that is NaN, a network that does not
                build); any other error fails the trial too, with its traceback in the log.
        """


class PopulationEstimator(Estimator):
    """Measures what networks are ranked by, and ranks them among each other once all are measured.

    It measures each network once. The estimator that made it by `for_population` scores candidates one by one, and
    measures a sample of the space first, in each process.
    """

    @property
    @abstractmethod
    def sample(self) -> int:
        """How many networks are measured beforehand where candidates are scored one by one."""

    @abstractmethod
    def population_scores(self, measured: Sequence[Mapping[str, float]]) -> Sequence[float]:
        """The scores of a population, the higher the better; not a number where one is not defined.

        Args:
            measured: The metrics of each network.
        """
