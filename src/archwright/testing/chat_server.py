"""A server on this machine that answers as a language model's endpoint does, by a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ScriptedChat", "scripted_chat"]

Response = tuple[int, dict[str, str], bytes]
"""Status, headers and content."""

Script = Callable[[list[dict[str, str]]], str | Response]
"""From the messages of a conversation to the assistant's, or to another response of the server."""


class ScriptedChat:
    """What was asked of the server, and where it is.

    Args:
        script: What it answers.

    Attributes:
        url: Its address up to the version.
        requests: The conversations' requests.
        headers: Of every request, those for the list of models too.
    """

    def __init__(self, script: Script) -> None:
        self.script, self.url = script, ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def respond(self, path: str, body: bytes, headers: dict[str, str]) -> Response:
        """The response to a request."""
        self.headers.append(headers)
        if path == "/v1/models":
            return 200, {}, json.dumps({"data": [{"id": "scripted"}, {"id": "other"}]}).encode()
        if path != "/v1/chat/completions":
            return 404, {}, b"no such path"
        request = json.loads(body)
        self.requests.append(request)
        answer = self.script(request["messages"])
        if isinstance(answer, tuple):
            return answer
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        return 200, {}, json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


@contextmanager
def scripted_chat(script: Script) -> Iterator[ScriptedChat]:
    """Serve HTTP on a free port of this machine while the context lasts, as an OpenAI-shaped endpoint.

    Args:
        script: What it answers.
    """
    chat = ScriptedChat(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = chat.respond(self.path, body, dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the name that the standard library asks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
