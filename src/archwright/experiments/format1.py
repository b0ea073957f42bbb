"""Reads `experiment.json` of format 1, which Archwright 0.1 wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.experiments.store.tables import without_secrets

__all__ = ["task_entries", "upgraded"]

_KEPT = "name seed objectives budget recipe fidelity retrain baseline created versions command executor"  # as they were
_DESCRIBED = ("name", "kind", "metric", "input_shape", "outputs", "classes", "split", "input_type")


def upgraded(old: Mapping[str, Any]) -> dict[str, Any]:
    """The record in the present format.

    Args:
        old: What was read from a folder of format 1.

    Raises:
        ValueError: When something is missing or of another type than was expected.
    """
    try:
        task, space, strategy = old["task"], old["space"], old["strategy"]
        new = {name: old[name] for name in _KEPT.split() if name in old}
        new["task"] = {
            "reference": task.get("reference"),
            "options": task.get("options") or {},
        } | task_entries(task["describe"])
        described = space.get("describe") or {}
        new["space"] = {name: space.get(name) for name in ("reference", "name", "digest")}
        new["space"] |= {
            "size_bound": described.get("size_bound"),
            "decisions": described.get("decisions", {}),
        }
        new["strategy"] = {"name": strategy["name"], "options": strategy.get("options", {})}
        if strategy.get("one_shot"):
            new["supernet"] = {"epochs": strategy.get("epochs"), "scored": strategy.get("scored") or 1}
        new["estimator"] = {"name": old.get("estimator", "Training")}
        new["device"] = old["training"]
        if (store := old.get("store")) is not None:
            new["store"] = without_secrets(store)
            new["command"] = (old.get("command") or "").replace(store, new["store"]) or None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"a value is of another type than was expected: {error}") from error
    except KeyError as error:
        raise ValueError(f"the entry {error} is missing") from error
    return new


def task_entries(described: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a `TaskConfig` from what `Task.describe` says."""
    entries = {name: described[name] for name in _DESCRIBED if described.get(name) is not None}
    steps = (described.get("preprocessing") or {}).get("steps", [])
    facts = {name: value for name, value in described.items() if name not in _DESCRIBED}
    classes = [str(name) for name in described.get("classes") or ()]
    return {**entries, "classes": classes, "steps": steps, "facts": facts}
