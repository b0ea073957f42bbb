"""The shared records: what a strategy proposes, what an estimator measures, what happened."""

from archwright.trials.candidate import Candidate
from archwright.trials.context import Checkpoint, LocalTrial, Report, TrialContext, Verdict
from archwright.trials.fidelity import FULL, Fidelity
from archwright.trials.fidelity_range import FidelityRange
from archwright.trials.forecast import Forecast, Range, forecast
from archwright.trials.measurement import Measurement
from archwright.trials.stages import stage_shares
from archwright.trials.trial import Trial, TrialState

__all__ = [
    "FULL",
    "Candidate",
    "Checkpoint",
    "Fidelity",
    "FidelityRange",
    "Forecast",
    "LocalTrial",
    "Measurement",
    "Range",
    "Report",
    "Trial",
    "TrialContext",
    "TrialState",
    "Verdict",
    "forecast",
    "stage_shares",
]
