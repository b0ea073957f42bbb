"""The learning curves that ship with the package."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.benchmarks import (
    SimulatedClock,
    Truth,
    load_table,
    mnist1d_curves,
    search_table,
    simulate_search,
)
from archwright.benchmarks.mnist1d_curves import FILE
from archwright.errors import UsageError
from archwright.estimators import ESTIMATORS, TabularCurves
from archwright.strategies import make_strategy
from archwright.trials import Candidate, Fidelity, LocalTrial


def test_every_network_of_the_space_has_a_curve() -> None:
    table = load_table("mnist1d-curves")
    assert table.space.size == len(table.curves) == len(table.rows) == 200
    for architecture in table.space:
        curve = table.curves[table.space.canonical(architecture)]
        assert curve.epochs == 50
        assert all(0.05 <= value <= 1.0 for value in curve.metrics["accuracy"])
        assert all(value * 800 == pytest.approx(round(value * 800)) for value in curve.metrics["accuracy"])
        assert min(curve.seconds) > 0.0
    assert FILE.stat().st_size < 100_000


def test_networks_learn_and_differ() -> None:
    table = mnist1d_curves()
    curves = np.array([curve.metrics["accuracy"] for curve in table.curves.values()])
    assert (curves[:, -1] > curves[:, 0] + 0.2).all()
    assert np.ptp(curves[:, -1]) > 0.2
    losses = np.array([curve.metrics["loss"] for curve in table.curves.values()])
    assert np.corrcoef(curves[:, -1], losses[:, -1])[0, 1] < -0.9
    # Validation and test agree within what 800 and 1,000 examples can tell.
    both = table.values(["accuracy", "test_accuracy"])
    assert np.abs(both[:, 0] - both[:, 1]).mean() < 0.02


def test_sizes_are_those_of_the_networks() -> None:
    table = mnist1d_curves()
    for seed in range(3):
        architecture = table.space.sample(seed)
        params = sum(p.numel() for p in table.space.build(architecture).parameters())
        assert table.rows[table.space.canonical(architecture)].metrics["params"] == (params,)


def test_it_is_an_estimator_by_name_and_is_searched_in_simulated_time() -> None:
    table = mnist1d_curves()
    estimator = ESTIMATORS.make("tabular", table.space, None, options={"table": "mnist1d-curves"})
    assert isinstance(estimator, TabularCurves)
    trial = LocalTrial()
    candidate = make_strategy("random", table.space, table.objectives[:1]).ask()
    assert candidate is not None
    estimator.estimate(Candidate(candidate.architecture, Fidelity(3, horizon=50)), trial)
    assert list(trial.reports) == [1, 2, 3]
    truth = Truth(table, table.objectives[:1])
    whole = sum(row.seconds[0] for row in table.rows.values())
    alone, pruned = (simulate_search(truth, name, 0, whole / 4, 2) for name in ("random", "random+median"))
    assert pruned.evaluations > alone.evaluations > 10
    assert pruned.steps[-1][1].validation_regret < 5.0


def test_a_strategy_of_several_fidelities_moves_over_the_epochs_of_the_table() -> None:
    table = mnist1d_curves()
    truth = Truth(table, table.objectives[:1])
    strategy = make_strategy("asha", table.space, table.objectives[:1], fidelity=table.fidelity)
    clock = SimulatedClock(strategy, table.estimator(), 4)
    clock.run(10.0)
    trials = [simulated.trial for simulated in clock.trials.values()]
    continued = [trial for trial in trials if trial.candidate.continues]
    assert {trial.candidate.effort.epochs for trial in trials} <= {1, 3, 9, 27, 50}
    assert continued
    for trial in continued:
        parent = clock.trials[trial.candidate.parent].trial  # type: ignore[index]
        row = table.curves[table.space.canonical(trial.architecture)]
        new = trial.candidate.effort.epochs - parent.candidate.effort.epochs
        assert trial.measurement.seconds == pytest.approx(new * row.seconds[0])
        assert parent.finished <= trial.started
    in_time, by_evaluations = simulate_search(truth, "asha", 0, 20.0, 4), search_table(truth, "asha", 0, 60)
    assert in_time.steps[-1][1].validation_regret < 5.0
    assert by_evaluations.steps[-1][1].validation_regret < 10.0
    assert by_evaluations.evaluations == 60


def test_another_file_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other.npz").write_bytes(b"no numbers")
    for name in ("other.npz", "missing.npz"):
        with pytest.raises(UsageError, match=r"expected the curves that benches/curve_table.py packs"):
            mnist1d_curves(file=tmp_path / name)
