"""Options that are out of range are refused when a method is made, before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.supernets import METHODS, Supernet, make_method
from archwright.supernets.methods.uniform import UniformSampling
from archwright.testing.known_best import known_best_space, known_best_task


def test_the_sandwichs_learning_rate_falls_to_a_twentieth() -> None:
    assert make_method("sandwich").lowest_learning_rate == pytest.approx(0.005)
    assert make_method("sandwich", learning_rate=0.02).lowest_learning_rate == pytest.approx(0.001)
    assert make_method("sandwich", lowest_learning_rate=0.0).lowest_learning_rate == 0.0


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("rate", [-1.0, 0.0, float("nan")])
def test_a_learning_rate_is_above_zero(name: str, rate: float) -> None:
    with pytest.raises(UsageError, match="expected learning_rate to be a number > 0"):
        make_method(name, learning_rate=rate)


@pytest.mark.parametrize(
    ("name", "option", "value", "told"),
    [
        (
            "darts",
            "skip_limit",
            "two",
            "the option 'skip_limit' .*: expected a whole number or null, got 'two'",
        ),
        (
            "pcdarts",
            "frozen_epochs",
            "x",
            "the option 'frozen_epochs' .*: expected a whole number or null, got 'x'",
        ),
        ("darts", "skip_limit", -1, "expected skip_limit >= 0"),
        ("gdas", "architecture_learning_rate", -1.0, "expected architecture_learning_rate > 0"),
        ("pcdarts", "lowest_learning_rate", -1.0, "lowest_learning_rate >= 0"),
    ],
)
def test_other_options_have_ranges_too(name: str, option: str, value: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make_method(name, **{option: value})


@pytest.mark.parametrize(
    ("option", "value", "range_"),
    [("momentum", 1.0, ">= 0 and < 1"), ("weight_decay", -1e-4, ">= 0"), ("gradient_clip", 0.0, "> 0")],
)
def test_of_the_weights_optimizer(option: str, value: float, range_: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(UsageError, match=f"expected {option} to be a number {range_}"):
        UniformSampling(**options)


def test_too_few_examples_for_two_parts_are_told_with_the_cure() -> None:
    task = known_best_task(0, examples=20)
    method = make_method("darts", weight_share=0.97)
    supernet = Supernet(known_best_space(), task.example_arguments())
    with pytest.raises(UsageError, match=r"at least 2 examples .*weight_share"):
        method.trainer(supernet, task, accelerator="cpu")


@pytest.mark.parametrize("name", [name for name in METHODS if "frozen_epochs" in METHODS.options(name)])
@pytest.mark.parametrize("epochs", [3, 10])
def test_alpha_is_trained_however_few_epochs_there_are(name: str, epochs: int) -> None:
    method: Any = make_method(name, epochs=epochs)
    bilevel = getattr(method, "present", method)
    assert bilevel.frozen_epochs < bilevel.epochs
    with pytest.raises(
        UsageError, match="expected frozen_epochs < epochs, since alpha would never be trained"
    ):
        make_method(name, epochs=epochs, frozen_epochs=epochs)


@pytest.mark.parametrize(("name", "frozen"), [("pcdarts", 15), ("proxyless", 40)])
def test_the_warm_up_of_the_papers_length_is_the_papers(name: str, frozen: int) -> None:
    method: Any = make_method(name)
    assert method.frozen_epochs == frozen
