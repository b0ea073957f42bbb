import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from archwright.errors import TaskError
from archwright.tasks import from_arrays


def make(outputs, standardize=True):
    drawn = np.random.default_rng(0)
    targets = drawn.normal([1e5, -3.0][:outputs], [2e4, 0.1][:outputs], (50, outputs))
    return from_arrays(drawn.normal(size=(50, 3)), targets, standardize=standardize), targets


@given(st.integers(0, 10**6), st.integers(2, 40), st.sampled_from([1, 2]))
@settings(max_examples=50, deadline=None)
def test_metrics_agree_with_scikit_learn_in_the_unit_of_the_target(seed, size, outputs):
    task, _ = make(outputs)
    drawn = torch.Generator().manual_seed(seed)
    predicted, actual = torch.randn(2, size, outputs, generator=drawn, dtype=torch.float64)
    in_unit = task.preprocessing.restore(actual), task.preprocessing.restore(predicted)
    assert task.scores(predicted, actual) == pytest.approx(
        {
            "r2": reference.r2_score(*in_unit),
            "rmse": reference.root_mean_squared_error(*in_unit),
            "mae": reference.mean_absolute_error(*in_unit),
            "mse": reference.mean_squared_error(*in_unit),
            "loss": reference.mean_squared_error(actual, predicted),
        },
        rel=1e-6,
    )


def test_targets_that_do_not_vary_have_an_r2_of_one_or_none():
    task, _ = make(1)
    same = torch.zeros(3, 1)
    assert task.scores(same, same)["r2"] == 1
    assert task.scores(same + 1, same)["r2"] == 0


def test_the_parts_hold_standardised_targets_of_which_training_is_the_measure():
    task, raw = make(2)
    learned = task.train.tensors[1]
    assert learned.dtype == torch.float32
    np.testing.assert_allclose(learned.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(learned.std(0, correction=0), 1, atol=1e-5)
    everything = torch.cat([part.tensors[1] for part in (task.train, task.validation, task.test)]).double()
    restored = task.preprocessing.restore(everything).numpy()
    np.testing.assert_allclose(np.sort(restored, axis=0), np.sort(raw, axis=0), rtol=1e-5)


def test_without_standardising_all_stays_in_its_unit():
    task, raw = make(1, standardize=False)
    everything = torch.cat([part.tensors[1] for part in (task.train, task.validation, task.test)])
    np.testing.assert_allclose(np.sort(everything.numpy(), axis=0), np.sort(raw, axis=0), rtol=1e-6)
    assert task.preprocessing.target_std == (1.0,)


def test_loss_is_the_standardised_squared_error_and_ignores_smoothing():
    task, _ = make(1)
    outputs = torch.randn(8, 1, requires_grad=True)
    targets = torch.randn(8, 1)
    loss = task.criterion(outputs, targets, smoothing=0.5)
    loss.backward()
    assert loss.item() == pytest.approx((outputs - targets).square().mean().item())
    assert outputs.grad.abs().sum() > 0


@pytest.mark.parametrize("method", ["loss", "metrics"])
@pytest.mark.parametrize("shape", [(6,), (6, 2), (1, 1)])
def test_outputs_that_would_be_broadcast_are_refused(method, shape):
    task, _ = make(1)
    with pytest.raises(TaskError, match=r"a tensor of shape \(6, 1\) for 6 inputs"):
        getattr(task, method)(torch.zeros(shape), (torch.zeros(6, 2), torch.zeros(6, 1)))
    with pytest.raises(TaskError, match=r"targets of shape \(6, 1\), as the outputs are, got \(6,\)"):
        getattr(task, method)(torch.zeros(6, 1), (torch.zeros(6, 2), torch.zeros(6)))


def test_errors_are_those_of_the_scores_derivatives_by_the_weight_of_each_example():
    task, _ = make(2)
    drawn = torch.Generator().manual_seed(3)
    predicted, actual = torch.randn(2, 12, 2, generator=drawn, dtype=torch.float64)
    in_unit = task.preprocessing.restore(actual).numpy(), task.preprocessing.restore(predicted).numpy()
    errors = task.sampling_errors(predicted, actual)
    scores = {
        "r2": reference.r2_score, "rmse": reference.root_mean_squared_error, "mae": reference.mean_absolute_error,
        "mse": reference.mean_squared_error,
    }  # fmt: skip
    assert errors.keys() == scores.keys()
    step = 1e-6
    for name, score in scores.items():
        weights = (1 - step) / 12 + step * np.eye(12)
        influence = [(score(*in_unit, sample_weight=each) - score(*in_unit)) / step for each in weights]
        assert errors[name] == pytest.approx(np.sqrt(np.square(influence).sum() / (12 * 11)), rel=1e-3)
    mean_error = np.abs(in_unit[0] - in_unit[1]).mean(axis=1)
    assert errors["mae"] == pytest.approx(mean_error.std(ddof=1) / np.sqrt(12))


def test_scores_that_no_example_changes_have_no_error_and_one_example_tells_none():
    task, _ = make(1)
    amounts = torch.arange(4.0)[:, None]
    assert set(task.sampling_errors(amounts, amounts).values()) == {0.0}
    constant = torch.zeros(4, 1)
    assert task.sampling_errors(amounts, constant)["r2"] == 0
    assert task.sampling_errors(amounts, constant)["mae"] > 0
    assert task.sampling_errors(amounts[:1], amounts[:1]) == {}
