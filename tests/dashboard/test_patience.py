"""Slow connections lose their place; quick ones never wait for them."""

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ocw_strategy.dashboard import patience
from ocw_strategy.dashboard.patience import CONNECTIONS
from ocw_strategy.journal import Journal
from tests.dashboard.serving import Served

HALF = b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with Journal.open(tmp_path / "node.db", run_id="live"):
        pass
    return tmp_path / "node.db"


@pytest.fixture
def quick_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "DEADLINE_S", 0.5)


def is_cut(line: socket.socket) -> bool:
    line.settimeout(10)
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def trickled_s(line: socket.socket) -> float:
    """Send a byte now and then; return for how many seconds that was taken."""
    begun = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - begun < 10:
            line.sendall(b"a")
            time.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.usefixtures("quick_deadline")
@pytest.mark.parametrize(
    "begun",
    [b"", HALF, b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntoken"],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_request_that_does_not_end_is_cut(journal: Path, begun: bytes) -> None:
    with (
        Served(journal) as served,
        socket.create_connection(("127.0.0.1", served.port)) as line,
    ):
        line.sendall(begun)
        assert is_cut(line)


@pytest.mark.usefixtures("quick_deadline")
def test_trickling_on_buys_no_time(journal: Path) -> None:
    with (
        Served(journal) as served,
        socket.create_connection(("127.0.0.1", served.port)) as line,
    ):
        line.sendall(HALF)
        assert trickled_s(line) < 5


def test_more_slow_connections_than_there_is_room_for_keep_nobody_out(journal: Path) -> None:
    with Served(journal) as served, ExitStack() as lines:
        for _ in range(CONNECTIONS + 40):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            line.sendall(HALF)
        taken = []
        for _ in range(20):
            begun = time.monotonic()
            assert served.ask("/api/overview").status == 200
            taken.append(time.monotonic() - begun)
        assert max(taken) < 2


def test_an_answer_that_is_not_read_does_not_hold_the_next(demo: Path) -> None:
    with Served(demo) as served, ExitStack() as lines:
        request = (
            f"GET /api/equity?days=0 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {served.token}\r\n\r\n"
        ).encode()
        for _ in range(60):
            line = lines.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            line.connect(("127.0.0.1", served.port))
            line.sendall(request * 4)
        assert served.ask("/api/overview").status == 200
