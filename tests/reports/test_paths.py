"""Where a report is written, and what it never replaces."""

import os
import threading
from dataclasses import replace

import pytest

from archwright.errors import UsageError
from archwright.reports import write_report


@pytest.fixture
def run(a_run, tmp_path):
    folder = tmp_path / "run"
    (folder / "best").mkdir(parents=True)
    for name in ("trials.sqlite", "experiment.json", "best/model.py"):
        (folder / name).write_text("kept")
    return replace(a_run(()), folder=folder)


@pytest.mark.parametrize(
    "name", ["trials.sqlite", "experiment.json", "best/model.py", "../run/trials.sqlite"]
)
def test_the_files_of_the_run_are_refused(run, name):
    with pytest.raises(UsageError, match="a file of the run itself"):
        write_report(run, run.folder / name)
    assert (run.folder / name).read_text() == "kept"


def test_a_link_to_them_is_refused_too(run, tmp_path):
    (tmp_path / "page.html").symlink_to(run.folder / "trials.sqlite")
    with pytest.raises(UsageError, match="a file of the run itself"):
        write_report(run, tmp_path / "page.html")


def test_a_link_stays_one(run, tmp_path):
    (tmp_path / "page.html").symlink_to(tmp_path / "real.html")
    write_report(run, tmp_path / "page.html")
    assert (tmp_path / "page.html").is_symlink()
    assert "<html" in (tmp_path / "real.html").read_text(encoding="utf-8")


def test_a_device_is_written_to(run):
    write_report(run, "/dev/null")
    assert not os.path.isfile("/dev/null")


def test_a_pipe_is_written_to(run, tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    write_report(run, pipe)
    reader.join()
    assert "<html" in read[0]
    assert pipe.is_fifo()


def test_a_folder_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match=r"is a folder; give a file"):
        write_report(run, tmp_path)


def test_the_page_in_the_folder_is_replaced(run):
    for _ in range(2):
        assert write_report(run, run.folder / "report.html").is_file()
