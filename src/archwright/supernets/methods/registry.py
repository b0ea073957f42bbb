"""One-shot methods by name, for commands and for `aw.search`. Loads no torch before one is made."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from archwright.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from archwright.supernets.methods.one_shot import OneShot

__all__ = ["METHODS", "Method", "known_method", "make_method"]


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of a one-shot method before its module is loaded.

    Args:
        path: Where the function or class is that makes it: `module:name`.
        summary: What it does, in one line.
        mixes: Whether its gates are mixtures, so that a decision's options must give one shape.
        options: Name of each option to its default.
        then: The strategy that searches on the trained supernet's scores; None means that the method itself proposes.
    """

    path: str
    summary: str
    mixes: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    then: str | None = None


_HERE = "archwright.supernets.methods"

_WEIGHTS = {"epochs": 50, "batch_size": 64, "learning_rate": 0.025, "weight_share": 0.5}
_UNIFORM = {"epochs": 120, "batch_size": 64, "learning_rate": 0.025}
_BILEVEL = {**_WEIGHTS, "architecture_learning_rate": 3e-4, "frozen_epochs": 0, "every": 1}
_ROBUST = {
    "skip_limit": None,
    "operation_dropout": 0.0,
    "edge_dropout": 0.0,
    "eigenvalue": False,
    "early_stop": False,
}

METHODS: dict[str, Method] = {
    "darts": Method(
        f"{_HERE}.darts:darts",
        "DARTS, first order: a softmax over all operations, trained by gradient descent",
        True,
        {**_BILEVEL, **_ROBUST},
    ),
    "darts2": Method(
        f"{_HERE}.darts:darts2",
        "DARTS, second order: alpha's gradient goes through a step of the weights",
        True,
        {**_BILEVEL, **_ROBUST},
    ),
    "pcdarts": Method(
        f"{_HERE}.pc_darts:pc_darts",
        "PC-DARTS: as DARTS on one channel in four, with weights of the edges",
        True,
        {
            **_BILEVEL,
            "batch_size": 256,
            "learning_rate": 0.1,
            "lowest_learning_rate": 0.0,
            "architecture_learning_rate": 6e-4,
            "frozen_epochs": None,
            "channel_divisor": 4,
            **_ROBUST,
        },
    ),
    "enas": Method(
        f"{_HERE}.enas:Enas",
        "ENAS: a recurrent controller learns by REINFORCE which paths are good",
        False,
        {
            "epochs": 150,
            "batch_size": 64,
            "learning_rate": 0.05,
            "weight_share": 0.9,
            "controller_learning_rate": 3.5e-3,
            "controller_steps": 30,
            "controller_samples": 10,
            "entropy_weight": 1e-4,
            "baseline_decay": 0.99,
            "restart_epochs": 10,
            "restart_factor": 2,
        },
    ),
    "pdarts": Method(
        f"{_HERE}.p_darts:PDarts",
        "P-DARTS: DARTS in stages, each deeper and with fewer operations",
        True,
        {
            "epochs": 75,
            "cells": (5, 11, 17),
            "operations": (5, 3),
            "skip_dropout": (0.1, 0.4, 0.7),
            "frozen_epochs": None,
            "batch_size": 96,
            "learning_rate": 0.025,
            "weight_share": 0.5,
            "architecture_learning_rate": 6e-4,
            "every": 1,
            "skip_limit": 2,
            "operation_dropout": 0.0,
            "edge_dropout": 0.0,
            "eigenvalue": False,
        },
    ),
    "gdas": Method(
        f"{_HERE}.gdas:gdas",
        "GDAS: one operation an edge, drawn by the Gumbel-softmax",
        True,
        {
            **_BILEVEL,
            "epochs": 250,
            "highest_temperature": 10.0,
            "lowest_temperature": 0.1,
            "skip_limit": None,
        },
    ),
    "proxyless": Method(
        f"{_HERE}.proxyless:proxyless",
        "ProxylessNAS: two paths in a step of alpha, one in a step of the weights; may weigh latency",
        True,
        {
            **_BILEVEL,
            "epochs": 160,
            "weight_share": 0.9,
            "architecture_learning_rate": 1e-3,
            "frozen_epochs": None,
            "every": 5,
            "skip_limit": None,
            "latency": None,
            "latency_term": "multiply",
            "latency_weight": 0.1,
            "reference": None,
        },
    ),
    "rsws": Method(
        f"{_HERE}.uniform:UniformSampling",
        "random search with weight sharing: random paths train the weights, then random architectures are scored",
        False,
        {**_UNIFORM, "epochs": 300},
        then="random",
    ),
    "spos": Method(
        f"{_HERE}.uniform:UniformSampling",
        "single-path one-shot: random paths train the weights, then evolution searches on the shared weights",
        False,
        {**_UNIFORM, "epochs": 120},
        then="evolution",
    ),
}
"""The one-shot methods that come with Archwright."""


def known_method(name: str) -> Method:
    """What is known of a method.

    Raises:
        UsageError: When the name is unknown.
    """
    if name not in METHODS:
        raise UsageError(f"unknown one-shot method {name!r}.{did_you_mean(name, METHODS)}")
    return METHODS[name]


def make_method(name: str, seed: int = 0, **options: Any) -> OneShot:
    """Make a one-shot method by its name.

    Args:
        name: A key of `METHODS`.
        seed: Of everything random in it.
        options: The method's own options; see its entry for their names and defaults.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    entry = known_method(name)
    for option in options:
        if option not in entry.options:
            raise UsageError(
                f"the method {name!r} has no option {option!r}.{did_you_mean(option, entry.options)}"
            )
    for option, value in options.items():
        _check_type(name, option, value, entry.options[option])
    module, _, attribute = entry.path.partition(":")
    made = getattr(importlib.import_module(module), attribute)
    return cast("OneShot", made(seed=seed, **{**entry.options, **options}))


def _check_type(method: str, option: str, value: Any, default: Any) -> None:
    """Refuse a value of another type than the default, where there is one to compare with."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fits, wanted = number and float(value).is_integer(), "a whole number"
    elif isinstance(default, float):
        fits, wanted = number, "a number"
    elif isinstance(default, list | tuple):
        fits, wanted = value is None or isinstance(value, list | tuple), "a list"
    else:
        return
    if not fits:
        raise UsageError(
            f"the method {method!r}: expected {option} to be {wanted}, such as {default}, got {value!r}"
        )
