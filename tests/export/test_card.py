import re
from importlib.metadata import version

from archwright.export import Card, render_card

FULL = Card(
    name="digits by evolution",
    data={"task": "digits", "inputs": "1 x 8 x 8", "outputs": 10, "nothing": None},
    split="1,149 train, 288 validation, 360 test (split at random, stratified by class, seed 0)",
    preprocessing=["divide by 16", "subtract 0.5"],
    search={
        "space": "chain",
        "strategy": "evolution",
        "trials": "30 completed, 2 failed",
        "budget": "30 trials",
    },
    training={"epochs": 40},
    cost={"search": "80 s", "retraining": "30 s"},
    params=54321,
    flops=1234567,
    seeds={"search": 1, "split": 0},
    versions={"torch": "2.13.0"},
    validation={"accuracy": 0.991, "loss": 0.0312345678},
    test={"accuracy": 0.985},
    baseline={"accuracy": 0.97, "f1": 0.9},
    caveats=["Trained on\nupscaled scans."],
)


def section(text, title):
    return re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=\n\n## |\n*\Z)", text, re.S | re.M).group(1)


def test_every_field_is_told_in_its_section():
    text = render_card(FULL, {"model.py": "source | code"})
    assert text.startswith("# digits by evolution\n")
    assert section(text, "Files").splitlines()[2] == r"| `model.py` | source \| code |"
    assert section(text, "Scores").splitlines() == [
        "| metric | validation | test | baseline (test) |",
        "| --- | --- | --- | --- |",
        "| accuracy | 0.991 | 0.985 | 0.97 |",
        "| loss | 0.0312346 |  |  |",
        "| f1 |  |  | 0.9 |",
    ]
    assert section(text, "Size").splitlines() == ["- parameters: 54,321", "- FLOPs for one input: 1,234,567"]
    assert section(text, "Data").splitlines() == ["- task: digits", "- inputs: 1 x 8 x 8", "- outputs: 10"]
    assert section(text, "Split") == FULL.split
    assert section(text, "Preprocessing").splitlines()[2:] == ["- divide by 16", "- subtract 0.5"]
    assert "- trials: 30 completed, 2 failed" in section(text, "Search")
    assert section(text, "Training") == "- epochs: 40"
    assert section(text, "Cost").splitlines() == ["- search: 80 s", "- retraining: 30 s"]
    assert section(text, "Seeds").splitlines() == ["- search: 1", "- split: 0"]
    assert section(text, "Versions") == "- torch: 2.13.0"
    caveats = section(text, "Limits and caveats").splitlines()
    assert caveats[-1] == "- Trained on upscaled scans."
    assert any("not used in any choice" in caveat for caveat in caveats)


def test_what_is_not_known_is_left_out():
    text = render_card(Card(name="bare", data={}, split=""), {})
    titles = re.findall(r"^## (.*)$", text, re.M)
    assert titles == ["Versions", "Limits and caveats"]
    assert "None" not in text
    assert "test scores" not in text


def test_versions_default_to_what_is_installed():
    text = render_card(Card(name="bare", data={}, split=""), {})
    told = dict(line.removeprefix("- ").split(": ") for line in section(text, "Versions").splitlines())
    assert set(told) == {"python", "archwright", "torch", "numpy", "safetensors"}
    assert all(told[package] == version(package) for package in ("archwright", "torch", "safetensors"))
