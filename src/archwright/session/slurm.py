"""Workers as jobs of Slurm, by submitit."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.errors import MissingExtraError, UsageError

__all__ = ["submit_workers"]


def submit_workers(
    count: int,
    arguments: Sequence[str],
    *,
    options: Mapping[str, Any] | None = None,
    logs: str | Path = "archwright-workers",
) -> tuple[str, list[Any]]:
    """Submit jobs that run `archwright worker`, all at once.

    Args:
        count: How many.
        arguments: The words after `archwright worker`; the key and passwords are found in the environment.
        options: Parameters of submitit's: `timeout_min`, `gpus_per_node`, `slurm_partition` and so on; `cluster` names
            where they go, by default to Slurm where there is one, else to processes of this machine.
        logs: The folder for what jobs print; on Slurm one that the nodes reach.

    Returns:
        Where they went, "slurm" or "local", and submitit's jobs.

    Raises:
        MissingExtraError: When submitit is not installed.
        UsageError: When submitit does not know an option, or there is none to submit.
    """
    try:
        import submitit
    except ImportError:
        raise MissingExtraError("submitit", "slurm", "submitting workers") from None
    if count < 1:
        raise UsageError(f"slurm: expected 1 worker or more, got {count}")
    given = dict(options or {})
    try:
        executor = submitit.AutoExecutor(folder=Path(logs) / "%j", cluster=given.pop("cluster", None))
        executor.update_parameters(name="archwright-worker", **given)
    except (RuntimeError, TypeError, ValueError, NameError) as error:
        raise UsageError(
            f"slurm: submitit refuses its options: {error}; they are those of AutoExecutor.update_parameters, such as "
            "slurm_partition=gpu or timeout_min=720"
        ) from error
    run = submitit.helpers.CommandFunction([sys.executable, "-m", "archwright", "worker", *arguments])
    with executor.batch():
        jobs = [executor.submit(run) for _ in range(count)]
    return str(executor.cluster), jobs
