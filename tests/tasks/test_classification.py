import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn import metrics as reference

from archwright.errors import TaskError
from archwright.tasks import from_arrays

CLASSES = 4


@pytest.fixture(scope="module")
def task():
    return from_arrays(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % CLASSES)


def scores_and_labels(seed, size, present=CLASSES):
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(size, CLASSES, generator=drawn), torch.randint(0, present, (size,), generator=drawn)


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, CLASSES))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_metrics_agree_with_scikit_learn(task, seed, size, present):
    scores, labels = scores_and_labels(seed, size, present)
    found = task.scores(scores, labels)
    predicted = scores.argmax(1)
    assert found == pytest.approx(
        {
            "accuracy": reference.accuracy_score(labels, predicted),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
            "f1": reference.f1_score(labels, predicted, average="macro", zero_division=0),
            "loss": reference.log_loss(labels, scores.double().softmax(1), labels=range(CLASSES)),
        }
    )


def test_loss_is_cross_entropy_and_can_be_differentiated(task):
    scores, labels = scores_and_labels(1, 12)
    scores.requires_grad_()
    loss = task.criterion(scores, labels)
    loss.backward()
    picked = scores.detach().log_softmax(1)[torch.arange(12), labels]
    assert loss.item() == pytest.approx(-picked.mean().item())
    assert scores.grad.abs().sum() > 0


def test_smoothing_changes_the_loss_but_not_the_metric(task):
    scores, labels = scores_and_labels(2, 12)
    plain, smooth = task.criterion(scores, labels), task.criterion(scores, labels, smoothing=0.2)
    uniform = -scores.log_softmax(1).mean()
    assert smooth.item() == pytest.approx((0.8 * plain + 0.2 * uniform).item(), rel=1e-5)
    assert task.scores(scores, labels)["loss"] == pytest.approx(plain.item())


def test_half_precision_is_scored_in_full(task):
    scores, labels = scores_and_labels(3, 12)
    assert task.criterion(scores.bfloat16(), labels).dtype == torch.float32


@pytest.mark.parametrize("method", ["loss", "metrics"])
@pytest.mark.parametrize("shape", [(6,), (6, 3), (5, CLASSES), (6, CLASSES, 1)])
def test_outputs_of_another_shape_are_refused(task, method, shape):
    with pytest.raises(TaskError, match=r"tensor of shape \(6, 4\) for 6 inputs.*layer of 4 outputs"):
        getattr(task, method)(torch.zeros(shape), (torch.zeros(6, 3), torch.zeros(6, dtype=torch.long)))


def test_the_distance_from_a_teacher_is_the_mean_relative_entropy(task):
    scores, taught = (scores_and_labels(seed, 12)[0] for seed in (0, 1))
    expected = np.mean(
        entropy(taught.double().softmax(1).numpy(), scores.double().softmax(1).numpy(), axis=1)
    )
    assert task.distance(scores, taught, None).item() == pytest.approx(expected)
    assert task.distance(taught, taught, None).item() == pytest.approx(0, abs=1e-7)
