"""A search in a process of its own, that goes on until it is stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_SPACE = '''
"""Networks that wait when their training begins; a file named "go" beside this one lets them go on."""
import sys
import time
from pathlib import Path

from torch import nn

from archwright.spaces import Space, integer, layer


class Patient(nn.Module):
    def __init__(self, width, seconds):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
        self.seconds = seconds

    def forward(self, inputs):
        if self.training and self.seconds:
            print(f"a training of width {self.layers[1].out_features} begins")
            print("a warning of the training", file=sys.stderr)
            end, self.seconds = time.monotonic() + self.seconds, 0.0
            while time.monotonic() < end and not Path(__file__).with_name("go").exists():
                time.sleep(0.02)
            print("it goes on")
        return self.layers(inputs)


space = Space(layer(Patient, integer(2, 31, name="width"), SECONDS), name="patient")
'''


@contextmanager
def live_search(folder: Path, *words: str, seconds: float = 0.2) -> Iterator[subprocess.Popen[str]]:
    """`archwright search` in the background, into `folder / "run"`.

    Args:
        folder: Where the run's folder and the space's file go.
        *words: More of its options.
        seconds: What each trial waits before it trains, or until there is a file "go" in the folder.
    """
    (folder / "slow.py").write_text(_SPACE.replace("SECONDS", str(seconds)))
    command = [
        sys.executable, "-m", "archwright", "search", "digits", "--space", f"{folder / 'slow.py'}:space",
        "--out", str(folder / "run"), "--epochs", "1", "--batch-size", "512", "--strategy", "random", "--retrain", "0",
        "--no-baseline", *words,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(is_so: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 300.0) -> None:
    """Wait until something is so, while the search runs."""
    end = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not come so far in time"
        time.sleep(0.05)
