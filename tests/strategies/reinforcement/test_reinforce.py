from __future__ import annotations

from functools import partial

from archwright.strategies.reinforcement import REINFORCE
from archwright.testing import StrategyContract


class TestREINFORCE(StrategyContract):
    make = partial(REINFORCE, hidden=4)
