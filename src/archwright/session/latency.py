"""Files that predict latency, measured from the space of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archwright.errors import UsageError, did_you_mean
from archwright.objectives import METERS
from archwright.session.approach import subject_of
from archwright.spaces import Space
from archwright.tasks import Task

if TYPE_CHECKING:
    from archwright.hardware import LatencyModel

__all__ = ["measure_latency"]


def measure_latency(
    space: Space | str | None,
    task: Task | str,
    kind: Literal["table", "predictor"] = "table",
    *,
    origin: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    fix: Mapping[str, Any] | None = None,
    device: str = "auto",
    sample: int | None = None,
    seed: int = 0,
    task_options: Mapping[str, Any] | None = None,
    space_options: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> LatencyModel:
    """Measure on this machine what the parts of a space take: see `measure_table`, `measure_predictor` and `transfer`.

    Args:
        space: As in `search`.
        task: As in `search`; says what networks are called with.
        kind: A lookup table of blocks, or a predictor that learns from kernels.
        origin: A file of another machine or setting, which is carried over to this one by 10 measurements; the result
            is of its kind.
        options: How networks will be run: options of the meter `latency_ms` by "latency_ms.OPTION".
        fix: Address to value of decisions that are held.
        device: "cpu", "cuda", "mps" or "auto".
        sample: How many networks are drawn at most, to find their parts; None means 200 for a table, 30 for a
            predictor.
        seed: Of the drawing.
        space_options: Options of a built-in space.
        task_options: Options of a task given by name or path.
        log: Told how far it is.

    Raises:
        UsageError: When an argument does not fit.
    """
    from archwright.hardware import Setting, load_latency_model, measure_predictor, measure_table, transfer

    given: dict[str, Any] = {"latency_ms.device": device, **(options or {})}
    known = [f"latency_ms.{name}" for name in METERS.options("latency_ms") if name != "file"]
    for key in given:
        if key not in known:
            raise UsageError(
                f"meter option {key!r} says nothing of how networks are run.{did_you_mean(key, known)}"
            )
    plain = {key.removeprefix("latency_ms."): value for key, value in given.items()}
    setting = Setting(**METERS.check("latency_ms", plain))
    subject = subject_of(
        space, task, objectives=(), fix=fix, task_options=task_options, space_options=space_options
    )
    example = subject.task.example_arguments()
    if origin is not None:
        return transfer(load_latency_model(origin), subject.fixed, example, setting, seed=seed, log=log)
    name = subject.reference or subject.space.describe().get("name") or ""
    measure = measure_table if kind == "table" else measure_predictor
    drawn = {} if sample is None else {"sample": sample}
    return measure(subject.fixed, example, setting, name=name, seed=seed, log=log, **drawn)
