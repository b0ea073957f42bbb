from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import SpaceError
from archwright.pretrained import proven_groups
from archwright.pretrained.bounded import BoundError, bounded

GB = 2**30


def test_an_answer_comes_back() -> None:
    assert bounded(lambda one, two: one + two, 1, 2, seconds=60, memory=GB) == 3


def test_an_interpreter_of_its_own_answers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    factor = 3
    assert bounded(lambda one: one * factor, 2, seconds=60, memory=GB) == 6


def test_errors_of_archwright_come_back_as_they_are() -> None:
    def fails() -> None:
        raise SpaceError("no")

    with pytest.raises(SpaceError, match=r"^no$"):
        bounded(fails, seconds=60, memory=GB)


class Oddity(BaseException):
    pass


class Odd(nn.Module):
    """Does something odd, in training alone or always."""

    def __init__(self, act: Callable[[], Any], always: bool = True) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 16), nn.Linear(16, 2)
        self.act, self.always = act, always
        self.lock = threading.Lock()  # cannot be pickled

    def __deepcopy__(self, memory: Any) -> Odd:
        copied = Odd(self.act, self.always)
        copied.load_state_dict(self.state_dict())
        return copied.train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        if self.always or self.training:
            self.act()
        return self.two(torch.relu(self.one(x)))


def raises(error: BaseException) -> Callable[[], Any]:
    def act() -> None:
        raise error

    return act


def hang() -> None:
    time.sleep(600)


@pytest.mark.parametrize("act", [hang, lambda: exec("while True: pass")])
def test_a_forward_that_hangs_is_ended_and_everything_stays(act: Callable[[], Any]) -> None:
    groups = proven_groups(Odd(act), torch.randn(2, 4), seconds=0.5)
    assert {group.name for group in groups} == {"one.weight", "one.bias", "two.weight", "two.bias"}
    (reason,) = {group.reason for group in groups}
    assert str(reason).startswith("it was not traced: it took longer than ")


def test_one_that_waits_is_ended_by_the_clock_and_not_before() -> None:
    assert bounded(lambda: time.sleep(1), seconds=0.5, memory=GB) is None
    with pytest.raises(BoundError, match=r"^it took longer than 0.5 s by the clock$"):
        bounded(hang, seconds=60, memory=GB, wall=0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows bounds the time by the clock alone")
def test_the_processor_time_of_threads_counts_whatever_the_process_does_with_its_signal() -> None:
    def works() -> None:
        threading.Thread(target=lambda: exec("while True: pass"), daemon=True).start()
        hang()

    before = signal.signal(signal.SIGPROF, signal.SIG_IGN)
    try:
        with pytest.raises(BoundError, match=r"^it took longer than 0.5 s of processor time$"):
            bounded(works, seconds=0.5, memory=GB, wall=90)
    finally:
        signal.signal(signal.SIGPROF, before)


def test_a_forward_that_ends_the_process_fixes_everything() -> None:
    groups = proven_groups(Odd(lambda: os._exit(3)), torch.randn(2, 4))
    assert {group.reason for group in groups} == {
        "it was not traced: its forward ended the process (exit code 3)"
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bound on memory needs Linux")
def test_a_forward_that_eats_memory_is_refused() -> None:
    with pytest.raises(
        SpaceError, match=r"does not take inputs of shape \(2, 4\): (MemoryError|RuntimeError)"
    ):
        proven_groups(Odd(lambda: bytearray(8 * GB)), torch.randn(2, 4), memory=GB)
    with pytest.raises(BoundError, match="MemoryError"):
        bounded(lambda: bytearray(2 * GB), seconds=60, memory=GB)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), Oddity("odd"), ValueError()])
def test_whatever_a_forward_raises_is_told(error: BaseException) -> None:
    with pytest.raises(SpaceError, match=f"does not take inputs of shape .*: {type(error).__name__}"):
        aw.from_network(Odd(raises(error)), torch.randn(2, 4))
    groups = proven_groups(Odd(raises(error), always=False), torch.randn(2, 4))
    assert None not in (reasons := {group.reason for group in groups})
    assert any("torch.export refuses the network" in str(reason) for reason in reasons)


def test_what_a_forward_prints_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    groups = proven_groups(Odd(lambda: os.write(1, b"noise")), torch.randn(2, 4))
    assert "one.weight" in {group.name for group in groups if group.reason is None}
    assert capfd.readouterr().out == ""


def test_the_process_that_asks_keeps_its_threads_and_children() -> None:
    threads = torch.get_num_threads()
    torch.randn(600, 600) @ torch.randn(600, 600)  # its threads run before the fork
    proven_groups(Odd(lambda: None), torch.randn(2, 4))
    assert torch.get_num_threads() == threads
    import multiprocessing

    assert not multiprocessing.active_children()
