"""The model card: what a network was made from, how, at what cost, and what to be careful of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archwright.experiments.config import versions

__all__ = ["Card", "render_card"]

_PACKAGES = ("torch", "numpy", "safetensors")
"""What a network and its weights are made with."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model card tells. What is empty or None is left out.

    Args:
        name: What to call the network.
        data: What it learned from: "task", "source", "inputs", "outputs", "classes", ... to text.
        split: How the data was divided, in one sentence.
        preprocessing: What was done to the inputs before the network saw them, a step each. Whoever uses the
            network must do the same.
        search: How it was found: "space", "strategy", "trials", "budget", ... to text.
        cost: What it took: "search" and "training" time, ... to text.
        params: Number of parameters; None has `export_network` count them.
        flops: Floating point operations for one input.
        seeds: Seed of the search, the training, the split, ... by name.
        versions: Package to version; empty means those installed now.
        validation: Metric to value on the validation split, by which the network was chosen.
        test: Metric to value on the test split, read once.
        baseline: The same metrics of a network made by hand and trained the same way, on the test split.
        others: Another network, or a model of scikit-learn trained on the same rows, to the same metrics, on the test
            split.
        comparison: How they compare, in a sentence or two.
        training: How the final network was trained: "epochs", "optimizer", ... to text.
        example: How it is used, as Python; empty where that is not known.
        caveats: What else to be careful of, a sentence each.
    """

    name: str
    data: Mapping[str, object]
    split: str
    preprocessing: Iterable[str] = ()
    search: Mapping[str, object] = field(default_factory=dict)
    cost: Mapping[str, object] = field(default_factory=dict)
    params: int | None = None
    flops: int | None = None
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    comparison: str = ""
    training: Mapping[str, object] = field(default_factory=dict)
    example: str = ""
    caveats: Iterable[str] = ()


def render_card(card: Card, files: Mapping[str, str]) -> str:
    """The card as Markdown.

    Args:
        card: What it tells.
        files: Name to description of the files that lie beside it.
    """
    size = {"parameters": card.params, "FLOPs for one input": card.flops}
    what, opening = "network", "It is plain PyTorch: it needs"
    if "model.py" in files:
        opening = "It is plain PyTorch: `model.py` imports"
    elif "algorithm.py" in files:
        what, opening = "learning algorithm", "It is plain Python with NumPy: `algorithm.py` imports"
    blocks = [
        f"# {_line(card.name)}",
        f"A {what} found by Archwright. {opening} nothing of Archwright.",
        _section(
            "Files", _table(("file", "what it is"), [(f"`{name}`", what) for name, what in files.items()])
        ),
        _section("Use", f"```python\n{card.example}\n```" if card.example else ""),
        _section("Scores", _scores(card)),
        _section("Size", _pairs({name: f"{value:,}" for name, value in size.items() if value is not None})),
        _section("Data", _pairs(card.data)),
        _section("Split", _line(card.split)),
        _section("Preprocessing", _preprocessing(card, what)),
        _section("Search", _pairs(card.search)),
        _section("Training", _pairs(card.training)),
        _section("Cost", _pairs(card.cost)),
        _section("Seeds", _pairs(card.seeds)),
        _section("Versions", _pairs(card.versions or versions(_PACKAGES))),
        _section("Limits and caveats", _list([*_general_caveats(card, what), *card.caveats])),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _scores(card: Card) -> str:
    columns = {"validation": card.validation, "test": card.test, "baseline (test)": card.baseline}
    columns |= {f"{name} (test)": scores for name, scores in card.others.items() if scores}
    columns = {title: scores for title, scores in columns.items() if scores}
    metrics = dict.fromkeys(metric for scores in columns.values() for metric in scores)
    rows = [(m, *(f"{s[m]:.6g}" if m in s else "" for s in columns.values())) for m in metrics]
    table = _table(("metric", *columns), rows)
    return f"{table}\n\n{_line(card.comparison)}" if card.comparison else table


def _preprocessing(card: Card, what: str) -> str:
    steps = _list(card.preprocessing)
    return f"Inputs must go through the same steps before the {what}:\n\n{steps}" if steps else ""


def _general_caveats(card: Card, what: str) -> list[str]:
    caveats = [
        "The scores are of one training run and one split; another seed gives somewhat different ones."
    ]
    if card.validation:
        caveats.append(
            f"The {what} was chosen by its validation scores among many, so these are higher than on new data."
            + (" The test scores were not used in any choice." if card.test else "")
        )
    caveats.append("How it does on data unlike that described above is not known; nor is whether it is fair.")
    return caveats


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _pairs(values: Mapping[str, object]) -> str:
    return _list(f"{name}: {value}" for name, value in values.items() if value is not None and value != "")


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {_line(item)}" for item in items)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [[_line(cell).replace("|", "\\|") for cell in row] for row in [list(head), *map(list, rows)]]
    if len(lines) == 1:
        return ""
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(text: str) -> str:
    return " ".join(str(text).split())
