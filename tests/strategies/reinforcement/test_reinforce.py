from __future__ import annotations

from functools import partial

import pytest

from archwright.strategies.reinforcement import REINFORCE
from archwright.testing import StrategyContract


@pytest.mark.sampled(3)
class TestREINFORCE(StrategyContract):
    make = partial(REINFORCE, hidden=4)
