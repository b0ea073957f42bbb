"""What happened: every transition of every trial, durably."""

from archwright.experiments.store.sql import SQLStore
from archwright.experiments.store.store import Stage, Store

__all__ = ["SQLStore", "Stage", "Store"]
