"""Every one-shot method keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from archwright.supernets import METHODS, make_method
from archwright.testing import OneShotContract

OPTIONS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 32,
    "frozen_epochs": 0,
    "cells": None,
    "operations": (2, 1),
    "controller_steps": 2,
    "controller_samples": 2,
}
"""As far as a method has them."""


def contract_of(name: str, **more: Any) -> type[OneShotContract]:
    options = more | {option: value for option, value in OPTIONS.items() if option in METHODS.options(name)}
    if name == "pdarts":
        options["epochs"] = 3
    members = {"make": staticmethod(lambda seed: make_method(name, seed=seed, **options))}
    marked = pytest.mark.filterwarnings("ignore:P-DARTS")
    return marked(type(f"Test{name.capitalize()}", (OneShotContract,), members))  # type: ignore[no-any-return]


globals().update({f"Test{name.capitalize()}": contract_of(name) for name in METHODS})

TestDartsWatched = contract_of("darts", early_stop=True, operation_dropout=0.3, edge_dropout=0.3)
TestProxylessLatency = contract_of("proxyless", latency="flops")
