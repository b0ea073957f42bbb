"""What happened: every transition of every trial, durably."""

from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.experiments.store.shared import (
    LEASE,
    SharedStore,
    TakenOverError,
    TurnLostError,
    WorkerRow,
    published_runs,
)
from archwright.experiments.store.sql import SQLStore
from archwright.experiments.store.store import Event, Output, Stage, Store
from archwright.experiments.store.tables import masked, without_secrets

# fmt: off
__all__ = [
    "CheckpointFolder", "Event", "LEASE", "Output", "SQLStore", "SharedStore", "Stage", "Store", "TakenOverError",
    "TurnLostError", "WorkerRow", "masked", "published_runs", "without_secrets",
]
# fmt: on
