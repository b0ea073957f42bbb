"""Whether `--minutes` are kept: the wall time of whole commands, from their start to the report, beside what was asked.

Each cell is a real search by the command, with the threads that it chooses: a task, a space, a number of minutes.
Printed are by how many seconds each was over, and the share of those that kept to a tenth of the time or ten seconds,
whichever is more. Runs in which not one full training fitted count only if they said so beforehand. For an idle
machine: what else runs makes a run longer, down to the seconds that Python needs to load torch. A line of JSON is
written for each finished run; called again, the script goes on with what is missing.

Usage: python benches/minutes.py [--rounds 2] [--out minutes.jsonl]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CASES: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("digits", 0.34, ("--epochs", "30")),
    ("digits", 0.5, ()),
    ("digits", 0.5, ("--space", "mlp", "--workers", "1")),
    ("digits", 0.75, ("--space", "darts", "--epochs", "3")),
    ("digits", 1.0, ("--limit", "params<=30000")),
    ("digits", 1.0, ("--strategy", "asha", "--workers", "1")),
    ("digits", 1.0, ("--space", "nasbench201", "--epochs", "4")),
    ("digits", 2.0, ()),
    ("digits", 2.0, ("--retrain", "0")),
    ("breast_cancer", 0.5, ()),
    ("breast_cancer", 1.0, ("--strategy", "evolution")),
    ("diabetes", 0.5, ()),
    ("diabetes", 1.0, ("--no-baseline",)),
    ("mnist1d", 0.5, ("--workers", "1")),
    ("mnist1d", 1.0, ()),
    ("mnist1d", 1.0, ("--space", "mlp")),
    ("mnist1d", 2.0, ()),
    ("mnist1d", 0.2, ("--epochs", "60")),
    ("characters", 1.0, ("--epochs", "1")),
    ("digits", 1.0, ("--space", "nasbench201", "--strategy", "gdas", "--epochs", "2")),
)
SAID = "not one full training"


def measured(task: str, minutes: float, more: tuple[str, ...]) -> dict[str, Any]:
    """Seconds that a command took, and whether it said that nothing fits."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in threads}
    with tempfile.TemporaryDirectory() as folder:
        words = ["search", task, "--minutes", str(minutes), "--out", f"{folder}/run", *more]
        began = time.time()
        ran = subprocess.run(
            [sys.executable, "-m", "archwright", *words], capture_output=True, text=True, env=environment
        )
        took = time.time() - began
    told = ran.stdout + ran.stderr
    return {"took": took, "over": took - 60 * minutes, "code": ran.returncode, "said": SAID in told}


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("minutes.jsonl"))
    given = parser.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    rows = {tuple(row["cell"]): row for row in map(json.loads, lines)}
    kept = []
    for number in range(given.rounds):
        for task, minutes, more in CASES:
            cell = (task, minutes, " ".join(more), number)
            if cell not in rows:
                rows[cell] = {"cell": cell, **measured(task, minutes, more)}
                with given.out.open("a") as file:
                    file.write(json.dumps(rows[cell]) + "\n")
            row = rows[cell]
            is_kept = abs(row["over"]) <= max(6 * minutes, 10) and not row["code"]
            print(
                f"{task:<14}{minutes:>5g} min {' '.join(more):<46}{row['over']:>+7.1f} s"
                f"{'  said that nothing fits' if row['said'] else ''}{'' if is_kept else '  MISSED'}"
                f"{'' if not row['code'] else '  exit code ' + str(row['code'])}",
                flush=True,
            )
            if not row["said"]:
                kept.append(is_kept)
    print(f"kept: {sum(kept)} of {len(kept)} (target: 95 %)")


if __name__ == "__main__":
    main()
