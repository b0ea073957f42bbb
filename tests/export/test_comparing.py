import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archwright.export.comparing import difference, outputs_of, random_batches

numbers = st.lists(
    st.floats(-1e6, 1e6, width=32) | st.sampled_from([math.inf, math.nan]), min_size=1, max_size=5
)


@given(numbers)
def test_an_output_does_not_differ_from_itself(values):
    assert difference([torch.tensor(values)], [torch.tensor(values)]) == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.25),  # of the largest output
        ([0.1, 0.2], [0.1, 0.3], 0.1),
        ([1.0], [math.nan], math.inf),
        ([math.nan], [1.0], math.inf),
        ([math.inf], [-math.inf], math.inf),
        ([1.0, 2.0], [1.0], math.inf),
        ([], [], 0.0),
    ],
)
def test_differences(one, other, expected):
    assert difference([torch.tensor(one)], [torch.tensor(other)]) == pytest.approx(expected)


def test_another_number_of_outputs_is_a_difference():
    assert difference([torch.ones(2)], [torch.ones(2), torch.ones(2)]) == math.inf


def test_complex_and_whole_numbers():
    assert difference([torch.tensor([1j])], [torch.tensor([1.5j])]) == pytest.approx(0.5)
    assert difference([torch.tensor([True, False])], [torch.tensor([True, True])]) == 1


@pytest.mark.parametrize("size", [1, 2, 9])
def test_random_batches(size):
    floats = torch.randn(4, 3, 2)
    (batch,) = random_batches(floats, (size,))
    assert batch.shape == (size, 3, 2)
    assert batch.dtype == floats.dtype
    assert not any(torch.equal(row, other) for row in batch for other in floats)
    tokens = torch.tensor([[1, 2], [3, 4]])
    (batch,) = random_batches(tokens, (size,))
    assert all(row.tolist() in tokens.tolist() for row in batch)


def test_outputs_are_found_in_any_nesting_and_random_numbers_are_the_same():
    def network(x):
        return {"a": (x + torch.rand(1), [x]), "b": None, "c": 3}

    torch.manual_seed(3)
    first, second = outputs_of(network, torch.ones(2)), outputs_of(network, torch.ones(2))
    assert len(first) == 2
    assert difference(first, second) == 0
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
