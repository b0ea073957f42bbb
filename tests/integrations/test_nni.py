"""Real model spaces of NNI 3.0, which cannot be installed beside Archwright but can be imported."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import ArchwrightWarning, SpaceError
from archwright.integrations.nni import ChosenInputs, translate

PAGE = Path(__file__).parents[2] / "docs" / "from-nni.md"

pytestmark = pytest.mark.slow  # NNI takes ten seconds to be imported


@pytest.fixture(scope="module")
def nas(package_data: Callable[[str, str], Path]) -> Iterator[Any]:
    """`nni.nas.nn.pytorch`, with `nni` as an attribute."""
    folder = package_data("nni", "nni/version.py").parents[1]
    package_data("nni", "pytorch_lightning")  # and what else NNI imports
    sys.path.append(str(folder))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nni
            from nni.nas.nn import pytorch as found
        found.nni = nni
        yield found
    finally:
        sys.path.remove(str(folder))


def sample_of(space: aw.Space, architecture: aw.Architecture, model: Any) -> dict[str, Any]:
    """An architecture as NNI names it; decisions that are not active take any value."""
    by_label = {address.split(".")[-1]: value for address, value in architecture.items()}
    sample = {}
    for label, mutable in model.simplify().items():
        value = by_label.get(label, mutable.default())
        if hasattr(mutable, "n_chosen") and not isinstance(value, list):
            value = [mutable.values[i] for i in (value if isinstance(value, tuple) else (value,))]
        sample[label] = value
    return sample


def check_same(model: Any, inputs: Any, count: int = 8) -> aw.Space:
    """Networks of the translation are those that NNI freezes: same parameters, and with these the same outputs."""
    space = translate(model)
    random = Random(0)
    for architecture in (space.default, *(space.sample(random) for _ in range(count))):
        ours = space.build(architecture).eval()
        theirs = model.freeze(sample_of(space, architecture, model)).eval()
        ours.load_state_dict(theirs.state_dict())
        with torch.no_grad():
            torch.testing.assert_close(ours(*inputs), theirs(*inputs))
    return space


def test_choices_of_layers_values_inputs_and_depths_are_as_nni_freezes_them(nas: Any) -> None:
    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            width = nas.nni.choice("width", [4, 8])
            self.stem = nas.MutableConv2d(1, width, 3, padding=1)
            self.op = nas.LayerChoice(
                {
                    "conv": nas.MutableConv2d(width, width, 3, padding=1),
                    "id": nn.Identity(),
                    "bottle": nn.Sequential(
                        nas.MutableConv2d(width, width * 2, 1),
                        nn.ReLU(),
                        nas.MutableConv2d(width * 2, width, 1),
                    ),
                },
                label="op",
            )
            self.blocks = nas.Repeat(
                lambda i: nas.LayerChoice(
                    [nas.MutableConv2d(width, width, k, padding=k // 2) for k in (1, 3)], label=f"kernel{i}"
                ),
                (0, 3),
                label="depth",
            )
            self.skip = nas.InputChoice(3, n_chosen=2, reduction="mean", label="skip")
            self.one = nas.InputChoice(2, n_chosen=1, label="one")
            self.fc = nas.MutableLinear(width, 10)

        def forward(self, x: Any) -> Any:
            a = self.stem(x)
            b = self.op(a)
            c = self.one([a, b])
            return self.fc(self.skip([a, b, self.blocks(c)]).mean((2, 3)))

    space = check_same(Net(), (torch.randn(2, 1, 6, 6),))
    # width, op, skip, one, and of the depth 1 + 2 + 4 + 8
    assert space.size == 2 * 3 * 3 * 2 * 15
    assert space.name == "Net"


def test_equal_labels_are_one_decision(nas: Any) -> None:
    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            block = nas.LayerChoice([nn.Linear(4, 4), nn.Identity()], label="op")
            self.blocks = nas.Repeat(block, nas.nni.choice("depth", [1, 3]))

        def forward(self, x: Any) -> Any:
            return self.blocks(x)

    assert check_same(Net(), (torch.randn(2, 4),)).size == 4


def test_modules_of_the_users_own_are_copied_with_fresh_weights(nas: Any) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.op = nas.LayerChoice([nn.Linear(4, 4), nn.Tanh()], label="op")
            self.norm = nn.LayerNorm(4)
            self.scale = nn.Parameter(torch.full((4,), 3.0))
            self.fixed = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.scale * self.fixed(self.norm(self.op(x)))

    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block()])

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return x

    space = check_same(Net(), (torch.randn(2, 4),))
    first, second = space.build(space.default), space.build(space.default)
    assert not torch.equal(first.blocks[0].fixed.weight, second.blocks[0].fixed.weight)
    assert not torch.equal(first.blocks[0].op.weight, second.blocks[0].op.weight)
    assert first.blocks[0].scale.tolist() == [3.0] * 4
    assert first.blocks[0].scale is not second.blocks[0].scale


def test_cells_and_parametrized_modules_are_frozen_by_nni(nas: Any) -> None:
    class Scaled(nas.ParametrizedModule):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Conv2d(width, 4, 1)
            self.outer = nas.LayerChoice([nn.Conv2d(4, 4, 1), nn.Identity()], label="outer")

        def forward(self, x: Any) -> Any:
            return self.outer(self.inner(x))

    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            width = nas.nni.choice("width", [2, 6])
            self.stem = nas.MutableConv2d(1, width, 1)
            self.scaled = Scaled(width)
            ops = [nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(3, 1, 1)]
            self.cell = nas.Cell(ops, 2, 1, 2, merge_op="loose_end", label="cell")

        def forward(self, x: Any) -> Any:
            x = self.scaled(self.stem(x))
            return self.cell(x, x)

    space = check_same(Net(), (torch.randn(2, 1, 6, 6),))
    assert space.size == 2 * 2 * (2 * 2) * (2 * 3)


def test_what_is_no_model_space_or_has_no_counterpart_is_refused(nas: Any) -> None:
    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nas.MutableDropout(nas.nni.normal("share", 0.2, 0.1))

        def forward(self, x: Any) -> Any:
            return self.drop(x)

    with pytest.raises(SpaceError, match="'share' of NNI has no bounds"):
        translate(Net())
    with pytest.raises(SpaceError, match="got a Linear without any"):
        translate(nn.Linear(2, 2))


def test_a_translated_space_is_searched_and_its_weights_are_kept(nas: Any, tmp_path: Path) -> None:
    class Net(nas.ModelSpace):
        def __init__(self) -> None:
            super().__init__()
            width = nas.nni.choice("width", [8, 16, 32])
            self.first = nas.MutableLinear(64, width)
            self.op = nas.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, label="op")
            self.last = nas.MutableLinear(width, 10)

        def forward(self, x: Any) -> Any:
            return self.last(self.op(self.first(x.flatten(1))))

    with pytest.warns(ArchwrightWarning, match="which has no source"):
        result = aw.search(
            translate(Net()),
            "digits",
            objectives=["accuracy", "params<=2000"],
            budget=aw.Budget(trials=3),
            recipe=aw.Recipe(epochs=1),
            retrain=1,
            baseline=False,
            progress=False,
            out=tmp_path / "run",
        )
    assert result.best.metrics["params"] <= 2000
    assert result.model()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_chosen_inputs_reduce_as_named() -> None:
    inputs = [torch.full((1, 2), float(i)) for i in range(3)]
    assert ChosenInputs([0, 2], "sum")(inputs).tolist() == [[2.0, 2.0]]
    assert ChosenInputs((1, 2), "mean")(inputs).tolist() == [[1.5, 1.5]]
    assert ChosenInputs([1, 2], "concat")(inputs).tolist() == [[1.0, 1.0, 2.0, 2.0]]
    assert [x.tolist() for x in ChosenInputs([1], "none")(inputs)] == [[[1.0, 1.0]]]
    assert ChosenInputs(2, "sum")(inputs) is inputs[2]


def test_the_examples_of_the_page_run_and_mean_the_same(nas: Any) -> None:
    names: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    pairs = 0
    blocks = re.findall(r"(<!-- nni -->\n)?```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    for is_nni, code in blocks:
        exec(compile(code, "from-nni.md", "exec"), names if is_nni else ours)
        if not is_nni:
            theirs = names["space"]
            assert ours["ours"].size == theirs.size
            counts = [
                sorted(sum(p.numel() for p in s.build(s.sample(Random(i))).parameters()) for i in range(40))
                for s in (ours["ours"], theirs)
            ]
            assert set(counts[0]) == set(counts[1])
            pairs += 1
    assert pairs == 5
    assert len(blocks) == 2 * pairs + 2
