"""A search in a process of its own, which may be killed at a given moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from archwright.experiments import Stage

_CODE = """
import os, signal, sys
import archwright as aw
from archwright.experiments import Listener

class Killer(Listener):
    def trial_started(self, stage, trial):
        if str(stage) == sys.argv[2] and trial.number >= int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)

aw.search("mlp", "digits", budget=aw.Budget(2), recipe=aw.Recipe(epochs=2), out=sys.argv[1], progress=False, onnx=False,
          listener=Killer(), **eval(sys.argv[3]))
"""


def search_until(stage: Stage | None, folder: Path, *, number: int = 0, **options: Any) -> None:
    """Search until the first training of a stage has begun and is in the store, where the process is killed.

    Args:
        stage: The stage; None lets the search end.
        folder: The run's folder.
        number: The least number that the training has.
        options: Of `aw.search`.
    """
    options = {"retrain": 2, **options}
    command = [sys.executable, "-c", _CODE, str(folder), str(stage or ""), repr(options), str(number)]
    ended = subprocess.run(command, check=False).returncode
    assert ended == (0 if stage is None else -signal.SIGKILL)
