"""What happened: every transition of every trial, durably."""

from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.experiments.store.sql import SQLStore
from archwright.experiments.store.store import Output, Stage, Store
from archwright.experiments.store.tables import without_secrets

__all__ = ["CheckpointFolder", "Output", "SQLStore", "Stage", "Store", "without_secrets"]
