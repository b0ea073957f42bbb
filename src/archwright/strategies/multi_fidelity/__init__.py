"""Multi-fidelity strategies: measure many at little effort, and few of them at more."""

from archwright.strategies.multi_fidelity.asha import ASHA
from archwright.strategies.multi_fidelity.bohb import BOHB
from archwright.strategies.multi_fidelity.cascade import Cascade
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.hyperband import Hyperband
from archwright.strategies.multi_fidelity.pasha import PASHA
from archwright.strategies.multi_fidelity.priorband import PriorBand
from archwright.strategies.multi_fidelity.progressive_hurdles import ProgressiveHurdles
from archwright.strategies.multi_fidelity.successive_halving import SuccessiveHalving

__all__ = [
    "ASHA",
    "BOHB",
    "Cascade",
    "PASHA",
    "Hyperband",
    "MultiFidelity",
    "PriorBand",
    "ProgressiveHurdles",
    "SuccessiveHalving",
]
