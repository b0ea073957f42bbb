from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import ArchwrightWarning, UsageError
from archwright.supernets import MixedOp, Mixture, Supernet, make_method, train_epoch
from archwright.supernets.methods.p_darts import PDarts, SkipDropout, drop_skips, skip_dropout
from archwright.supernets.storage import load_supernet, save_supernet
from archwright.tasks import Task

SMALL: dict[str, Any] = {
    "epochs": 3,
    "cells": (1, 2, 3),
    "operations": (3, 2),
    "batch_size": 16,
    "frozen_epochs": 0,
    "architecture_learning_rate": 0.1,
}


def made(space: aw.Space, task: Task, **options: Any) -> Any:
    torch.manual_seed(0)
    method = PDarts(**{**SMALL, **options})
    return method.trainer(Supernet(space, task.example_arguments()), task, accelerator="cpu")


def test_stages_deepen_the_network_and_keep_the_strongest_operations(cells: aw.Space, images: Task) -> None:
    trainer = made(cells, images)
    method = trainer.step
    operations = {a: 4 for a in cells.decisions if ".from_" in a}
    seen = []
    for stage, count in enumerate((4, 3, 2)):
        metrics = train_epoch(trainer).metrics
        assert metrics["stage"] == stage + 1
        assert len(method.supernet.network.cells) == stage + 1
        probabilities = method.probabilities()
        assert {a: len(probabilities[a]) for a in operations} == dict.fromkeys(operations, count)
        for address in operations:
            chances = probabilities[address]
            assert sum(chances.values()) == pytest.approx(1)
            if seen:
                before = seen[-1][address]
                assert set(chances) == set(sorted(before, key=lambda label: -before[label])[:count])
        seen.append(probabilities)
        switches = [m for m in method.supernet.modules() if isinstance(m, MixedOp)]
        assert {len(switch.options) for switch in switches} == {count}
    assert trainer.epoch == method.epochs == 3
    for architecture in method.derive(3):
        assert cells.contains(architecture)
        assert method.supernet.extract(architecture)(images.example()[0]).shape == (2, 3)


def test_the_defaults_are_the_papers() -> None:
    method: Any = make_method("pdarts")
    assert method.ends == [0, 25, 50, 75]
    assert method.cells == (5, 11, 17)
    assert method.present.frozen_epochs == 10
    assert method.present.recipe.batch_size == 96
    assert method.present.skip_limit == 2
    assert method.present.lowest_learning_rate == 0.0
    assert method.present._architecture_options["lr"] == 6e-4


def test_epochs_are_divided_among_the_stages() -> None:
    for epochs in range(3, 40):
        ends = PDarts(epochs=epochs).ends
        lengths = [end - begin for begin, end in itertools.pairwise(ends)]
        assert sum(lengths) == epochs
        assert max(lengths) - min(lengths) <= 1


def test_the_dropout_falls_as_in_the_paper() -> None:
    found = [skip_dropout(0.7, epoch, 25, 10) for epoch in range(25)]
    assert found[0] == pytest.approx(0.7 * 24 / 25)
    assert found[9] == pytest.approx(0.7 * 15 / 25)
    assert found[10] == 0.7
    assert found[24] == pytest.approx(0.7 * math.exp(-2.8))
    assert found[10:] == sorted(found[10:], reverse=True)


def test_dropout_meets_skip_connections_of_a_mixture_in_training_alone(cells: aw.Space, images: Task) -> None:
    supernet = Supernet(cells, images.example_arguments())
    switch = next(module for module in supernet.modules() if isinstance(module, MixedOp))
    (address,) = switch.selector.reads
    drop_skips(supernet, 0.25)
    assert isinstance(switch.mixer, SkipDropout)
    x = torch.ones(50, 8, 6, 6)
    only = {"skip_connect": 1, "avg_pool_3x3": 2}
    for label, position in only.items():
        supernet.set_gates({address: Mixture(None, (position,))})
        torch.manual_seed(0)
        output = switch(x)
        assert (output == 0).float().mean().item() == pytest.approx(
            0.25 * (label == "skip_connect"), abs=0.02
        )
        assert output.mean().item() == pytest.approx(1, abs=0.02)
        supernet.eval()
        assert torch.equal(switch(x), x)
        supernet.train()
    architecture = next(a for a in map(cells.sample, range(99)) if a.get(address) == "skip_connect")
    supernet.set_gates(architecture)
    assert torch.equal(switch(x), x)
    drop_skips(supernet, 0.0)
    assert switch.mixer is None


def test_says_that_the_depth_stays_where_a_space_has_one_scale(cells: aw.Space, images: Task) -> None:
    space = aw.Space(cells.network, name="fixed")
    with pytest.warns(ArchwrightWarning, match="all stages have the depth of the space itself") as caught:
        trainer = made(space, images)
    for _ in range(3):
        train_epoch(trainer)
        assert len(trainer.network.network.cells) == 2
    assert len(caught) == 1
    assert train_epoch(made(space, images, cells=None)).metrics["stage"] == 1


def test_derived_cells_have_few_skip_connections(cells: aw.Space, images: Task) -> None:
    trainer = made(cells, images, skip_limit=1, cells=None)
    method = trainer.step
    train_epoch(trainer)
    alphas = method.present.policy.alphas  # type: ignore[attr-defined]
    with torch.no_grad():
        for alpha in alphas.values():
            alpha[1] = 5.0 + alpha[1]
    for architecture in method.derive(20):
        assert sum(value == "skip_connect" for value in architecture.values()) <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cells": (5, 11)}, "expected cells for 3 stages"),
        ({"skip_dropout": (0.1,)}, "expected skip_dropout for 3 stages"),
        ({"epochs": 2}, "at least one epoch for each of 3 stages"),
        ({"operations": (5, 0)}, "operations >= 1"),
        ({"early_stop": True}, "leave early_stop out"),
    ],
)
def test_stages_must_agree(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        PDarts(**options)


def test_the_supernet_of_the_last_stage_can_be_saved(cells: aw.Space, images: Task, tmp_path: Path) -> None:
    trainer = made(cells, images)
    method = trainer.step
    for _ in range(3):
        train_epoch(trainer)
    save_supernet(method.supernet, tmp_path / "supernet.pt")
    loaded = load_supernet(cells, images.example_arguments(), tmp_path / "supernet.pt")
    architecture = method.derive(1)[0]
    x = images.example()[0]
    assert torch.equal(
        loaded.extract(architecture).eval()(x), method.supernet.extract(architecture).eval()(x)
    )
