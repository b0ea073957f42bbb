"""What the workers of a run on PostgreSQL run: signed code in its database."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cloudpickle

from archwright.errors import RunError, UsageError
from archwright.experiments.config import versions
from archwright.experiments.store import SharedStore
from archwright.experiments.work import TrialRunner
from archwright.strategies.pruners import Pruner
from archwright.strategies.strategy import Strategy
from archwright.trials import Fidelity

__all__ = ["KEY", "PublishedWork", "check_key", "has_key", "load_work", "publish_work"]

KEY = "ARCHWRIGHT_KEY"
"""The variable of the environment that holds the key."""

_SHORTEST = 16
_LARGEST = 2**29
_TOLD = ("archwright", "python", "torch")


@dataclass(frozen=True, kw_only=True)
class PublishedWork:
    """All that a worker needs beside the database.

    Args:
        runner: Runs a trial of the search.
        strategy: As it was made.
        pruner: What stops trials early, if anything.
        fidelity: For candidates that leave theirs open.
        folder: Of the run, where it was begun.
        created: When that was, in Unix time: tells its folder from another one at the same place.
        checkpoints: URL at which trials keep their states; None where that is the run's folder.
        time_limit: Seconds for one trial.
        memory_limit: Bytes for one trial.
    """

    runner: TrialRunner
    strategy: Strategy
    pruner: Pruner | None
    fidelity: Fidelity
    folder: Path
    created: float
    checkpoints: str | None
    time_limit: float | None
    memory_limit: int | None


def has_key() -> bool:
    """Whether the environment has a key to sign with."""
    return bool(os.environ.get(KEY))


def check_key() -> None:
    """Refuse to go on without a key that can sign.

    Raises:
        UsageError: When the environment has none.
    """
    _key()


def publish_work(store: SharedStore, work: PublishedWork) -> None:
    """Sign the work and put it into the run's database.

    Raises:
        UsageError: When there is no key, or the work cannot be sent.
    """
    key = _key()
    told = json.dumps({name: found for name, found in versions().items() if name in _TOLD})
    try:
        content: bytes = cloudpickle.dumps(work)
    except Exception as error:
        raise UsageError(
            f"the search cannot be sent to workers ({type(error).__name__}: {error}); leave out what does not pickle, "
            f"such as locks, open files and generators, or unset {KEY}, so that it has none"
        ) from error
    if len(content) > _LARGEST:
        raise UsageError(
            f"the search with its data is {len(content):,} bytes, more than the {_LARGEST:,} that workers get from the "
            "database; let the task read its data from files that the workers reach, where it is used"
        )
    store.publish(content, _signature(key, store.name, told, content), told)


def load_work(store: SharedStore) -> PublishedWork:
    """Read the work of a run, if it is signed with this environment's key. Only then anything of it is run.

    Raises:
        UsageError: When there is no key.
        RunError: When the run has no work, it is signed with another key, or it does not load here.
    """
    key, found = _key(), store.published()
    if found is None:
        raise RunError(
            f"{store} has nothing for workers in the run {store.name!r}: it was begun without the variable {KEY}; set "
            "it there, and go on with `archwright resume`"
        )
    content, signature, told = found
    if not hmac.compare_digest(_signature(key, store.name, told, content), signature):
        raise RunError(
            f"the work of the run {store.name!r} in {store} is not signed with this {KEY}, so that it is not run: it "
            f"is code. Set {KEY} to what it was where the run was begun"
        )
    _check_versions(json.loads(told), versions())
    try:
        work = pickle.loads(content)
    except Exception as error:
        raise RunError(
            f"the work of the run {store.name!r} cannot be loaded here ({type(error).__name__}: {error}); install what "
            "it needs, or copy the modules that it names to where Python finds them"
        ) from error
    assert isinstance(work, PublishedWork)
    return work


def _check_versions(there: Mapping[str, str], here: Mapping[str, str]) -> None:
    for name, parts in (("archwright", 3), ("python", 2)):
        if there[name].split(".")[:parts] != here[name].split(".")[:parts]:
            raise RunError(
                f"the run was begun with {name} {there[name]}, here is {here[name]}: code is sent between equal "
                "versions only; install the same one here"
            )


def _key() -> bytes:
    key = os.environ.get(KEY, "")
    if not key:
        raise UsageError(
            f"what workers run is code out of a database, so it is signed, and the variable {KEY} is not set: set it "
            "to the same long random text on all machines, such as `openssl rand -hex 32` makes"
        )
    if len(key) < _SHORTEST:
        raise UsageError(
            f"{KEY} has {len(key)} characters, expected {_SHORTEST} or more: take a long random text, such as "
            "`openssl rand -hex 32` makes"
        )
    return key.encode()


def _signature(key: bytes, run: str, told: str, content: bytes) -> str:
    signed = hmac.new(key, digestmod=hashlib.sha256)
    for part in (run.encode(), told.encode(), content):
        signed.update(len(part).to_bytes(8) + part)
    return signed.hexdigest()
