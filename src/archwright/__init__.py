"""Archwright: neural architecture search for PyTorch.

State what may vary in a network (`Space`), what it must learn (a task) and what it may cost (objectives);
`search` gives a plain PyTorch network with its weights. Names are imported when they are first used, so that
importing this package loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright import tasks
    from archwright.errors import ArchwrightError
    from archwright.estimators.training import Training
    from archwright.experiments import Budget, Run, open_run
    from archwright.integrations import ArchwrightClassifier, ArchwrightRegressor
    from archwright.learning import Recipe
    from archwright.objectives import FunctionMeter, Meter, Objective
    from archwright.pretrained import blockwise, from_network
    from archwright.session import Judgement, Profile, Result, export_trial, judge, profile, resume, search
    from archwright.spaces import (
        Architecture,
        Space,
        boolean,
        categorical,
        choice,
        generated,
        integer,
        layer,
        maximum,
        minimum,
        normal,
        real,
        repeat,
        subset,
        switch,
        tied,
        when,
    )
    from archwright.spaces.zoo.bit_widths import quantised
    from archwright.trials import (
        Candidate,
        Fidelity,
        FidelityRange,
        LocalTrial,
        Measurement,
        Trial,
        TrialState,
    )

# fmt: off
__all__ = [
    # Writing a space
    "Architecture", "Space", "blockwise", "boolean", "categorical", "choice", "from_network", "generated",
    "integer", "layer", "maximum", "minimum", "normal", "quantised", "real", "repeat", "subset", "switch", "tied",
    "when",
    # What to learn, and what it may cost
    "FunctionMeter", "Meter", "Objective", "tasks",
    # Searching
    "Budget", "Fidelity", "FidelityRange", "Judgement", "Profile", "Recipe", "Result", "Run", "Training",
    "export_trial", "judge", "open_run", "profile", "resume", "search",
    # In scikit-learn
    "ArchwrightClassifier", "ArchwrightRegressor",
    # Records and errors
    "ArchwrightError", "Candidate", "LocalTrial", "Measurement", "Trial", "TrialState",
]
# fmt: on

__getattr__ = imported_on_use(__name__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
