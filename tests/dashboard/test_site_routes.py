"""The way in, and the one route that changes something."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ocw_strategy.dashboard.access import FAILURES_BY_ADDRESS
from ocw_strategy.journal import Journal
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.heartbeat import heartbeat_path, write_heartbeat
from tests.dashboard.beats import beat
from tests.dashboard.serving import TOKEN, Answer, Served

WISH = {"reason": "I do not like it", "confirmation": "HALT"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "node.db"
    with Journal.open(path, run_id="live"):
        pass
    write_heartbeat(heartbeat_path(path), beat())
    return path


def sign_in(served: Served, token: str, **headers: str) -> Answer:
    body = urlencode({"token": token}).encode()
    given = {"Content-Type": "application/x-www-form-urlencoded", "Origin": served.url, **headers}
    return served.ask("/sign-in", "POST", body, given, signed=False)


def cookie(answer: Answer) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_a_browser_signs_in_once(journal: Path) -> None:
    with Served(journal) as served:
        assert served.ask("/", signed=False).headers["location"] == "/sign-in"
        assert served.ask("/sign-in", signed=False).status == 200
        entered = sign_in(served, TOKEN)
        assert (entered.status, entered.headers["location"]) == (303, "/")
        held = entered.headers["set-cookie"]
        assert "HttpOnly" in held
        assert "SameSite=lax" in held
        assert "Secure" not in held
        assert TOKEN not in held
        assert served.ask("/", headers=cookie(entered), signed=False).status == 200
        assert served.ask("/api/overview", headers=cookie(entered), signed=False).status == 200
    with Served(journal) as again:  # nothing was kept in the process
        assert again.ask("/api/overview", headers=cookie(entered), signed=False).status == 200


def test_behind_a_tls_proxy_the_session_never_leaves_over_plain_http(journal: Path) -> None:
    with Served(journal) as served:
        proxied = {"X-Forwarded-Proto": "https", "Origin": f"https://127.0.0.1:{served.port}"}
        assert "Secure" in sign_in(served, TOKEN, **proxied).headers["set-cookie"]


def test_a_wrong_token_signs_nobody_in_and_soon_has_to_wait(journal: Path) -> None:
    with Served(journal) as served:
        for _ in range(FAILURES_BY_ADDRESS):
            refused = sign_in(served, "wrong")
            assert refused.headers["location"] == "/sign-in?wrong"
            assert "set-cookie" not in refused.headers
        assert sign_in(served, TOKEN).headers["location"] == "/sign-in?wait"
        assert served.ask("/api/overview").status == 429
        assert int(served.ask("/api/overview").headers["retry-after"]) > 0


def test_signing_out_takes_the_cookie_away(journal: Path) -> None:
    with Served(journal) as served:
        held = cookie(sign_in(served, TOKEN))
        origin = {"Origin": served.url, "Content-Length": "0"}
        out = served.ask("/sign-out", "POST", b"", {**held, **origin}, signed=False)
        assert out.status == 303
        assert 'ocw_session=""' in out.headers["set-cookie"]


def test_a_halt_writes_the_file_the_node_watches(journal: Path) -> None:
    with Served(journal) as served:
        assert served.json("/api/access") == {"signed_in": True, "may_halt": True, "why_not": ""}
        before = served.ask("/api/overview")
        assert served.post("/api/halt", WISH).json() == {"halted": True}
        note = HaltFile(journal).note()
        assert note is not None
        assert (note.reason, note.flatten) == ("I do not like it (dashboard)", False)
        having = {"If-None-Match": before.headers["etag"]}
        after = served.ask("/api/overview", headers=having).json()
        assert after["node"]["halt"]["halted"]
        assert after["node"]["halt"]["reason"] == note.reason


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"reason": "x"},
        {"confirmation": "HALT"},
        {"reason": "x", "confirmation": "halt"},
        {"reason": "x", "confirmation": ""},
        {"reason": "  ", "confirmation": "HALT"},
        {"reason": "x" * 201, "confirmation": "HALT"},
        {**WISH, "flatten": True},
        [WISH],
        "HALT",
        None,
    ],
)
def test_without_a_reason_and_the_typed_word_nothing_halts(journal: Path, wish: object) -> None:
    with Served(journal) as served:
        assert served.post("/api/halt", wish).status == 422
    assert not HaltFile(journal).halted()


def test_a_halt_asks_for_the_token_and_comes_from_the_page_itself(journal: Path) -> None:
    with Served(journal) as served:
        held = cookie(sign_in(served, TOKEN))
        body = json.dumps(WISH).encode()
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            (held, 403),  # a browser's cookie without an Origin
            ({**held, "Origin": "https://evil.example"}, 403),
            ({**held, "Origin": "null"}, 403),
            ({**held, "Origin": f"http://127.0.0.1:{served.port}.evil.example"}, 403),
            ({**held, "Origin": served.url, "Content-Type": "text/plain"}, 422),
        ):
            answer = served.ask("/api/halt", "POST", body, headers, signed=False)
            assert answer.status == status, headers
            assert not HaltFile(journal).halted()
        for path in ("/api/halt", "/api/halt?confirmation=HALT&reason=x"):
            assert served.ask(path).status == 405
        assert not HaltFile(journal).halted()
        good = {**held, "Origin": served.url, "Content-Type": "application/json"}
        assert served.ask("/api/halt", "POST", body, good, signed=False).status == 200
    assert HaltFile(journal).halted()


def test_without_a_token_everyone_on_the_machine_reads_and_nobody_halts(journal: Path) -> None:
    with Served(journal, token=None) as served:
        assert served.json("/api/overview")["node"]["well"] is False
        may = served.json("/api/access")
        assert (may["signed_in"], may["may_halt"]) == (False, False)
        assert "OCW_DASHBOARD_TOKEN" in may["why_not"]
        assert served.post("/api/halt", WISH).status == 403
    assert not HaltFile(journal).halted()


def test_a_backtest_cannot_be_halted(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="run"):
        pass
    with Served(tmp_path / "node.db") as served:
        refused = served.post("/api/halt", WISH)
    assert (refused.status, refused.json()) == (403, {"error": "No node has run on this journal."})
    assert not HaltFile(tmp_path / "node.db").halted()


def test_the_page_loads_nothing_from_elsewhere_and_each_file_once(journal: Path) -> None:
    with Served(journal) as served:
        page = served.ask("/").text
        assert "http" not in page.replace("https://", "http")
        names = {part.partition('"')[0] for part in page.split("/assets/")[1:]}
        for name in names:
            found = served.ask(f"/assets/{name}")
            assert found.status == 200
            having = {"If-None-Match": found.headers["etag"]}
            assert served.ask(f"/assets/{name}", headers=having).status == 304
