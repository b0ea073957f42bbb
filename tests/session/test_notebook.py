"""Progress in a notebook, in a real kernel."""

from __future__ import annotations

import re
from typing import Any

import pytest

from archwright.session.notebook import NotebookBar, NotebookOutput, notebook_shell
from archwright.session.progress import Progress

CELLS = [
    """
import numpy as np
import archwright as aw
x = np.random.default_rng(0).normal(size=(80, 4))
task = aw.tasks.from_arrays(x, (x[:, 0] > 0).astype(int), name="signs")
""",
    """
result = aw.search(
    "mlp", task, strategy="random", objectives=["accuracy", "params<=30000"], budget=aw.Budget(trials=3),
    recipe=aw.Recipe(epochs=2), retrain=1, out="run", onnx=False, accelerator="cpu",
)
""",
    """
result.frame()
""",
]


class Kernel:
    """What a front end would keep: the last content of each output."""

    def __init__(self) -> None:
        self.display_pub = self
        self.outputs: dict[str, dict[str, str]] = {}
        self.updates: list[bool] = []

    def publish(self, data: dict[str, str], metadata: object, *, transient: Any, update: bool) -> None:
        assert update == (transient["display_id"] in self.outputs)
        self.outputs[transient["display_id"]] = data
        self.updates.append(update)


def test_one_output_is_changed_in_place() -> None:
    kernel = Kernel()
    output = NotebookOutput(kernel)
    for title in ("searching", "retraining"):
        bar = NotebookBar(output)
        row = bar.add_task(title, total=4, completed=1, left="", told="")
        for done in (2, 3, 4):
            bar.update(row, completed=done, told="best: <trial> & more")
        bar.stop()
    output.say("search ended: 4 trials")
    (data,) = kernel.outputs.values()
    assert len(kernel.updates) == 5, "what comes too soon after another change is left out, but for the last"
    assert data["text/html"].count("<progress") == 2
    assert 'value="1.0000"' in data["text/html"]
    assert "best: &lt;trial&gt; &amp; more" in data["text/html"]
    assert data["text/plain"].splitlines()[0] == "search ended: 4 trials"
    assert data["text/plain"].splitlines()[1].startswith("searching  4/4  ")


def test_outside_of_a_notebook_there_is_none() -> None:
    assert notebook_shell() is None
    assert Progress()._notebook is None


def test_an_open_total_moves_to_and_fro_until_it_ends() -> None:
    kernel = Kernel()
    bar = NotebookBar(NotebookOutput(kernel))
    bar.add_task("searching", total=None, completed=0, left="", told="")
    (first,) = kernel.outputs.values()
    assert "<progress></progress>" in first["text/html"]
    assert "0/?" in first["text/plain"]
    bar.stop()
    (last,) = kernel.outputs.values()
    assert "<progress></progress>" not in last["text/html"]


@pytest.mark.slow
def test_a_notebook_shows_one_live_output_and_nothing_else(tmp_path: Any) -> None:
    nbclient = pytest.importorskip(
        "nbclient", reason="nbclient is not installed: pip install 'archwright[test]'"
    )
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'archwright[test]'")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    updates: list[str] = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message: Any, cell: Any, index: int) -> Any:
            if message["msg_type"] == "update_display_data":
                updates.append(message["content"]["data"]["text/plain"])
            return super().process_message(message, cell, index)

    client = Client(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    (shown,) = notebook.cells[1].outputs
    assert shown["output_type"] == "display_data", "no text on standard output or error beside it"
    text = shown["data"]["text/plain"]
    assert re.search(r"^searching  3/3 .* best: trial \d+ accuracy", text, flags=re.MULTILINE)
    assert re.search(r"^retraining  1/1 ", text, flags=re.MULTILINE)
    assert re.search(r"^networks to compare with  1/1 ", text, flags=re.MULTILINE)
    assert "search ended: 3 trials" in text
    assert shown["data"]["text/html"].count("<progress") == 3
    # A step that comes too soon after another is left out, so which of them are seen hangs on the machine.
    assert len({seen for seen in updates if "searching  " in seen}) > 1, "it moved while it ran"
    assert "accuracy" in notebook.cells[2].outputs[0]["data"]["text/html"]
    assert (tmp_path / "run" / "report.html").is_file()
