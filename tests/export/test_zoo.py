"""Every space of the zoo, exported and run where there is no Archwright."""

import ast
import json

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.export import Card, export_network
from archwright.spaces.zoo import SPACES, baseline

SHAPES = {1: (7,), 2: (1, 40), 3: (3, 16, 16)}
PROGRAMS = ("automl_zero",)  # delivered as algorithm.py, see tests/session/test_programs.py
OPTIONS = {"nago": {"nodes": (3, 4)}}  # hundreds of convolutions otherwise
CASES = [(name, rank) for name, space in SPACES.items() if name not in PROGRAMS for rank in space.ranks]
CASES += [("baseline", rank) for rank in SHAPES]

RUN = """
import io, contextlib, json, runpy
from pathlib import Path
import torch

for folder in sorted(Path(sys.argv[1]).iterdir()):
    found = runpy.run_path(str(folder / "model.py"))
    case = torch.load(folder.with_name(folder.name) / ".." / ".." / "cases" / f"{folder.name}.pt")
    network = found["load"]()
    with torch.no_grad():
        outputs = network(case["inputs"])
    parameters = sum(p.numel() for p in found["build"]().parameters())
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        runpy.run_path(str(folder / "model.py"), run_name="__main__")
    assert f"{parameters:,} parameters in all" in told.getvalue()
    assert "weights: weights.safetensors" in told.getvalue()
    print(json.dumps([folder.name, float((outputs - case["outputs"]).abs().max()), parameters]))
assert not any(name.startswith("archwright") for name in sys.modules)
try:
    import archwright
except ModuleNotFoundError:
    print("no archwright here")
"""


def make_space(name, rank):
    return (
        baseline(SHAPES[rank], 5)
        if name == "baseline"
        else SPACES[name].load()(SHAPES[rank], 5, **OPTIONS.get(name, {}))
    )


def inputs_for(name, rank, count):
    if name in SPACES and SPACES[name].symbols:
        return torch.randint(5, (count, *SHAPES[rank]))
    return torch.randn(count, *SHAPES[rank])


def trained(space, architecture, inputs, example):
    """A network whose weights and running statistics are not those it starts with."""
    network = space.build(architecture, example)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    network.train()(inputs)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("architectures", [1, 4])
def test_the_whole_zoo_runs_alone(architectures, tmp_path, run_alone):
    torch.manual_seed(0)
    (tmp_path / "cases").mkdir()
    expected = {}
    for name, rank in CASES:
        space, example = make_space(name, rank), inputs_for(name, rank, 2)
        for seed in range(1 if name == "baseline" else architectures):
            architecture = space.sample(seed)
            network = trained(space, architecture, inputs_for(name, rank, 16), example)
            case = f"{name}-{rank}-{seed}"
            written = export_network(
                tmp_path / "exported" / case,
                space=space,
                architecture=architecture,
                network=network,
                example=example,
                card=Card(name=case, data={}, split=""),
                onnx=False,
            )
            assert "archwright" not in written.source.read_text()
            assert no_unused_names(written.source.read_text())
            inputs = inputs_for(name, rank, 3)
            with torch.no_grad():
                outputs = network.eval()(inputs)
            torch.save({"inputs": inputs, "outputs": outputs}, tmp_path / "cases" / f"{case}.pt")
            expected[case] = sum(p.numel() for p in network.parameters())
    *lines, last = run_alone(RUN, tmp_path / "exported").splitlines()
    found = [json.loads(line) for line in lines]
    assert last == "no archwright here"
    assert {case: parameters for case, _, parameters in found} == expected
    assert max(difference for _, difference, _ in found) <= 1e-5


def no_unused_names(text):
    """Whether every import and every definition of a printed module is used in it."""
    tree = ast.parse(text)
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    used |= {"load", "annotations"}
    made = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            made.add(node.name)
    return made <= used


@pytest.mark.slow
def test_cells_as_onnx(tmp_path):
    space = SPACES["cell"].load()((3, 8, 8), 5, cells=3, nodes=2, channels=4)
    example = torch.randn(2, 3, 8, 8)
    architecture = space.sample(1)
    written = export_network(
        tmp_path / "best",
        space=space,
        architecture=architecture,
        network=trained(space, architecture, torch.randn(16, 3, 8, 8), example),
        example=example,
        card=Card(name="cells", data={}, split=""),
        onnx=True,
    )
    assert written.onnx is not None
    assert written.onnx.stat().st_size > 1000


def test_blocks_of_the_zoo_beside_a_users_own(exported):
    from archwright.spaces.zoo.blocks import ConvNormAct

    class Scaled(ConvNormAct):
        def forward(self, x):
            return 2 * super().forward(x)

    text = exported(
        aw.layer(nn.Sequential, aw.layer(ConvNormAct, 3, 4), aw.layer(Scaled, 4, 4)), torch.randn(2, 3, 8, 8)
    )
    assert text.index("class ConvNormAct(nn.") < text.index("class Scaled(ConvNormAct)")
