"""What servers and models do wrong: each has its message, and none ends a search."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from archwright.errors import SpaceError, UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies.proposer import (
    ChatEndpoint,
    Message,
    NoAnswerError,
    Proposer,
    ProposerSearch,
    UnreachableError,
)
from archwright.strategies.proposer.conversation import read_architecture
from archwright.testing import ToyEstimator, toy_spaces
from archwright.trials import LocalTrial, Trial, TrialState

SCORE = Objective("score", Direction.MAXIMIZE)
HELLO = [Message("user", "hello")]


def _whole(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _says(text: str) -> Callable[[BaseHTTPRequestHandler], None]:
    content = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
    return lambda handler: _whole(handler, content)


def _late(handler: BaseHTTPRequestHandler) -> None:
    handler.server.late.wait(5)  # type: ignore[attr-defined]


def _byte_by_byte(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        if handler.server.late.wait(0.05):  # type: ignore[attr-defined]
            return


def _cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')


def _hung_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


FAILURES: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "late": (_late, "no whole answer within 0.3 s; give it a longer timeout"),
    "byte by byte": (_byte_by_byte, "no whole answer within 0.3 s; give it a longer timeout"),
    "cut off": (_cut_off, "IncompleteRead"),
    "hung up": (_hung_up, "RemoteDisconnected|ConnectionReset"),
    "too many": (lambda h: _whole(h, b"slow down", 429, Retry_After="0"), "status 429: slow down"),
    "wait long": (
        lambda h: _whole(h, b"quota", 429, Retry_After="3600"),
        "status 429: quota; it asks to wait 3600 s",
    ),
    "no JSON": (lambda h: _whole(h, b"<html>bad gateway"), "expected JSON, got b'<html>bad gateway'"),
    "deep": (lambda h: _whole(h, b"[" * 100_000), "RecursionError|expected JSON"),
    "other form": (lambda h: _whole(h, b'{"error": "overloaded"}'), "gave no text: .*overloaded"),
    "broken": (lambda h: _whole(h, b"out of memory", 500), "status 500: out of memory"),
}
"""What a server does instead of an answer, and what is told of it."""


@contextmanager
def _server(script: Iterator[Callable[[BaseHTTPRequestHandler], None]]) -> Iterator[str]:
    """An OpenAI-shaped endpoint that does what is next in the script at each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):  # the client has gone
                next(script)(self)

        def log_message(self, *_: object) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.late, server.handle_error = threading.Event(), lambda *_: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.late.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _endpoint(url: str, attempts: int = 1, timeout: float = 0.3) -> ChatEndpoint:
    return ChatEndpoint(url, "m", attempts=attempts, timeout=timeout, pause=0)


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_and_the_next_answer_is_taken(name: str) -> None:
    fails, told = FAILURES[name]
    with _server(iter([fails, _says("now")])) as url:
        with pytest.raises(NoAnswerError, match=told) as caught:
            _endpoint(url).answer(HELLO)
        assert not isinstance(caught.value, UnreachableError)
        assert _endpoint(url, timeout=30).answer(HELLO) == "now"


@pytest.mark.parametrize("as_date", [False, True])
def test_a_request_is_made_again_when_the_server_says(as_date: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    after = formatdate(time.time() + 20, usegmt=True) if as_date else "20"
    busy = lambda handler: _whole(handler, b"", 429, Retry_After=after)  # noqa: E731
    with _server(iter([busy, _says("now")])) as url:
        assert _endpoint(url, attempts=2, timeout=30).answer(HELLO) == "now"
    assert len(waited) == 1
    assert 10 < waited[0] <= 20


def test_no_failure_ends_a_search() -> None:
    space = toy_spaces.conditional()
    good = [_says(json.dumps(space.to_json(space.sample(seed)))) for seed in range(40)]
    outside = _says('{"no such address": 1}')
    unsure = [_says("I am not sure."), outside, outside]
    script = [step for fails, _ in FAILURES.values() for step in (good.pop(), fails)]
    script += [*unsure, good.pop(), lambda handler: _whole(handler, b"expired", 401), *good]
    estimator, seen, remarks = ToyEstimator(space), set(), list[str]()
    with _server(iter(script)) as url:
        strategy = ProposerSearch(space, [SCORE], _endpoint(url))
        for number in range(24):
            candidate = strategy.ask()
            assert space.contains(candidate.architecture)
            seen.add(space.canonical(candidate.architecture))
            measured = estimator.estimate(candidate, LocalTrial())
            strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
            remarks += strategy.remarks()
    assert len(seen) == 24
    text = "\n".join(remarks)
    for told in (
        "within 0.3 s",
        "status 429: quota",
        "expected JSON",
        "out of memory",
        "status 401: expired",
    ):
        assert told in text
    assert "3 answers in a row could not be taken, the last since no decision has the address" in text
    assert "11 times there was no answer" in strategy.conclusions()[0]


class Silent(Proposer):
    """Answers where the script has a text."""

    def __init__(self, answers: Sequence[str | Exception]) -> None:
        self.answers, self.asked = list(answers), 0

    def answer(self, messages: Sequence[Message]) -> str:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_server_that_stays_silent_is_asked_less_and_less_often() -> None:
    space = toy_spaces.flat(5, 3)
    first = json.dumps(space.to_json(space.sample(0)))
    down = [NoAnswerError("busy")] * 5
    last = json.dumps(space.to_json(space.sample(99)))
    silent = Silent([first, *down, last])
    strategy = ProposerSearch(space, [SCORE], silent)
    asked = []
    for _ in range(22):
        before = silent.asked
        strategy.ask()
        asked.append(silent.asked - before)
    # Once, twice, then after one, two, four and eight proposals without it.
    assert asked == [1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, *[0] * 8, 1]
    remarks = strategy.remarks()
    assert "without it this time" in remarks[0]
    assert "for the next" not in remarks[0]
    assert "this time and for the next 8 proposals" in remarks[-1]


def test_only_what_cannot_change_ends_a_search_and_only_before_the_first_answer() -> None:
    space = toy_spaces.flat(3, 3)
    for error, told in (
        (UnreachableError("refused"), "never answered: refused; start it"),
        (UsageError("status 401"), "status 401"),
    ):
        with pytest.raises(UsageError, match=told):
            ProposerSearch(space, [SCORE], Silent([error])).ask()
    busy = ProposerSearch(space, [SCORE], Silent([NoAnswerError("too busy")]))
    assert space.contains(busy.ask().architecture)
    assert "too busy" in busy.remarks()[0]
    answer = json.dumps(space.to_json(space.sample(0)))
    later = ProposerSearch(
        space, [SCORE], Silent([answer, UsageError("status 401"), UnreachableError("gone")])
    )
    assert len({later.ask().architecture for _ in range(3)}) == 3


VALUES = ["", "é" * 2000, -1, 10**400, float("nan"), float("inf"), True, None, [], [[1]], {}, {"a": 1}]


@pytest.mark.parametrize("name", toy_spaces.TOY_SPACES)
def test_any_value_for_any_decision_is_read_or_told(name: str) -> None:
    space = toy_spaces.TOY_SPACES[name]()
    good = space.to_json(space.sample(0))
    for address in good:
        for value in VALUES:
            text = json.dumps({**good, address: value})
            try:
                made = read_architecture(text, space)
            except SpaceError:
                continue
            assert space.contains(made)
