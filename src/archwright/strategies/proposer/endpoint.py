"""Language models behind any HTTP endpoint of OpenAI's shape: servers on this machine, and services."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.strategies.proposer.proposer import Message, NoAnswerError, Proposer, UnreachableError

__all__ = ["ChatEndpoint"]

_LOCAL = ("localhost", "127.0.0.1", "::1")
_PASSING = (408, 409, 425, 429)
"""Statuses of HTTP below 500 after which the same request may succeed."""
_LONGEST_PAUSE = 30.0
_LARGEST = 4_000_000
_SHOWN, _CHUNK = 300, 65_536


class ChatEndpoint(Proposer):
    """A model that answers `POST base_url/chat/completions`, as OpenAI's interface has it.

    What passes (too many requests, an error of the server, no connection) is tried again, later each time, or when the
    server says (`Retry-After`); where that is later than in 30 seconds, there is no answer now. Redirections are not
    followed, since the key would go along.

    Args:
        base_url: Address up to the version, such as `http://localhost:11434/v1`.
        model: Its name there; None takes the first that `GET base_url/models` lists.
        key_variable: The environment variable that holds the key; it is read when a request is made and written
            nowhere. None sends no key.
        temperature: Of the sampling; None leaves it to the endpoint.
        timeout: Seconds to wait for a whole answer.
        attempts: How often a request is made at most.
        pause: Seconds before the second attempt; twice as long before each further one, or as the endpoint asks.

    Raises:
        UsageError: When an argument is out of range, the address is none, or the key would go unencrypted to another
            machine.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        key_variable: str | None = None,
        temperature: float | None = None,
        timeout: float = 120.0,
        attempts: int = 3,
        pause: float = 1.0,
    ) -> None:
        address = urllib.parse.urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise UsageError(
                f"expected base_url to be an address such as 'http://localhost:11434/v1', got {base_url!r}"
            )
        if key_variable is not None and address.scheme == "http" and address.hostname not in _LOCAL:
            raise UsageError(
                f"the key would go to {address.hostname} unencrypted; take https, or leave out key_variable"
            )
        if timeout <= 0 or attempts < 1 or pause < 0 or (temperature is not None and temperature < 0):
            raise UsageError(
                "expected timeout > 0, attempts >= 1, pause >= 0 and temperature >= 0, got "
                f"{timeout}, {attempts}, {pause} and {temperature}"
            )
        self.base_url, self.model, self.key_variable = base_url.rstrip("/"), model, key_variable
        self.temperature, self.timeout, self.attempts, self.pause = temperature, timeout, attempts, pause
        self._opener = urllib.request.build_opener(_NoRedirection)

    def answer(self, messages: Sequence[Message]) -> str:
        """The text of the first choice. See `Proposer.answer`."""
        if self.model is None:
            self.model = self._first_model()
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": one.role, "content": one.content} for one in messages],
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        found = self._request("chat/completions", body)
        try:
            content = found["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            content = None
        if not isinstance(content, str):
            raise NoAnswerError(f"{self.base_url} gave no text: {json.dumps(found)[:_SHOWN]}")
        return content

    def _first_model(self) -> str:
        found = self._request("models", None)
        try:
            return str(found["data"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise UsageError(f"{self.base_url} lists no models; name one with model=") from None

    def _request(self, path: str, body: Mapping[str, Any] | None) -> Any:
        """The JSON that the endpoint gives."""
        address = f"{self.base_url}/{path}"
        for attempt in range(self.attempts):
            pause, is_there = self.pause * 2**attempt, True
            try:
                return self._read(self._prepared(path, body))
            except urllib.error.HTTPError as error:
                told = f"status {error.code}: {_shown(error)}"
                if error.code < 500 and error.code not in _PASSING:
                    raise UsageError(f"{address}: {told}; {self._cure(error.code)}") from None
                asked = _seconds(error.headers.get("Retry-After", ""))
                if asked > _LONGEST_PAUSE:
                    raise NoAnswerError(f"{address}: {told}; it asks to wait {asked:.0f} s") from None
                pause = max(pause, asked)
            except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
                cause = getattr(error, "reason", error)
                is_there = not isinstance(cause, ConnectionRefusedError | socket.gaierror)
                told = f"{type(cause).__name__}: {cause}"
                if isinstance(cause, TimeoutError):
                    told = f"no whole answer within {self.timeout:g} s; give it a longer timeout, or a faster model"
            if attempt + 1 < self.attempts:
                time.sleep(min(pause, _LONGEST_PAUSE))
        raise (NoAnswerError if is_there else UnreachableError)(f"{address}: {told}")

    def _read(self, request: urllib.request.Request) -> Any:
        """The JSON of a response that is whole within the time.

        Raises:
            ValueError: When it is no JSON, or too much.
        """
        deadline, content = time.monotonic() + self.timeout, b""
        with self._opener.open(request, timeout=self.timeout) as response:
            while chunk := response.read1(_CHUNK):
                content += chunk
                if time.monotonic() > deadline:  # a server that sends byte by byte never lets a read time out
                    raise TimeoutError
                if len(content) > _LARGEST:
                    raise ValueError(f"more than {_LARGEST:,} bytes")
            if response.length:
                raise http.client.IncompleteRead(content, response.length)
        try:
            return json.loads(content)
        except ValueError:
            raise ValueError(f"expected JSON, got {content[:_SHOWN]!r}") from None

    def _prepared(self, path: str, body: Mapping[str, Any] | None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key_variable is not None:
            key = os.environ.get(self.key_variable)
            if not key:
                raise UsageError(f"expected the key in the environment variable {self.key_variable}; set it")
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.Request(f"{self.base_url}/{path}", data, headers)

    def _cure(self, status: int) -> str:
        if status in (401, 403):
            return "the key is wrong: see key_variable" if self.key_variable else "name a key by key_variable"
        if 300 <= status < 400:
            return "it is redirected; give the address that it leads to as base_url"
        return "see whether base_url and model are right"


def _shown(error: urllib.error.HTTPError) -> str:
    """The beginning of what a response says."""
    try:
        return error.read(_SHOWN).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        return str(error.reason)


def _seconds(retry_after: str) -> float:
    """How long a server asks to wait, in seconds or as a date; 0 where it does not."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
