"""Searches of what grammars derive, from end to end."""

import re
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.export.checking import executed
from archwright.session import resume, search
from archwright.spaces.zoo import einspace_space, hierarchical_space

from .stopped import StopAfter

RECIPE = aw.Recipe(epochs=1)
BRIEF = {"baseline": False, "onnx": False, "progress": False}
SMALL = einspace_space((1, 8, 8), 10, depth=6, widths=(8,))


@pytest.mark.slow
def test_an_interrupted_search_goes_on_as_without_the_interruption(tmp_path):
    how = {
        "space_options": {"depth": 6, "widths": [8]},
        "strategy": "evolution",
        "strategy_options": {"population_size": 4, "initial": 1, "crossover": 0.5},
        "enqueue": ["default"],
        "budget": aw.Budget(trials=7),
        "recipe": RECIPE,
        "retrain": 0,
    }
    whole = search("einspace", "digits", out=tmp_path / "a", **BRIEF, **how)
    with pytest.raises(RuntimeError, match="here it ends"):
        search("einspace", "digits", out=tmp_path / "b", listener=StopAfter(4), **BRIEF, **how)
    again = resume(tmp_path / "b", progress=False)
    assert whole.run.trials[0].architecture == SMALL.default
    assert [trial.architecture for trial in again.run.trials] == [t.architecture for t in whole.run.trials]
    assert {trial.metrics["accuracy"] for trial in again.run.trials} == {
        trial.metrics["accuracy"] for trial in whole.run.trials
    }


def test_what_is_found_is_delivered_as_plain_torch(tmp_path):
    first = "routing(im2col3s1, computation(linear8), col2im)"
    given = f"output(sequential({first}, branch2(clone2, computation(norm), {first}, add)))"
    result = search(
        SMALL.fix({"derivation": given}),
        "digits",
        budget=aw.Budget(trials=1),
        recipe=RECIPE,
        retrain=1,
        out=tmp_path / "run",
        **BRIEF,
    )
    best = tmp_path / "run" / "best"
    text = (best / "model.py").read_text()
    assert "archwright" not in text.replace("Archwright", "")
    assert "nn.Linear(9, 8)" in text
    network, x = result.model().eval(), torch.randn(3, 1, 8, 8)
    with executed(best / "model.py") as module, torch.no_grad():
        torch.testing.assert_close(module.load().eval()(x), network(x))
    assert "UnfoldImage" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("strategy", "options"),
    [("bayesian", {"columns": "graph", "initial": 3}), ("local", {})],
    ids=["bayesian", "local"],
)
def test_scores_without_training_guide_a_search(strategy, options, tmp_path):
    result = search(
        SMALL,
        "digits",
        strategy=strategy,
        strategy_options=options,
        estimator="zero_cost",
        estimator_options={"proxies": "synflow"},
        budget=aw.Budget(trials=6),
        retrain=0,
        out=tmp_path / "run",
        **BRIEF,
    )
    assert len(result.run.trials) == 6
    assert all(trial.architecture["derivation"].startswith("output(") for trial in result.run.trials)


def test_the_grammar_of_the_page_is_searched(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "grammars.md"
    (block,) = re.findall(r"```python\n# mine.py\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.py").write_text(block)
    result = search(
        f"{tmp_path / 'mine.py'}:space",
        "digits",
        budget=aw.Budget(trials=2),
        recipe=RECIPE,
        retrain=0,
        out=tmp_path / "run",
        **BRIEF,
    )
    assert len(result.run.trials) == 2


@pytest.mark.slow
def test_a_one_shot_method_searches_an_unrolled_grammar(tmp_path):
    space = hierarchical_space((1, 8, 8), 10, macro="stage", channels=4, connected=False, unrolled=True)
    result = search(
        space,
        "digits",
        strategy="gdas",
        strategy_options={"epochs": 1},
        recipe=RECIPE,
        retrain=1,
        out=tmp_path / "run",
        **BRIEF,
    )
    assert result.run.winner.architecture in space
