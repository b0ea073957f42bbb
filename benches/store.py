"""The SQLite store: completed trials a second with every transition committed, and the time to open a run.

Usage: python benches/store.py [--trials 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from archwright.experiments.store import SQLStore
from archwright.spaces import Space, choice, layer
from archwright.trials import Candidate, Measurement, Trial, TrialState


def main() -> None:
    """Write trials, then open and read them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    wanted = parser.parse_args().trials
    space = Space(layer(dict, **{f"d{i}": choice(*range(5), name=f"d{i}") for i in range(20)}))
    candidate = Candidate(space.sample(0))
    measurement = Measurement({"accuracy": 0.9, "loss": 0.3, "params": 12345.0, "flops": 1e6}, seconds=1.0)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'trials.sqlite'}"
        rates = []
        with SQLStore(url, "bench", create=True) as store:
            for first in range(0, wanted, 1_000):
                begin = time.perf_counter()
                for number in range(first, min(first + 1_000, wanted)):
                    trial = Trial(number, candidate, started=time.time())
                    store.start(trial)
                    store.finish(
                        replace(
                            trial, state=TrialState.COMPLETED, measurement=measurement, finished=time.time()
                        )
                    )
                rates.append(1_000 / (time.perf_counter() - begin))
        tenth = max(1, len(rates) // 10)
        early, late = sorted(rates[:tenth])[tenth // 2], sorted(rates[-tenth:])[tenth // 2]
        print(f"first tenth: {early:,.0f} completed trials/s (median of blocks of 1,000)")
        print(f"last tenth:  {late:,.0f} completed trials/s; ratio to the first tenth {late / early:.2f}")
        begin = time.perf_counter()
        with SQLStore(url, "bench", create=False) as store:
            trials = store.trials()
        print(f"opening and reading a run of {len(trials):,} trials: {time.perf_counter() - begin:.2f} s")


if __name__ == "__main__":
    main()
