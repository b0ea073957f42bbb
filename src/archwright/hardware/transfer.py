"""A lookup table or a predictor carried over to another device by a few measurements there."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from archwright.hardware.fitted import Agreement, Calibration, LatencyModel, Provenance, device_facts
from archwright.hardware.setting import Setting
from archwright.hardware.timing import DRIFT, time_modules
from archwright.spaces import Space

__all__ = ["transfer"]

_CHECKED = 12


def transfer(
    model: LatencyModel,
    space: Space,
    example: Any,
    setting: Setting,
    *,
    networks: int = 10,
    seed: int = 0,
    log: Callable[[str], None] = lambda line: None,
) -> LatencyModel:
    """Fit a model to this machine, or to another setting on it.

    Networks are drawn and measured whole; each kind of part gets a factor of its own (`Calibration.fit_kinds`). 12
    further networks judge the model before and after.

    Args:
        model: Of another machine or setting.
        space: Its space, or another of the same parts.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        setting: How networks will be run here.
        networks: How many are measured for the fit.
        seed: Of the drawing.
        log: Told how well the model holds here, before and after.

    Raises:
        UsageError: When the model lacks a part of the space.
    """
    random = Random(seed)
    drawn = [space.build(space.sample(random), example) for _ in range(networks + _CHECKED)]
    timed = time_modules({str(i): (network, example) for i, network in enumerate(drawn)}, setting)
    parts = [model.parts(network, example) for network in drawn]
    measured = [timed[str(i)].least for i in range(len(drawn))]
    calibration = Calibration.fit_kinds(parts[:networks], measured[:networks])

    def agreement(fitted: Calibration) -> Agreement:
        return Agreement.of([fitted(one) for one in parts[networks:]], measured[networks:])

    log(f"before: {agreement(model.provenance.calibration)}")
    log(f"after {networks} measurements: {agreement(calibration)}")
    return model.moved(
        Provenance(
            setting=setting,
            device=device_facts(setting),
            reference=timed["0"].reference_least,
            calibration=calibration,
            agreement=agreement(calibration),
            space=model.provenance.space,
            drifting=sum(one.drift > DRIFT for one in timed.values()),
        )
    )
