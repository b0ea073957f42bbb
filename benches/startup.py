"""How long `archwright --help` takes, beside a bare interpreter, and whether `import archwright` loads torch.

Usage: python benches/startup.py [--runs 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    """Wall seconds of one run of a command."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Run both in turn, so that a change of the machine's speed meets both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    commands = {
        "archwright --help": [sys.executable, "-m", "archwright", "--help"],
        "bare interpreter": [sys.executable, "-c", "pass"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        seconds(command)  # fills the caches
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.3f} s (median of {runs}; least {min(times[name]):.3f} s)")
    print(f"ratio {medians['archwright --help'] / medians['bare interpreter']:.1f}")
    loaded = "import sys, archwright; print('torch' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", loaded], check=True, capture_output=True, text=True
    ).stdout
    print(f"import archwright loads torch: {printed.strip()}")


if __name__ == "__main__":
    main()
