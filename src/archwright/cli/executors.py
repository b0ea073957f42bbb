"""Options of the commands whose work may run elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.experiments import ExecutorConfig

__all__ = ["ExecutorOptions"]


@dataclass(frozen=True)
class ExecutorOptions:
    """Where the work runs.

    Args:
        executor: Where trials run (see `archwright list executors`).
        executor_option (NAME=VALUE): An option of the executor.
        ray_address (HOST:PORT): The same as --executor ray --executor-option address=HOST:PORT.
    """

    executor: str | None = None
    executor_option: list[str] | None = None
    ray_address: str | None = None

    def named(self) -> tuple[str | None, dict[str, Any]]:
        """The executor's name, None where none was given, and its options.

        Raises:
            UsageError: When an option has another form, or two say the same.
        """
        from archwright.cli.values import keyed
        from archwright.errors import UsageError

        options = keyed(self.executor_option or [], "--executor-option")
        if self.ray_address is None:
            return self.executor, options
        if self.executor not in (None, "ray") or "address" in options:
            raise UsageError(
                "--ray-address goes with the executor 'ray', and says its address: leave out the other"
            )
        return "ray", {**options, "address": self.ray_address}

    def config(self, workers: int) -> ExecutorConfig:
        """The executor, with so many jobs at once; the errors are those of `named`."""
        from archwright.experiments import ExecutorConfig

        name, options = self.named()
        return ExecutorConfig(
            name=name or ("processes" if options else None), options=options, workers=workers
        )
