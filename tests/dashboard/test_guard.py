"""A hostile client learns nothing, changes nothing and stops nothing."""

import http.client
import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ocw_strategy.dashboard.guard import HEADERS, MAX_BODY, MAX_TARGET
from tests.dashboard.serving import TOKEN, Served

CLOSED = (
    *(f"/api/{name}" for name in ("overview", "decisions", "equity", "trades", "events", "access")),
    "/api/openapi.json",
    "/metrics",
    "/assets/page.js",
    "/nothing",
)


@pytest.fixture(scope="module")
def served(demo: Path) -> Iterator[Served]:
    with Served(demo) as found:
        yield found


def said(port: int, request: bytes) -> bytes:
    """Return what comes back for bytes sent as they are."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        with suppress(OSError):
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
        found = b""
        with suppress(ConnectionResetError):  # what was left unread of ours
            while part := line.recv(65_536):
                found += part
        return found


@pytest.mark.parametrize("path", CLOSED)
def test_without_the_token_nothing_of_the_journal_is_told(served: Served, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Cookie": "ocw_session=9999999999.x"}):
        answer = served.ask(path, headers=headers, signed=False)
        assert answer.status == 401
        assert answer.json() == {"error": "a token is needed"}
        assert answer.headers["www-authenticate"] == "Bearer"


def test_every_answer_forbids_what_a_browser_should_not_do(served: Served) -> None:
    for path, signed in itertools.product(("/", "/api/overview", "/nothing", "/sign-in"), (0, 1)):
        answer = served.ask(path, signed=bool(signed))
        for name, value in HEADERS.items():
            assert answer.headers[name.lower()] == value, (path, name)
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]"],
)
def test_a_page_that_points_its_name_at_this_machine_is_turned_away(
    served: Served, host: str
) -> None:
    answer = served.ask("/api/overview", headers={"Host": host})
    assert answer.status == 421
    assert answer.json() == {"error": "this name is not served here"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]:8080"])
def test_this_machine_has_several_names(served: Served, host: str) -> None:
    assert served.ask("/api/overview", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../app.py",
        "/assets/..%2fapp.py",
        "/assets/%2e%2e/%2e%2e/environment.py",
        "/assets//etc/passwd",
        "/assets/page.js%00.css",
        "/assets/....//....//etc/passwd",
        "//etc/passwd",
        "/api/decisions/..%2f..%2f..%2fetc%2fpasswd",
        "/api/../metrics/../../etc/passwd",
        "/%c0%ae%c0%ae/etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_page(served: Served, path: str) -> None:
    for signed in (False, True):
        answer = served.ask(path, signed=signed)
        assert answer.status in (401, 404, 422)
        assert "root:" not in answer.text
        assert "import" not in answer.text


@pytest.mark.parametrize("path", ["/SIGN-IN", "/sign-in/", "/sign-in/../api/overview", "//sign-in"])
def test_no_spelling_of_an_open_path_opens_another(served: Served, path: str) -> None:
    answer = served.ask(path, signed=False)
    assert answer.status in (307, 401, 404)
    assert "run_id" not in answer.text


def test_what_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    assert served.ask(f"/api/decisions?limit={'1' * MAX_TARGET}").status == 414
    big = b"x" * (MAX_BODY + 1)
    assert served.ask("/sign-in", "POST", big, signed=False).status == 413
    assert served.ask("/api/halt", "POST", big).status == 413
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n"
    assert said(served.port, head)[9:12] in (b"", b"400")
    assert served.ask("/health").status == 200


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "CONNECT"]
)
def test_only_get_and_post_are_spoken(served: Served, method: str) -> None:
    answer = served.ask("/", method, None)
    assert answer.status == 405


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"POST /api/halt HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nContent-Length: 2\r\n\r\nx",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nCookie: \x00=\x01\r\n\r\n",
    ],
)
def test_what_is_no_request_is_no_trouble(served: Served, request_bytes: bytes) -> None:
    answer = said(served.port, request_bytes)
    assert answer == b"" or answer[9:12] in (b"303", b"400", b"401", b"411", b"421"), answer[:80]
    assert b"run_id" not in answer
    assert served.ask("/health").status == 200


def test_the_token_is_in_no_answer(served: Served) -> None:
    for path in (*CLOSED, "/", "/sign-in", f"/api/decisions/{TOKEN}", f"/assets/{TOKEN}"):
        answer = served.ask(path)
        assert TOKEN not in answer.text
        assert TOKEN not in str(answer.headers)


def test_a_websocket_is_not_offered(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "x", "Authorization": f"Bearer {TOKEN}"}  # fmt: skip
    connection.request("GET", "/api/overview", headers=upgrade)
    assert connection.getresponse().status == 200
    connection.close()
