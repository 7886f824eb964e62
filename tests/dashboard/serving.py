"""A dashboard that is really served, on loopback, and a client that says what it likes."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ocw_strategy.dashboard import Token, allowed_hosts, listen, make_server

TOKEN = "a-token-of-this-test-0123456789"
WAIT_S = 20.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Served:
    """A dashboard of a journal in this process, on a thread of its own.

    Parameters
    ----------
    journal : Path
    token : str or None
    """

    def __init__(self, journal: Path, token: str | None = TOKEN) -> None:
        self.token = token
        made = None if token is None else Token(token)
        self._listener = listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self._server = make_server(journal, made, allowed_hosts("127.0.0.1", (), made))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed: bool = True,
    ) -> Answer:
        """Ask as a client with the token, or without it."""
        given = dict(headers or {})
        if signed and self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            text = response.read().decode()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, text)
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """Return what a path answers, which must be 200."""
        answer = self.ask(path)
        assert answer.status == 200, answer.text
        return answer.json()

    def post(self, path: str, wish: Any, **options: Any) -> Answer:
        """Post JSON."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.ask(path, "POST", json.dumps(wish).encode(), headers, **options)

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + WAIT_S
        while not self._server.started:
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(WAIT_S)
        self._listener.close()
        assert not self._thread.is_alive()
