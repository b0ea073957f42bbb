"""Files that a printed module reads are named."""

import json
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import archwright as aw
from archwright.errors import ArchwrightWarning
from archwright.export.reading import files_named_in, files_read

EXAMPLE = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))

BODY = """
import json
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

FOLDER = Path({folder!r})

class Body(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        self.load_state_dict(torch.load(FOLDER / "body.pt"))

class Scaled(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.register_buffer("scale", torch.from_numpy(np.load(path)))
    def forward(self, x):
        return x * self.scale

class Whenever(nn.Module):
    def forward(self, x):
        return x * json.loads((FOLDER / "factor.json").read_text())

class Fast(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        self.load_state_dict(load_file({folder!r} + "/fast.safetensors"))

class Named(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        self.load_state_dict(load_file({folder!r} "/fast.safetensors"))
"""


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    torch.save(nn.Linear(4, 4).state_dict(), folder / "body.pt")
    np.save(folder / "scale.npy", np.ones(4, np.float32))
    (folder / "factor.json").write_text("2.5")
    save_file(nn.Linear(4, 4).state_dict(), folder / "fast.safetensors")
    return folder


@pytest.fixture
def body(files, user_module):
    return user_module("own_body", BODY.format(folder=str(files)))


@pytest.mark.parametrize(
    ("kind", "arguments", "file"),
    [
        ("Body", (), "body.pt"),
        ("Scaled", ("scale.npy",), "scale.npy"),
        ("Whenever", (), "factor.json"),
        ("Named", (), "fast.safetensors"),  # opened by a library that is not written in Python
        ("Fast", (), ""),  # so that only the folder is known
    ],
)
def test_a_file_that_is_read_is_named_in_a_warning_and_on_the_card(
    kind, arguments, file, files, body, exported, tmp_path
):
    given = [str(files / argument) for argument in arguments]
    layer = aw.layer(nn.Sequential, aw.layer(getattr(body, kind), *given))
    with pytest.warns(ArchwrightWarning, match=rf"model\.py reads \S+/data/?{file}: it runs only where"):
        exported(layer, EXAMPLE)
    assert f"model.py reads {files / file}:" in (tmp_path / "best" / "card.md").read_text()


def test_a_network_without_files_is_exported_without_a_warning(exported, run_alone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.safetensors").touch()
    exported(aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 2)), EXAMPLE)  # warnings are errors here
    (empty := tmp_path / "empty").mkdir()
    code = "import os, runpy; os.chdir(sys.argv[1]); print(runpy.run_path(sys.argv[2])['load']())"
    assert "Linear" in run_alone(code, empty, tmp_path / "best" / "model.py")


def test_only_reading_by_this_thread_and_of_ones_own_files_counts(files, tmp_path):
    other = threading.Thread(target=(files / "factor.json").read_text)
    with files_read() as found:
        (tmp_path / "written").write_text("x")
        other.start()
        other.join()
        open("/proc/self/status").close()
        open(json.__file__).close()
        open(np.__file__).close()
        with pytest.raises(FileNotFoundError):
            (tmp_path / "missing").read_text()
        torch.load(files / "body.pt")
        np.load(files / "scale.npy")
    assert found == {files / "body.pt", files / "scale.npy"}
    (files / "factor.json").read_text()
    assert len(found) == 2


def test_paths_in_source_are_found(files, monkeypatch):
    monkeypatch.chdir(files.parent)
    source = (
        f'a = "data/body.pt", "no/file", "{files}/scale.npy", "factor.json", "/", "/tmp", 3, "{"x/" * 5000}"'
    )
    assert files_named_in(source) == {files / "body.pt", files / "scale.npy"}
