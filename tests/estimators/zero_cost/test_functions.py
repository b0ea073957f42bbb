"""AQuaSurF's features of searched activations: what they are, and that a surrogate reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.zero_cost import Probe, ProxyColumns, ZeroCost, read_proxies
from archwright.estimators.zero_cost.kernels import fisher_matrix
from archwright.estimators.zero_cost.proxies import FEATURES
from archwright.primitives import activation_space
from archwright.spaces import Architecture
from archwright.surrogates import make_surrogate
from archwright.tasks import make_task

TASK = make_task("digits")
SPACE = activation_space(TASK.input_shape, 10, family="perceptron", channels=8)


def _unit(binary: str, first: str, second: str) -> Architecture:
    return Architecture(
        {"activation.binary": binary, "activation.unary_1": first, "activation.unary_2": second}
    )


def test_features_are_deciles_of_the_fisher_information_and_outputs_at_quantiles() -> None:
    network = SPACE.build(_unit("multiply", "identity", "sigmoid"))
    inputs, labels = torch.rand(16, 1, 8, 8), torch.randint(10, (16,))
    probe = Probe(network, TASK, [(inputs, labels)])
    found, undefined = read_proxies(FEATURES, probe, {})
    assert not undefined
    parts = found["aquasurf"]
    x = stats.norm.ppf((np.arange(16) + 0.5) / 16)
    y = x / (1 + np.exp(-x))
    np.testing.assert_allclose(
        [parts[f"output_{i}"] for i in range(1, 17)], (y - y.mean()) / y.std(), atol=1e-6
    )
    spectrum = np.linalg.svd(fisher_matrix(probe)[0].numpy(), compute_uv=False)
    deciles = np.log10(np.percentile(spectrum, range(10, 100, 10)) + 1e-12)
    np.testing.assert_allclose([parts[f"fisher_{i}"] for i in range(1, 10)][4:], deciles[4:], atol=1e-3)


def test_a_network_without_a_searched_function_has_none() -> None:
    probe = Probe(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), TASK, [(torch.rand(4, 1, 8, 8), torch.arange(4))]
    )
    found, undefined = read_proxies(FEATURES, probe, {})
    assert not found
    assert "searched function" in undefined["aquasurf"]


def test_columns_tell_functions_apart_as_their_outputs_do() -> None:
    columns = ProxyColumns(ZeroCost(SPACE, TASK, ["aquasurf"], accelerator="cpu"))
    swish, like, other = (
        _unit("gate", "identity", "identity"),
        _unit("multiply", "sigmoid", "identity"),
        _unit("add", "sin", "square"),
    )
    rows = columns([swish, like, other])
    assert rows.shape == (3, 25)
    assert np.abs(rows[0] - rows[1]).max() < 1e-6
    assert np.abs(rows[0] - rows[2]).max() > 0.1


def test_the_two_sets_of_features_are_read_alone_or_together() -> None:
    read = {
        name: ProxyColumns(ZeroCost(SPACE, TASK, [name], accelerator="cpu"))
        for name in ("aquasurf", "aquasurf_fisher", "aquasurf_outputs")
    }
    shown = [_unit("multiply", "identity", label) for label in ("sigmoid", "erf", "tanh", "identity", "relu")]
    rows = {name: columns(shown) for name, columns in read.items()}
    assert [rows[name].shape[1] for name in read] == [25, 9, 16]
    # One scale for each column, and the mean squared distance 1 in all of them together.
    whole = np.hstack([rows["aquasurf_fisher"] * 9**0.5, rows["aquasurf_outputs"] * 16**0.5]) / 5
    np.testing.assert_allclose(rows["aquasurf"], whole, atol=1e-9)
    surrogate = make_surrogate("neighbors", SPACE, columns=read["aquasurf_outputs"], neighbors=1)
    surrogate.fit(shown, np.arange(5.0))
    asked = _unit("gate", "identity", "identity")  # Swish in another spelling
    assert surrogate.predict([asked])[0][0] == pytest.approx(0.0)


def test_features_rank_no_networks_by_themselves() -> None:
    estimator = ZeroCost(SPACE, TASK, ["aquasurf"], accelerator="cpu")
    with pytest.raises(UsageError, match=r"ranks no networks by itself.*--option columns=aquasurf"):
        _ = estimator.ranks_by


@pytest.mark.slow
def test_a_search_screens_candidates_by_them(tmp_path: Path) -> None:
    result = aw.search(
        SPACE,
        "digits",
        strategy="bayesian",
        strategy_options={"columns": "aquasurf", "initial": 3, "candidates": 12},
        budget=aw.Budget(trials=5),
        retrain=0,
        baseline=False,
        recipe=aw.Recipe(epochs=1),
        out=tmp_path / "run",
        progress=False,
    )
    assert len(result.trials) == 5
