"""What trials print is shown as before, and kept in the order in which it came."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from archwright.experiments.executors import Channel, printed
from archwright.experiments.executors.printed import QuietChannel, TrialOutput, keep_streams


def test_what_is_printed_is_shown_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[str] = []
    output = TrialOutput(sent.append)
    before = sys.stdout
    with output.taken():
        print("one")
        print("two", file=sys.stderr)
        print("no line's end", end="")
        assert "".join(sent) == "one\ntwo\n"  # a line is kept at once, so that a kill takes little
    assert sys.stdout is before
    print("none of the trial's")
    assert "".join(sent) == "one\ntwo\nno line's end"
    shown = capsys.readouterr()
    assert shown.out == "one\nno line's endnone of the trial's\n"
    assert shown.err == "two\n"


class Noting(Channel):
    def __init__(self, sent: list[str]) -> None:
        self.sent = sent

    def call(self, message: Any) -> Any:
        print("progress of the run")
        self.sent.append(f"<{message}>")
        return message


def test_messages_come_in_between_and_what_the_run_prints_is_not_kept() -> None:
    sent: list[str] = []
    output = TrialOutput(sent.append)
    channel = QuietChannel(Noting(sent), output)
    with output.taken():
        print("before", end="")
        assert channel.call(3) == 3
        print(" after")
    assert "".join(sent) == "before<3> after\n"


def test_another_thread_of_the_trial_is_kept_with_the_next_line() -> None:
    sent: list[str] = []
    output = TrialOutput(sent.append)
    with output.taken():
        thread = threading.Thread(target=lambda: print("of a thread"))
        thread.start()
        thread.join()
        assert sent == []  # only the trial's own thread may use the channel
        print("of the trial")
    assert "".join(sent) == "of a thread\nof the trial\n"


def test_of_a_long_output_both_ends_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "_HEAD", 20)
    monkeypatch.setattr(printed, "_TAIL", 10)
    sent: list[str] = []
    with TrialOutput(sent.append).taken():
        for i in range(100):
            print(f"{i:04}")
    kept = "".join(sent)
    assert kept.startswith("0000\n0001\n0002\n0003\n")
    assert kept.endswith("0098\n0099\n")
    assert "(470 characters left out)" in kept


def test_who_prints_fast_is_kept_in_fewer_pieces() -> None:
    sent: list[str] = []
    with TrialOutput(sent.append).taken():
        for i in range(5_000):
            print(i)
    assert "".join(sent) == "".join(f"{i}\n" for i in range(5_000))
    assert len(sent) < 1_000


def test_of_a_progress_bar_the_last_state_is_kept() -> None:
    sent: list[str] = []
    with TrialOutput(sent.append).taken():
        for i in range(3):
            sys.stderr.write(f"\r{i} of 3")
        sys.stderr.write("\rdone\n")
    assert "".join(sent) == "done\n"


def test_handlers_that_were_made_before_the_trial_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    keep_streams()
    logger = logging.getLogger("of the test")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    sent: list[str] = []
    with TrialOutput(sent.append).taken():
        logger.error("told by a logger")
    logger.removeHandler(handler)
    assert "told by a logger\n" in "".join(sent)
