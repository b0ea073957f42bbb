"""The HTTP endpoint, against a real server on this machine."""

from __future__ import annotations

import json
import socket

import pytest

from archwright.errors import UsageError
from archwright.strategies.proposer import ChatEndpoint, Message, NoAnswerError
from archwright.testing.chat_server import scripted_chat

HELLO = [Message("system", "be brief"), Message("user", "hello")]


def test_a_conversation_goes_there_and_back(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret")
    with scripted_chat(lambda messages: f"{len(messages)} messages") as server:
        endpoint = ChatEndpoint(server.url + "/", "small", key_variable="SOME_KEY", temperature=0.5)
        assert endpoint.answer(HELLO) == "2 messages"
    assert server.requests == [
        {
            "model": "small",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
            "temperature": 0.5,
        }
    ]
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_without_a_model_the_first_one_is_taken_and_without_a_key_none_is_sent():
    with scripted_chat(lambda _: "hi") as server:
        endpoint = ChatEndpoint(server.url)
        assert endpoint.answer(HELLO) == "hi"
        assert endpoint.answer(HELLO) == "hi"
    assert [request["model"] for request in server.requests] == ["scripted"] * 2
    assert all("temperature" not in request for request in server.requests)
    assert len(server.headers) == 3
    assert all("Authorization" not in headers for headers in server.headers)


def test_what_passes_is_tried_again():
    failures = [(429, {"Retry-After": "0"}, b"slow down"), (503, {}, b"busy")]
    with scripted_chat(lambda _: failures.pop(0) if failures else "now") as server:
        assert ChatEndpoint(server.url, "m", pause=0).answer(HELLO) == "now"
    assert len(server.requests) == 3


def test_what_does_not_pass_is_no_answer():
    with (
        scripted_chat(lambda _: (500, {}, b"out of memory")) as server,
        pytest.raises(NoAnswerError, match="status 500: out of memory"),
    ):
        ChatEndpoint(server.url, "m", pause=0, attempts=2).answer(HELLO)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "content",
    [b"<html>", json.dumps({"choices": []}).encode(), b'{"choices": [{"message": {"content": null}}]}'],
)
def test_an_answer_of_another_form_is_none(content):
    with scripted_chat(lambda _: (200, {}, content)) as server, pytest.raises(NoAnswerError):
        ChatEndpoint(server.url, "m", pause=0).answer(HELLO)


@pytest.mark.parametrize(
    ("status", "cure"),
    [(401, "name a key by key_variable"), (404, "see whether base_url and model are right")],
)
def test_mistakes_are_told_at_once(status, cure):
    with (
        scripted_chat(lambda _: (status, {}, b"no")) as server,
        pytest.raises(UsageError, match=f"status {status}: no; {cure}"),
    ):
        ChatEndpoint(server.url, "m").answer(HELLO)
    assert len(server.requests) == 1


def test_a_key_does_not_follow_a_redirection(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret")
    with (
        scripted_chat(lambda _: "stolen") as other,
        scripted_chat(lambda _: (302, {"Location": f"{other.url}/chat/completions"}, b"")) as server,
        pytest.raises(UsageError, match="redirected; give the address"),
    ):
        ChatEndpoint(server.url, "m", key_variable="SOME_KEY").answer(HELLO)
    assert other.headers == []


def test_nobody_there_is_no_answer():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NoAnswerError, match="refused"):
        ChatEndpoint(f"http://127.0.0.1:{port}/v1", "m", attempts=2, pause=0).answer(HELLO)


def test_a_missing_key_is_told(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with (
        scripted_chat(lambda _: "hi") as server,
        pytest.raises(UsageError, match="variable SOME_KEY; set it"),
    ):
        ChatEndpoint(server.url, "m", key_variable="SOME_KEY").answer(HELLO)


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("localhost:80", {}, "expected base_url to be an address"),
        ("ftp://localhost", {}, "expected base_url to be an address"),
        ("http://example.org/v1", {"key_variable": "SOME_KEY"}, "unencrypted; take https"),
        ("http://localhost/v1", {"timeout": 0}, "timeout > 0"),
        ("http://localhost/v1", {"temperature": -1.0}, "temperature >= 0"),
    ],
)
def test_wrong_arguments_are_told(url, options, told):
    with pytest.raises(UsageError, match=told):
        ChatEndpoint(url, "m", **options)
