from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch

import archwright as aw
from archwright.strategies import Strategy
from archwright.strategies.pruners import Pruner
from archwright.tasks import Task, from_arrays
from archwright.trials import Verdict


class Strider(Strategy):
    """Every so many-th of a row of random architectures.

    Args:
        space: What to search.
        objectives: What is optimised.
        seed: Of chance.
        stride: One architecture in so many is proposed.
    """

    def __init__(
        self, space: aw.Space, objectives: Sequence[aw.Objective], *, seed: int = 0, stride: int = 2
    ) -> None:
        self.space, self.seed, self.stride, self.asked = space, seed, stride, 0

    def ask(self, *_: Any) -> aw.Candidate:
        self.asked += self.stride
        return aw.Candidate(self.space.sample(random.Random(f"{self.seed} {self.asked}")))

    def tell(self, trial: aw.Trial) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.asked = state["asked"]


def hedge(input_shape: Sequence[int], outputs: int, *, widths: Sequence[int] = (4, 8)) -> aw.Space:
    """Perceptrons with one hidden layer.

    Args:
        widths: Of the hidden layer.
    """
    width = aw.categorical(widths, name="width")
    return aw.Space(
        aw.layer(
            torch.nn.Sequential,
            aw.layer(torch.nn.Flatten),
            aw.layer(torch.nn.Linear, input_shape[0], width),
            aw.layer(torch.nn.ReLU),
            aw.layer(torch.nn.Linear, width, outputs),
        ),
        name="hedge",
    )


def seeds(*, count: int = 60, seed: int = 0) -> Task:
    """Which of two numbers is larger.

    Args:
        count: Number of examples.
        seed: Of the examples.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(count, 2, generator=generator)
    return from_arrays(inputs.numpy(), (inputs[:, 0] > inputs[:, 1]).long().numpy(), name="seeds")


class Frost(Pruner):
    """Stops every trial at its first report.

    Args:
        objectives: Not used.
        step: The first step at which it stops one.
    """

    def __init__(self, objectives: Sequence[aw.Objective] = (), *, step: int = 1) -> None:
        self.step = step

    def judge(self, trial: aw.Trial, curve: Sequence[Any], others: Any) -> Verdict:
        return Verdict.STOP if curve[-1].step >= self.step else Verdict.GO_ON


class Units(aw.Meter):
    """The number of neurons of all linear layers.

    Args:
        weight: What each counts.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        self.weight = weight

    def measure(self, network: torch.nn.Module, *args: Any, **kwargs: Any) -> float:
        return self.weight * sum(m.out_features for m in network.modules() if isinstance(m, torch.nn.Linear))
