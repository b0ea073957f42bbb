"""How far the errors of two networks that predict amounts go together, and whether what one training tells holds.

Of each division of a table, networks of five sizes are trained (scikit-learn's `MLPRegressor`). The correlation is that
of the influences of the validation rows on the scores of each two of them, as `Regression.sampling_errors` defines
them: it stands in `experiments/choice.py`. A difference in R² on validation rows is claimed where its probability by
the rule of one training is .9 or more, and holds where the same network is better on the test rows.

Usage: python benches/regression_errors.py [--seeds 6] [--correlations 0.5,0.7,0.8]
"""

from __future__ import annotations

import argparse
import itertools
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor

Array = np.ndarray[Any, Any]

FOLDER = Path(__file__).parent.parent / ".data"
LAYERS = ((8,), (32,), (128,), (32, 32), (64, 64))


class Scores(NamedTuple):
    """R² on validation rows and on test rows, and the influence of each validation row on R² and on the mean error."""

    validation: float
    test: float
    of_r2: Array
    of_mae: Array


def tables() -> Iterator[tuple[str, Array, Array]]:
    """Name, inputs and targets of each."""
    yield "diabetes", *load_diabetes(return_X_y=True)
    rows = np.loadtxt(FOLDER / "mlxtend/mlxtend/data/data/boston_housing.csv", delimiter=",")
    yield "boston_housing", rows[:, :-1], rows[:, -1]


def trained(inputs: Array, targets: Array, seed: int) -> list[Scores]:
    """The scores of a network of each size, with three fifths of the rows for training and a fifth for validation."""
    order, count = np.random.default_rng(seed).permutation(len(targets)), len(targets)
    train, validation, test = np.split(order, [count * 3 // 5, count * 4 // 5])
    x = (inputs - inputs[train].mean(axis=0)) / (inputs[train].std(axis=0) + 1e-12)
    y = (targets - targets[train].mean()) / targets[train].std()
    found = []
    for layers in LAYERS:
        network = MLPRegressor(hidden_layer_sizes=layers, random_state=seed, max_iter=150).fit(
            x[train], y[train]
        )
        error = {
            "validation": network.predict(x[validation]) - y[validation],
            "test": network.predict(x[test]) - y[test],
        }
        variance, mse = y[validation].var(), (error["validation"] ** 2).mean()
        deviations = (y[validation] - y[validation].mean()) ** 2
        size = np.abs(error["validation"])
        of_r2 = (mse * deviations / variance - error["validation"] ** 2) / variance
        r2 = 1 - mse / variance, 1 - (error["test"] ** 2).mean() / y[test].var()
        found.append(Scores(*r2, of_r2, size - size.mean()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=6, help="divisions of each table")
    parser.add_argument("--correlations", default="0.5,0.7,0.8", help="to count the claims by")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # 150 epochs are few
    pairs: list[tuple[Scores, Scores]] = []
    for name, inputs, targets in tables():
        of_table = [
            pair
            for seed in range(asked.seeds)
            for pair in itertools.combinations(trained(inputs, targets, seed), 2)
        ]
        for what in ("of_r2", "of_mae"):
            together = [
                np.corrcoef(getattr(one, what), getattr(other, what))[0, 1] for one, other in of_table
            ]
            error = np.std(together, ddof=1) / math.sqrt(asked.seeds)
            print(f"{name} {what[3:]}: correlation {np.mean(together):.2f} ± {error:.2f}", flush=True)
        pairs += of_table
    for correlation in map(float, asked.correlations.split(",")):
        held = []
        for one, other in pairs:
            n = len(one.of_r2)
            variance = sum((each.of_r2**2).sum() / (n * (n - 1)) for each in (one, other))
            ahead = one.validation - other.validation
            if stats.norm.cdf(abs(ahead) / math.sqrt(3 * (1 - correlation) * variance)) >= 0.9:
                held.append(ahead * (one.test - other.test) > 0)
        share = f"{np.mean(held):.0%}" if held else "none"
        print(
            f"correlation {correlation}: of {len(pairs)} differences {len(held)} are claimed, {share} of them hold"
        )


if __name__ == "__main__":
    main()
