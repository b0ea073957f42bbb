"""Contract tests that any implementation joins with one line, and toys to try things on.

A contract is a base class of tests. Name what is to be tested and pytest collects it:

    class TestMine(StrategyContract):
        make = MyStrategy

The contracts need pytest and hypothesis (`pip install 'archwright[testing]'`); the toys need neither.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from typing import TYPE_CHECKING, Any

from archwright.errors import MissingExtraError
from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.testing.estimator_contract import EstimatorContract
    from archwright.testing.executor_contract import ExecutorContract, IsolatedExecutorContract
    from archwright.testing.one_shot_contract import OneShotContract
    from archwright.testing.proposer_contract import ProposerContract
    from archwright.testing.pruner_contract import PrunerContract
    from archwright.testing.space_contract import NetworkSpaceContract, SpaceContract
    from archwright.testing.store_contract import StoreContract
    from archwright.testing.strategy_contract import StrategyContract
    from archwright.testing.string_space import StringSpace
    from archwright.testing.toy_estimator import ToyEstimator
    from archwright.testing.toy_spaces import TOY_SPACES

# fmt: off
__all__ = [
    "TOY_SPACES", "EstimatorContract", "ExecutorContract", "IsolatedExecutorContract",
    "NetworkSpaceContract", "OneShotContract", "ProposerContract", "PrunerContract", "SpaceContract",
    "StoreContract", "StrategyContract", "StringSpace", "ToyEstimator",
]
# fmt: on

_imported = imported_on_use(__name__)


def __getattr__(name: str) -> Any:
    if name in __all__ and name.endswith("Contract"):
        for package in ("pytest", "hypothesis"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(package, "testing", "a contract test")
        # So that a failing assertion shows its values, as those in test files do.
        rooms = (room.name for room in pkgutil.iter_modules(__path__))
        contracts = [f"{__name__}.{room}" for room in rooms if room.endswith("_contract")]
        importlib.import_module("pytest").register_assert_rewrite(*contracts)
    return _imported(name)
