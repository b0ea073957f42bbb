"""Language modelling: the loss and the metrics against a computation by hand, and what a network must give."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch.utils.data import TensorDataset

from archwright.errors import TaskError
from archwright.tasks import LANGUAGE_MODELLING, LanguageModelling, Split


def _task(symbols: str = "ab \n") -> LanguageModelling:
    def part(windows: int) -> TensorDataset:
        ids = torch.randint(len(symbols), (windows, 6), generator=torch.Generator().manual_seed(windows))
        return TensorDataset(ids[:, :5], ids[:, 1:])

    return LanguageModelling(
        "letters",
        train=part(4),
        validation=part(2),
        test=part(3),
        symbols=symbols,
        split=Split(4, 2, 3, 0, stratified=False),
    )


def test_what_it_says_of_itself() -> None:
    task = _task()
    assert (task.kind, task.metric, task.outputs) == (LANGUAGE_MODELLING, "perplexity", 4)
    assert (task.input_shape, task.output_shape) == ((5,), (5, 4))
    assert task.has_symbols
    assert task.classes == ("a", "b", "space", "newline")
    assert task.example()[0].shape == (2, 5)
    assert task.example()[0].dtype == torch.int64
    told = json.loads(json.dumps(task.describe(), allow_nan=False))
    assert told["input_type"] == "int64"
    assert "5 characters at a time" in told["preprocessing"]["steps"][0]


def test_the_text_shows_in_its_description() -> None:
    first, second = _task(), _task()
    assert first.describe() == second.describe()
    second.test.tensors[1][0, 0] = (second.test.tensors[1][0, 0] + 1) % 4  # type: ignore[attr-defined]
    assert first.describe()["text"] != second.describe()["text"]


def test_loss_and_metrics_by_hand() -> None:
    task = _task()
    outputs = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.randint(4, (2, 5), generator=torch.Generator().manual_seed(1))
    nats, hits = 0.0, 0
    for example in range(2):
        for step in range(5):
            scores = outputs[example, step].double().tolist()
            wanted = int(targets[example, step])
            nats += math.log(sum(map(math.exp, scores))) - scores[wanted]
            hits += scores.index(max(scores)) == wanted
    metrics = task.scores(outputs, targets)
    assert metrics["loss"] == pytest.approx(nats / 10)
    assert metrics["perplexity"] == pytest.approx(math.exp(nats / 10))
    assert metrics["bits_per_character"] == pytest.approx(nats / 10 / math.log(2))
    assert metrics["accuracy"] == pytest.approx(hits / 10)
    assert task.criterion(outputs, targets).item() == pytest.approx(nats / 10, rel=1e-5)


def test_a_network_that_knows_nothing_has_as_much_perplexity_as_there_are_symbols() -> None:
    metrics = _task().scores(torch.zeros(2, 5, 4), torch.zeros(2, 5, dtype=torch.int64))
    assert metrics["perplexity"] == pytest.approx(4)
    assert metrics["bits_per_character"] == pytest.approx(2)


def test_label_smoothing_mixes_in_the_mean_over_all_symbols() -> None:
    task = _task()
    outputs, targets = torch.randn(2, 5, 4), torch.randint(4, (2, 5))
    each = -outputs.log_softmax(dim=-1)
    hard = each.gather(2, targets[..., None]).mean()
    expected = 0.9 * hard + 0.1 * each.mean()
    torch.testing.assert_close(task.criterion(outputs, targets, smoothing=0.1), expected)


def test_a_loss_that_is_too_large_still_has_a_perplexity() -> None:
    outputs = torch.zeros(2, 5, 4)
    outputs[..., 1] = 1e6
    metrics = _task().scores(outputs, torch.zeros(2, 5, dtype=torch.int64))
    assert metrics["loss"] == pytest.approx(1e6)
    assert math.isfinite(metrics["perplexity"])


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 5), (2, 5, 3), (3, 5, 4)])
def test_other_outputs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        TaskError, match=r"expected the network to give a tensor of shape \(2, 5, 4\) for 2 inputs"
    ):
        _task().loss(torch.zeros(shape), (torch.zeros(2, 5), torch.zeros(2, 5, dtype=torch.int64)))


def test_text_goes_to_numbers_and_back() -> None:
    task = _task()
    assert task.encode("a b\n").tolist() == [0, 2, 1, 3]
    assert task.decode(task.encode("ab \nba")) == "ab \nba"
    with pytest.raises(TaskError, match=r"the 4 characters it was made with, got 'c' at 2"):
        task.encode("abc")
