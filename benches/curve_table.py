"""Train the 200 networks of the table `mnist1d-curves` for 50 epochs each, and pack their curves into one small file.

A line of JSON is written for each network as soon as it is trained; called again, the script goes on with what is
missing, and packs once nothing is. The recipe is fixed: AdamW at .005, batches of 128, a cosine over the 50 epochs, the
other values the defaults of `Recipe`. Seconds are processor time, so that a busy machine does not show in them.

Usage: OMP_NUM_THREADS=1 python benches/curve_table.py [--out curve_table.jsonl] [--most 200]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archwright.benchmarks.mnist1d_curves import EPOCHS, EXAMPLES, FILE, TEST_EXAMPLES, mnist1d_curves_space
from archwright.estimators import Recipe, Training
from archwright.spaces import Architecture
from archwright.tasks import make_task
from archwright.trials import Candidate, LocalTrial, Verdict

RECIPE = Recipe(epochs=EPOCHS, batch_size=128, learning_rate=5e-3, schedule="cosine")


def trained(training: Training, architecture: Architecture) -> dict[str, Any]:
    """The curve of one network and its final test accuracy."""
    begin, spent = time.process_time(), []

    def note(step: int, metrics: Mapping[str, float]) -> Verdict:
        spent.append(time.process_time() - begin)
        return Verdict.GO_ON

    network, measurement = training.fit(Candidate(architecture), LocalTrial(judge=note))
    curve = {name: [point[name] for point in measurement.curve] for name in ("accuracy", "loss")}
    fixed = {name: measurement.metrics[name] for name in ("params", "flops")}
    test = training.test(network)["accuracy"]
    return {"architecture": architecture.to_json(), **curve, **fixed, "test": test, "seconds": spent}


def pack(lines: list[dict[str, Any]], file: Path) -> None:
    """Write the packed table: accuracies as counts of right answers, losses in half precision."""
    architectures = [json.dumps(line["architecture"], separators=(",", ":")) for line in lines]
    np.savez_compressed(
        file,
        architectures=np.array("\n".join(architectures)),
        right=np.rint(np.array([line["accuracy"] for line in lines]) * EXAMPLES).astype(np.uint16),
        test_right=np.rint(np.array([line["test"] for line in lines]) * TEST_EXAMPLES).astype(np.uint16),
        loss=np.array([line["loss"] for line in lines], dtype=np.float16),
        params=np.array([line["params"] for line in lines], dtype=np.uint32),
        flops=np.array([line["flops"] for line in lines], dtype=np.uint32),
        seconds=np.array([line["seconds"][-1] / EPOCHS for line in lines], dtype=np.float32),
    )


def main() -> None:
    """Train what is missing, then pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("curve_table.jsonl"), help="the curves, a line each")
    parser.add_argument("--most", type=int, default=200, help="train no more networks than that now")
    parser.add_argument("--to", type=Path, default=FILE, help="the packed file")
    options = parser.parse_args()
    space = mnist1d_curves_space()
    training = Training(space, make_task("mnist1d"), RECIPE, accelerator="cpu", threads=1)
    known = (
        [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    )
    done = {space.architecture(line["architecture"]): line for line in known}
    missing = [architecture for architecture in space if architecture not in done]
    for number, architecture in enumerate(missing[: options.most], len(done) + 1):
        done[architecture] = trained(training, architecture)
        with options.out.open("a") as file:
            file.write(json.dumps(done[architecture]) + "\n")
        found = done[architecture]
        print(f"{number}: {found['accuracy'][-1]:.4f} in {found['seconds'][-1]:.1f} s", flush=True)
    if len(done) == space.size:
        pack([done[architecture] for architecture in space], options.to)
        print(f"{options.to}: {options.to.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
