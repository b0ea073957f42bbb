"""What begins with trained weights is fine-tuned; what stands beside it and has none is trained from scratch."""

import json

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.experiments.finalists import ORIGINAL
from archwright.learning import FINE_TUNING, Recipe
from archwright.pretrained import original_network
from archwright.session.contestants import original_space
from archwright.session.recipes import chosen_recipe


def trained():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))


class Own(nn.Sequential):
    """A class of the user's own, whose winner can be printed."""

    def __init__(self):
        super().__init__(*trained())


def own_space(network=None):
    return aw.from_network(network or trained(), torch.randn(2, 1, 8, 8))


def test_weights_that_come_along_are_fine_tuned():
    chosen = chosen_recipe(own_space(), None, 3)
    assert chosen.recipe == Recipe(seed=3, **FINE_TUNING)
    assert chosen.scratch == Recipe(seed=3)
    assert "fine-tuning" in chosen.notes[0]
    some = chosen_recipe(own_space(), {"learning_rate": 0.1, "epochs": 5, "freeze": ["1.*"]}, 3)
    assert some.recipe == Recipe(
        seed=3, **{**FINE_TUNING, "learning_rate": 0.1, "epochs": 5, "freeze": ("1.*",)}
    )
    assert some.scratch == Recipe(seed=3, epochs=5, learning_rate=0.1)
    assert some.fitted(some.recipe.replace(epochs=2)).epochs == 2


def test_a_recipe_that_was_given_is_taken_as_it_is():
    given = Recipe(learning_rate=0.2, distillation=0.5)
    chosen = chosen_recipe(own_space(), given, 3)
    assert chosen.recipe is given
    assert chosen.scratch == Recipe(learning_rate=0.2)
    assert not chosen.notes
    plain = aw.Space(aw.layer(trained))
    assert chosen_recipe(plain, None, 3) == chosen_recipe(plain, {}, 3)
    assert chosen_recipe(plain, None, 3).recipe == Recipe(seed=3)
    assert chosen_recipe(plain, None, 3).scratch is None
    with pytest.raises(UsageError, match="no field 'epoch'"):
        chosen_recipe(plain, {"epoch": 3}, 0)


def test_the_network_as_it_was_given_holds_no_decision():
    network = trained()
    only = original_space(own_space(network))
    assert not only.decisions
    assert original_network(only) is not None
    made = only.build(only.sample(0))
    for one, other in zip(made.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
def test_a_search_names_the_network_as_it_was_given(tmp_path):
    result = aw.search(
        own_space(Own),
        "digits",
        strategy="random",
        budget=aw.Budget(trials=2),
        recipe={"epochs": 2, "distillation": 0.5},
        objectives=["accuracy", "params<=1500"],
        retrain=1,
        out=tmp_path / "run",
        formats=(),
        progress=False,
    )
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert record["recipe"]["learning_rate"] == FINE_TUNING["learning_rate"]
    assert record["scratch"]["learning_rate"] == Recipe().learning_rate
    assert record["scratch"]["distillation"] == 0
    assert record["compare"] == [ORIGINAL]
    names = [finalist.name for finalist in result.run.finalists]
    assert names == [f"trial {result.run.winner.number}", "the hand-made network", ORIGINAL]
    assert all(finalist.first and finalist.first.is_measured for finalist in result.run.finalists)
    curves = [finalist.first.measurement.curve for finalist in result.run.finalists]
    rates = [max(point["learning_rate"] for point in curve) for curve in curves]
    assert [rate <= FINE_TUNING["learning_rate"] for rate in rates] == [True, False, True]
    assert ORIGINAL in (tmp_path / "run" / "report.html").read_text()
    resumed = aw.resume(tmp_path / "run", space=own_space(Own), progress=False)
    assert [finalist.name for finalist in resumed.run.finalists] == names
