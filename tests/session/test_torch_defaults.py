"""What a user has set in torch for the whole process changes no run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import archwright as aw


@pytest.fixture(params=[torch.float64, torch.bfloat16])
def other_type(request: pytest.FixtureRequest) -> Iterator[None]:
    torch.set_default_dtype(request.param)
    yield
    torch.set_default_dtype(torch.float32)


def test_a_whole_search_under_another_default_type(tmp_path: Path, other_type: None) -> None:
    space = aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Flatten), aw.layer(nn.LazyLinear, 10, aw.boolean(name="bias")))
    )
    options = {"strategy": "random", "recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False}
    options["baseline"] = False
    run = aw.search(space, "digits", budget=aw.Budget(trials=1), retrain=1, out=tmp_path / "run", **options)
    assert run.state == "completed"
    model = run.model()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert (tmp_path / "run" / "best" / "model.py").exists()
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    plain = aw.search(
        space, "digits", budget=aw.Budget(trials=1), retrain=1, out=tmp_path / "other", **options
    )
    torch.set_default_dtype(default)
    assert plain.test == run.test
    assert torch.equal(plain.model()[1].weight, model[1].weight)
