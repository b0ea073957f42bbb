"""Several labels at once: metrics against scikit-learn, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from archwright.errors import TaskError
from archwright.estimators import Recipe, Training
from archwright.spaces import Space, layer
from archwright.tasks import MultiLabel, from_arrays
from archwright.trials import Candidate, LocalTrial

DRAWN = np.random.default_rng(0)
INPUTS = DRAWN.normal(size=(120, 5))
LABELS = (INPUTS[:, :3] > 0.3).astype(int)


@pytest.fixture(scope="module")
def task():
    return from_arrays(INPUTS, LABELS, kind="multilabel", classes=["red", "green", "blue"])


def test_the_task(task):
    assert isinstance(task, MultiLabel)
    assert (task.kind, task.metric, task.outputs, task.classes) == (
        "multilabel",
        "micro_f1",
        3,
        ("red", "green", "blue"),
    )
    _, targets = task.train[0]
    assert targets.shape == (3,)
    assert targets.dtype == torch.float32
    assert set(targets.tolist()) <= {0.0, 1.0}


@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0, 1))
@pytest.mark.filterwarnings("ignore")
def test_metrics_agree_with_scikit_learn(task, seed, size, share):
    drawn = torch.Generator().manual_seed(seed)
    scores = torch.randn(size, 3, generator=drawn)
    labels = (torch.rand(size, 3, generator=drawn) < share).float()
    found = task.scores(scores, labels)
    predicted = (scores > 0).float()
    seen = ((predicted + labels).sum(0) > 0).nonzero().flatten().tolist()
    each = reference.f1_score(labels, predicted, average=None, zero_division=0)[seen]
    assert found == pytest.approx(
        {
            "micro_f1": reference.f1_score(labels, predicted, average="micro", zero_division=0),
            "macro_f1": each.mean() if len(each) else 0.0,
            "exact_match": reference.accuracy_score(labels, predicted),
            "accuracy": reference.accuracy_score(labels.flatten(), predicted.flatten()),
            "loss": torch.nn.functional.binary_cross_entropy_with_logits(
                scores.double(), labels.double()
            ).item(),
        }
    )


def test_errors_agree_with_a_bootstrap_over_the_examples(task):
    drawn = torch.Generator().manual_seed(0)
    common = torch.rand(400, 1, generator=drawn) < 0.5  # labels of one example are alike
    labels = (torch.rand(400, 3, generator=drawn) < 0.2 + 0.5 * common).float()
    scores = labels - 0.5 + 0.7 * torch.randn(400, 3, generator=drawn)
    picked = torch.randint(400, (300, 400), generator=drawn)
    again = [task.scores(scores[rows], labels[rows]) for rows in picked]
    spread = {name: np.std([one[name] for one in again]) for name in ("micro_f1", "macro_f1")}
    # 300 draws tell a standard deviation to 4 %.
    assert task.sampling_errors(scores, labels) == pytest.approx(spread, rel=0.15)


def test_a_perfect_score_is_not_certain_and_a_label_that_never_comes_changes_nothing(task):
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    errors = task.sampling_errors(labels - 0.5, labels)
    assert all(0.05 < error < 0.5 for error in errors.values())
    assert task.sampling_errors((labels - 0.5)[:, :2], labels[:, :2]) == pytest.approx(errors)
    assert task.sampling_errors(torch.full((3, 3), -1.0), torch.zeros(3, 3)) == {}


def test_it_is_learned_with_smoothed_and_mixed_labels(task):
    space = Space(layer(torch.nn.Linear, 5, 3))
    recipe = Recipe(epochs=60, learning_rate=0.05, label_smoothing=0.1, mixup=0.2)
    measured = Training(space, task, recipe).estimate(Candidate(space.sample(0)), LocalTrial())
    assert measured.metrics["micro_f1"] > 0.7 > measured.curve[0]["micro_f1"]
    assert measured.curve[-1]["train_loss"] < measured.curve[0]["train_loss"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS * 2, "a matrix of 0 and 1"),
        (LABELS[:, 0], "a matrix of 0 and 1"),
        (LABELS * 0 + 1, "every example has the same labels"),
        (np.full((120, 3), "yes"), "a matrix of 0 and 1"),
    ],
)
def test_what_is_no_matrix_of_labels_is_refused(labels, message):
    with pytest.raises(TaskError, match=message):
        from_arrays(INPUTS, labels, kind="multilabel")


def test_names_must_fit():
    with pytest.raises(TaskError, match="expected 3 different names"):
        from_arrays(INPUTS, LABELS, kind="multilabel", classes=["a", "b"])
    with pytest.raises(TaskError, match="no classes to weigh"):
        from_arrays(INPUTS, LABELS, kind="multilabel", class_weights="balanced")
