"""The files of lookup tables and predictors."""

from __future__ import annotations

import json
from pathlib import Path

from archwright.errors import UsageError
from archwright.hardware.fitted import FORMAT, LatencyModel, Provenance
from archwright.hardware.lookup import LookupTable
from archwright.hardware.predictor import LatencyPredictor

__all__ = ["load_latency_model"]

_KINDS: dict[str, type[LatencyModel]] = {one.kind: one for one in (LookupTable, LatencyPredictor)}
_FIRST = 1


def load_latency_model(path: str | Path) -> LatencyModel:
    """Read the file of a lookup table or a predictor.

    Raises:
        UsageError: When there is none, or it is of another kind or version.
    """
    try:
        data = json.loads(Path(path).read_text())
        kind, version = data["kind"], data["format"]
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}; `archwright profile` makes such files"
        ) from None
    except (ValueError, KeyError, TypeError):
        kind = version = None
    if kind not in _KINDS or version not in (_FIRST, FORMAT):
        raise UsageError(
            f"{path}: expected a lookup table or a latency predictor as `archwright profile --table FILE` writes them, "
            f"of format {FORMAT}; got kind {kind!r}, format {version!r}"
        )
    if version == _FIRST:
        data["reference"] = None  # it was timed in the state in which other calls had left the caches
    return _KINDS[kind].from_parts(data, Provenance.from_json(data))
