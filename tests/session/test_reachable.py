"""Limits that no form of a trained network keeps are refused before anything is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.objectives import parse_limit
from archwright.session.reachable import check_reachable
from archwright.tasks import Task, make_task


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("digits", seed=0)


@pytest.fixture(scope="module")
def space() -> aw.Space:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return aw.from_network(network, torch.zeros(2, 1, 8, 8))


SMALLEST = 8 * 64 + 8 + 10 * 8 + 10


def test_a_limit_below_the_smallest_form_is_refused(space: aw.Space, task: Task) -> None:
    check_reachable(space, task, [aw.Objective("accuracy"), parse_limit(f"params<={SMALLEST}")])
    with pytest.raises(
        UsageError, match=f"params<={SMALLEST - 1} was asked for, and its smallest form has {SMALLEST}"
    ):
        check_reachable(space, task, [parse_limit(f"params<={SMALLEST - 1}"), parse_limit("macs<=1e9")])
    with pytest.raises(
        UsageError, match="no form of Sequential keeps the limit: latency_ms<=1e-09 was asked for"
    ):
        check_reachable(space, task, [parse_limit("latency_ms<=1e-9")])


def test_a_decision_that_is_held_counts(space: aw.Space, task: Task) -> None:
    held = space.fix({"1": 16})
    with pytest.raises(UsageError, match="no form of Sequential keeps the limit"):
        check_reachable(held, task, [parse_limit(f"params<={SMALLEST}")])


def test_other_spaces_and_scores_are_not_looked_at(space: aw.Space, task: Task) -> None:
    width = aw.integer(4, 8, name="width")
    other = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Flatten), aw.layer(nn.Linear, 64, width)))
    check_reachable(other, task, [parse_limit("params<=1")])
    check_reachable(space, task, [parse_limit("accuracy>=2"), aw.Objective("params")])
