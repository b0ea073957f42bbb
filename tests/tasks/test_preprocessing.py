import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from archwright.errors import TaskError
from archwright.tasks import Preprocessing
from archwright.tasks.preprocessing import fit, row_moments


def fit_inputs(values):
    return fit(*row_moments(values), "inputs")


def fit_targets(values):
    return fit(*row_moments(values), "targets")


@given(st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6), st.floats(0.01, 1e3))
@settings(max_examples=50, deadline=None)
def test_a_table_is_standardised_as_by_scikit_learn(seed, offset, scale):
    table = np.random.default_rng(seed).normal(offset, scale, (50, 4))
    mean, std = fit_inputs(table)
    expected = StandardScaler().fit(table)
    np.testing.assert_allclose(mean, expected.mean_, atol=1e-6 * scale)
    np.testing.assert_allclose(std, expected.scale_, rtol=1e-6)
    prepared = Preprocessing((4,), mean, std).prepare(torch.from_numpy(table))
    np.testing.assert_allclose(prepared.numpy(), expected.transform(table), atol=1e-5)


@pytest.mark.parametrize("shape", [(1500, 3, 7), (1100, 2, 5, 6)])
def test_channels_are_standardised_over_all_their_positions(shape):
    data = np.random.default_rng(0).normal(5, 2, shape)
    mean, std = fit_inputs(data)
    axes = (0, *range(2, data.ndim))
    np.testing.assert_allclose(mean, data.mean(axis=axes), rtol=1e-5)
    np.testing.assert_allclose(std, data.std(axis=axes), rtol=1e-5)
    prepared = Preprocessing(shape[1:], mean, std).prepare(torch.from_numpy(data))
    assert prepared.dtype == torch.float32
    np.testing.assert_allclose(prepared.double().mean(dim=axes), 0, atol=2e-6)
    np.testing.assert_allclose(prepared.double().std(dim=axes, correction=0), 1, atol=2e-6)


def test_one_input_is_prepared_as_within_a_batch():
    preprocessing = Preprocessing((2, 3), (1.0, 2.0), (0.5, 4.0))
    batch = torch.rand(5, 2, 3)
    assert torch.equal(preprocessing.prepare(batch)[3], preprocessing.prepare(batch[3]))


def test_a_small_spread_around_a_large_number_survives():
    # 1.6e9 has steps of 128 in 32 bits.
    seconds = 1.6e9 + np.arange(100.0)[:, None]
    mean, std = fit_inputs(seconds)
    prepared = Preprocessing((1,), mean, std).prepare(torch.from_numpy(seconds))
    assert len(prepared.unique()) == 100


def test_bytes_are_prepared_as_numbers():
    preprocessing = Preprocessing((1, 2, 2), (127.5,), (64.0,))
    pixels = torch.randint(0, 256, (3, 1, 2, 2), dtype=torch.uint8)
    np.testing.assert_allclose(
        preprocessing.prepare(pixels), preprocessing.prepare(pixels.double()), atol=1e-6
    )


def test_a_channel_that_never_changes_becomes_zero():
    table = np.array([[3.7, 1.0], [3.7, 2.0]])
    mean, std = fit_inputs(table)
    assert std == (1.0, 0.5)
    prepared = Preprocessing((2,), mean, std).prepare(torch.from_numpy(table))
    assert prepared[:, 0].tolist() == [0, 0]


def test_outputs_are_brought_back_to_the_unit_of_the_target():
    values = np.array([[10.0, -1.0], [20.0, 3.0], [60.0, 4.0]])
    mean, std = fit_targets(values)
    preprocessing = Preprocessing((1,), (0.0,), (1.0,), mean, std)
    outputs = torch.from_numpy((values - mean) / std).float()
    restored = preprocessing.restore(outputs)
    assert restored.dtype == torch.float32
    np.testing.assert_allclose(restored, values, rtol=1e-6)


def test_scores_of_classes_are_left_as_they_are():
    scores = torch.rand(3, 4)
    assert torch.equal(Preprocessing((1,), (0.0,), (1.0,)).restore(scores), scores)


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(TaskError, match=r"expected inputs of shape \(..., 3\), got \(5, 4\)"):
        Preprocessing((3,), (0.0,) * 3, (1.0,) * 3).prepare(torch.zeros(5, 4))


@pytest.mark.parametrize("fit", [fit_inputs, fit_targets])
def test_numbers_too_large_to_be_squared_are_refused(fit):
    with pytest.raises(TaskError, match="channel 1 are too large"):
        fit(np.array([[0.0, 1e300], [1.0, -1e300]]))


def test_it_is_told_in_types_of_json():
    told = Preprocessing(
        (2,), (0.5, 1.5), (1.0, 2.0), (3.0,), (4.0,), ("a", "b"), "price", "two columns"
    ).to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["input_mean"] == [0.5, 1.5]
    assert told["target_std"] == [4.0]
    assert told["features"] == ["a", "b"]
    assert told["target"] == "price"
    assert told["note"] == "two columns"


def test_statistics_are_free_of_the_last_bits_of_a_machine():
    table = np.random.default_rng(0).normal([3e8, 0.0, -2.0], [5.0, 1e-9, 40.0], (70, 3))
    backwards = table[::-1]  # another order of adding, as another processor takes
    assert fit_targets(table) == fit_targets(backwards)
    mean, std = fit_targets(table)
    assert (np.abs(np.array(mean) - table.mean(axis=0)) <= 1e-6 * table.std(axis=0)).all()
    np.testing.assert_allclose(std, table.std(axis=0), rtol=1e-6)


def test_the_steps_are_told_in_sentences():
    classifier = Preprocessing((1, 8, 8), (4.5,), (6.0,), note="grey pixels from 0 to 16").steps()
    assert classifier == [
        "Take an input as numbers of shape (1, 8, 8): grey pixels from 0 to 16.",
        "From each channel subtract its mean, 4.5, and divide by its standard deviation, 6.0.",
    ]
    regressor = Preprocessing((2,), (0.0, 1.0), (2.0, 3.0), (5.0,), (7.0,), ("a", "b"), "price").steps()
    assert regressor[1:] == [
        "The features are, in this order: a, b.",
        "From each feature subtract its mean, 0.0, 1.0, and divide by its standard deviation, 2.0, 3.0.",
        "Multiply each output by 7.0 and add 5.0: that is price in its own unit.",
    ]
