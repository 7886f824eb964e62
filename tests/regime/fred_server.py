"""A FRED service on the loopback interface: it keeps what it was asked and answers as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "abcdef0123456789abcdef0123456789"

Answer = tuple[int, bytes]
BAD_KEY: Answer = (
    400,
    b'{"error_code":400,"error_message":"Bad Request.  The value for variable api_key is not '
    b'registered."}',
)


def observations(rows: list[tuple[str, str]], realtime_start: str = "2024-06-28") -> Answer:
    body = {
        "realtime_start": realtime_start,
        "realtime_end": realtime_start,
        "count": len(rows),
        "observations": [
            {
                "realtime_start": realtime_start,
                "realtime_end": realtime_start,
                "date": day,
                "value": value,
            }
            for day, value in rows
        ],
    }
    return 200, json.dumps(body).encode()


class FredServer(ThreadingHTTPServer):
    """What it was asked, and a function that answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer | None] = lambda _: observations([])
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FredServer

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = dict(parse_qsl(asked.query))
        self.server.asked.append(query | {"path": asked.path})
        answer = self.server.answer(query) if query["api_key"] == KEY else BAD_KEY
        if answer is None:  # say nothing until the test is over
            self.server.released.wait(10)
            return
        status, body = answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere{urlsplit(self.path).query}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def fred_server() -> Iterator[FredServer]:
    with FredServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
