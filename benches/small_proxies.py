"""How zero-cost proxies rank networks on small data of several kinds: those that the default search was chosen on.

For each data set 24 random networks of the space that is taken by default are trained in full, and scored by each proxy
(`archwright.judge`). Printed is Spearman's correlation with its 95 % interval. A line of JSON is written for each
finished data set; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/small_proxies.py [--data NAME...] [--sample 24] [--out small_proxies.jsonl]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import archwright as aw
from main_job_data import CHOOSING, DATA

PROXIES = [
    "params",
    "flops",
    "synflow",
    "zico",
    "naswot",
    "swap",
    "az_nas",
    "vkdnw",
    "jacob_cov",
    "grad_norm",
    "short",
]
EFFORT = {"mnist_5000": "epochs=4"}


def main() -> None:
    """Judge what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=[*DATA], default=CHOOSING, metavar="NAME")
    parser.add_argument("--sample", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("small_proxies.jsonl"))
    given = parser.parse_args()
    done = {}
    if given.out.exists():
        lines = map(json.loads, given.out.read_text().splitlines())
        done = {(line["data"], line["sample"]): line for line in lines}
    for name in given.data:
        if (name, given.sample) in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            judged = aw.judge(
                DATA[name](0),
                sample=given.sample,
                estimators=PROXIES,
                fidelity=EFFORT.get(name, aw.Fidelity()),
                seed=1,
                progress=False,
                out=Path(folder) / "judged",
            )
        scores = {one.name: [one.spearman, *one.spearman_interval, one.seconds] for one in judged.scores}
        line = {"data": name, "sample": given.sample, "seconds": judged.seconds, "scores": scores}
        done[name, given.sample] = line
        with given.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
    for name in given.data:
        line = done[name, given.sample]
        print(f"\n{name}: {line['sample']} networks trained, {line['seconds']:.2f} s each")
        for proxy, (value, low, high, seconds) in line["scores"].items():
            told = "not defined" if value is None else f"{value:5.2f} [{low:5.2f}, {high:5.2f}]"
            print(f"  {proxy:10} {told}  {1000 * seconds:6.1f} ms")


if __name__ == "__main__":
    main()
