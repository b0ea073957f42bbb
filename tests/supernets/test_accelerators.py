"""What makes a supernet faster is chosen by what is installed, and changes no figure beyond rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.spaces.zoo.darts import darts_space
from archwright.supernets import Supernet
from archwright.supernets.accelerators import ACCELERATORS, accelerate, use_channels_last
from archwright.supernets.fused import FusedCell

GOLDEN = Path(__file__).parent / "golden"

WITHOUT_NUMBA = """
import json, sys

sys.modules["numba"] = sys.modules["llvmlite"] = None
sys.path.append({golden!r})
from golden_runs import images, made_of, run

from archwright.errors import MissingExtraError
from archwright.supernets import Supernet
from archwright.supernets.accelerators import accelerate

space, task = made_of("images")
supernet = Supernet(space, task.example_arguments())
assert accelerate(supernet) == ("channels_last",)
try:
    accelerate(supernet, ["kernels"])
except MissingExtraError as error:
    assert "archwright[cpu]" in str(error), error
else:
    raise AssertionError("kernels without numba")
print(json.dumps([run("darts"), run("gdas")]))
"""


def supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet(
        darts_space((3, 8, 8), 3, cells=3, channels=8, nodes=2, operations=("none", "sep_conv_3x3"))
    )


@pytest.mark.slow
def test_a_supernet_without_numba_is_searched_and_gives_the_same() -> None:
    import json

    program = WITHOUT_NUMBA.format(golden=str(GOLDEN))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, found in zip(("darts", "gdas"), json.loads(done.stdout), strict=True):
        wanted = json.loads((GOLDEN / f"{name}.json").read_text())
        for epoch, before in zip(found["epochs"], wanted["epochs"], strict=True):
            assert epoch["train_loss"] == pytest.approx(before["train_loss"], rel=2e-2)
        assert found["proposals"][0] == wanted["proposals"][0]


WITH_A_BROKEN_NUMBA = """
import warnings

from torch import nn

from archwright.errors import ArchwrightWarning, UsageError
from archwright.supernets.accelerators import accelerate

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", ArchwrightWarning)
    assert accelerate(nn.Conv2d(3, 4, 3)) == ("channels_last",)
(warning,) = [str(entry.message) for entry in told if entry.category is ArchwrightWarning]
for words in ("'kernels' is left out", "ImportError: Numba needs", "pip install --upgrade 'archwright[cpu]'"):
    assert words in warning, warning
try:
    accelerate(nn.Conv2d(3, 4, 3), ["kernels"])
except UsageError as error:
    assert "pip install --upgrade" in str(error), error
else:
    raise AssertionError("kernels with a broken numba")
"""


def test_a_numba_that_does_not_work_is_left_out_with_a_word_that_names_the_cure(tmp_path: Path) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text('raise ImportError("Numba needs NumPy 2.2 or less")')
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_BROKEN_NUMBA],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_supernets_needs_no_numba() -> None:
    modules = "sys, archwright.supernets.supernet, archwright.supernets.methods.darts"
    program = f"import {modules}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_first_that_finds_something_to_do_is_used() -> None:
    cells, plain = supernet(), nn.Sequential(nn.Conv2d(3, 4, 3))
    assert accelerate(cells) == ("kernels",)
    assert any(isinstance(module, FusedCell) for module in cells.modules())
    assert accelerate(plain) == ("channels_last",)
    assert plain[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert accelerate(nn.Linear(2, 2)) == ()


def test_by_name_and_not_at_all() -> None:
    named, untouched = supernet(), supernet()
    before = list(named.state_dict())
    assert accelerate(named, ["channels_last"]) == ("channels_last",)
    assert accelerate(untouched, []) == ()
    assert list(named.state_dict()) == before
    images = torch.randn(2, 3, 8, 8)
    architecture = named.space.sample(0)
    with named.on(architecture), untouched.on(architecture):
        torch.testing.assert_close(named(images), untouched(images), rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match="unknown accelerator 'kernel'"):
        accelerate(named, ["kernel"])


def test_what_is_left_off_by_itself_is_known_by_name() -> None:
    assert not ACCELERATORS["compile"].automatic
    assert ACCELERATORS.summary("compile")


def test_channels_last_is_for_one_thread_of_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    # With more threads torch's convolutions corrupt memory on channels-last tensors of few channels.
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert not use_channels_last(torch.nn.Conv2d(2, 2, 1))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert use_channels_last(torch.nn.Conv2d(2, 2, 1))
