import logging
import traceback
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from ocw_strategy.regime import MACRO_SERIES, UNKNOWN, FredClient, MacroSettings, macro_at
from ocw_strategy.units import DAY_NS, SECOND_NS
from tests.regime.fred_server import KEY, Answer, FredServer, fred_server, observations
from tests.regime.macro_rows import midnight_ns

NOW_NS = midnight_ns(date(2024, 6, 28)) + 15 * 3600 * SECOND_NS
HOUR_LATER_NS = NOW_NS + 3600 * SECOND_NS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FredServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with fred_server() as running:
        yield running


def client(server: FredServer, cache_dir: Path, api_key: str = KEY) -> FredClient:
    return FredClient(api_key, cache_dir, base_url=server.url, timeout_seconds=0.3)


def goldilocks(query: dict[str, str]) -> Answer:
    """A curve that steepened and a breakeven that fell over the quarter; nothing else moved."""
    start = date(2024, 1, 1)
    slope = {"T10Y2Y": 0.01, "T10YIE": -0.01}.get(query["series_id"], 0.0)
    days = [start + timedelta(days=i) for i in range(178)]
    return observations([(str(day), f"{2 + slope * i:.2f}") for i, day in enumerate(days)])


def test_fetched_series_make_a_measured_quadrant(server: FredServer, tmp_path: Path) -> None:
    server.answer = goldilocks
    fred = client(server, tmp_path)
    macro = macro_at(fred.fetch(NOW_NS), NOW_NS, MacroSettings())
    assert (macro.quadrant, macro.assumed) == ("goldilocks", False)
    assert fred.faults == {}
    assert [each["series_id"] for each in server.asked] == list(MACRO_SERIES)
    first = server.asked[0]
    assert (first["path"], first["file_type"]) == ("/fred/series/observations", "json")


def test_answer_stands_for_its_time_even_after_a_restart(
    server: FredServer, tmp_path: Path
) -> None:
    server.answer = goldilocks
    fetched = client(server, tmp_path).fetch(NOW_NS)
    again = client(server, tmp_path)
    assert again.fetch(HOUR_LATER_NS).observations == fetched.observations
    assert len(server.asked) == 4
    again.fetch(NOW_NS + 6 * 3600 * SECOND_NS)
    assert len(server.asked) == 8


def test_b14_failure_is_cached_so_that_unknown_is_not_fetched_at_every_decision(
    server: FredServer, tmp_path: Path
) -> None:
    server.answer = lambda _: (503, b"busy")
    fred = client(server, tmp_path)
    for minute in range(15):
        series = fred.fetch(NOW_NS + minute * 60 * SECOND_NS)
    assert len(server.asked) == 4
    assert macro_at(series, NOW_NS, MacroSettings()).quadrant == UNKNOWN
    client(server, tmp_path).fetch(NOW_NS + 60 * SECOND_NS)
    assert len(server.asked) == 4
    server.answer = goldilocks
    fred.fetch(NOW_NS + 900 * SECOND_NS)
    assert fred.faults == {}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((500, b"oops"), "HTTP 500: oops"),
        ((503, b""), "HTTP 503"),
        ((429, b"Too Many Requests"), "HTTP 429"),
        ((302, b""), "HTTP 302"),
        ((200, b"<html>"), "not a list of observations"),
        ((200, b'{"observations": 3}'), "not a list of observations"),
        ((200, b'{"observations": [{"date": "2024-01-01"}]}'), "not a list of observations"),
        ((200, observations([("2024-01-01", "many")])[1]), "not a list of observations"),
        ((200, observations([("2024-01-01", "nan")])[1]), "not a list of observations"),
        ((200, observations([("January", "1")])[1]), "not a list of observations"),
        ((200, b"\xff\xfe"), "not a list of observations"),
        (None, "imed out"),
    ],
)
def test_b14_bad_answer_is_a_fault_and_the_last_good_answer_stands(
    server: FredServer, tmp_path: Path, answer: Answer | None, fault: str
) -> None:
    server.answer = goldilocks
    fred = client(server, tmp_path)
    good = fred.fetch(NOW_NS)
    later_ns = NOW_NS + DAY_NS
    server.answer = lambda query: answer if query["series_id"] == "T10Y2Y" else goldilocks(query)
    series = fred.fetch(later_ns)
    assert list(fred.faults) == ["T10Y2Y"]
    assert fault in fred.faults["T10Y2Y"]
    assert series.known("T10Y2Y", later_ns, 400) == good.known("T10Y2Y", NOW_NS, 401)
    assert len(server.asked) == 8


def test_service_that_is_not_there_is_a_fault(server: FredServer, tmp_path: Path) -> None:
    fred = FredClient(KEY, tmp_path, base_url="http://127.0.0.1:9", timeout_seconds=0.3)
    assert fred.fetch(NOW_NS).observations == ()
    assert set(fred.faults) == set(MACRO_SERIES)


def test_missing_values_are_left_out(server: FredServer, tmp_path: Path) -> None:
    server.answer = lambda _: observations([("2024-06-26", "0.5"), ("2024-06-27", ".")])
    series = client(server, tmp_path).fetch(NOW_NS)
    assert series.known("UNRATE", NOW_NS, 30) == {date(2024, 6, 26): 0.5}


def test_what_is_fetched_is_known_now_and_what_was_released_earlier_since_the_next_day(
    server: FredServer, tmp_path: Path
) -> None:
    server.answer = lambda query: observations(
        [("2024-05-01", "4.0")],
        "2024-06-28" if query["series_id"] == "UNRATE" else "2024-06-07",
    )
    series = client(server, tmp_path).fetch(NOW_NS)
    published = {each.series_id: each.published_ns for each in series.observations}
    assert published["UNRATE"] == NOW_NS
    assert published["CPIAUCSL"] == midnight_ns(date(2024, 6, 8))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"rows": 1}', '{"asked_ns": 0, "rows": []}'])
def test_damaged_cache_is_asked_for_again(server: FredServer, tmp_path: Path, content: str) -> None:
    server.answer = goldilocks
    for series_id in MACRO_SERIES:
        (tmp_path / f"{series_id}.json").write_text(content)
    assert client(server, tmp_path).fetch(NOW_NS).observations
    assert len(server.asked) == 4
    assert not list(tmp_path.glob("*.partial"))


def test_cache_that_cannot_be_written_is_a_fault_and_memory_serves(
    server: FredServer, tmp_path: Path
) -> None:
    server.answer = goldilocks
    blocked = tmp_path / "file"
    blocked.write_text("")
    fred = client(server, blocked)
    assert fred.fetch(NOW_NS).observations == fred.fetch(HOUR_LATER_NS).observations != ()
    assert len(server.asked) == 4
    assert "cache not written" in fred.faults["UNRATE"]


@pytest.mark.parametrize("api_key", [KEY, "odd key/&?"])
@pytest.mark.parametrize("base_url", ["", "gopher://127.0.0.1", "http://127.0.0.1:9"])
def test_key_appears_in_no_fault_of_a_bad_address(
    tmp_path: Path, base_url: str, api_key: str
) -> None:
    fred = FredClient(api_key, tmp_path, base_url=base_url, timeout_seconds=0.3)
    fred.fetch(NOW_NS)
    assert set(fred.faults) == set(MACRO_SERIES)
    assert api_key not in str(fred.faults)
    assert quote_plus(api_key) not in str(fred.faults)


@pytest.mark.parametrize("api_key", [KEY, "0" * 32], ids=["right key", "wrong key"])
def test_key_appears_in_no_fault_log_cache_or_traceback(
    server: FredServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, api_key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer = lambda query: (500, f"you asked {query['api_key']}".encode())
    fred = client(server, tmp_path, api_key)
    fred.fetch(NOW_NS)
    assert set(fred.faults) == set(MACRO_SERIES)
    with pytest.raises(OSError, match="HTTP") as caught:
        fred.fetch_vintages(date(2024, 1, 1), NOW_NS)
    said = [*fred.faults.values(), *traceback.format_exception(caught.value), caplog.text]
    said += [path.read_text() for path in tmp_path.iterdir()]
    assert not any(api_key in text for text in said)


def test_wrong_key_is_a_fault_that_says_so(server: FredServer, tmp_path: Path) -> None:
    fred = client(server, tmp_path, "0" * 32)
    assert fred.fetch(NOW_NS).observations == ()
    assert "api_key is not registered" in fred.faults["T10Y2Y"]


def test_vintages_are_asked_for_with_their_publication_dates(
    server: FredServer, tmp_path: Path
) -> None:
    server.answer = lambda _: observations([("2024-05-01", "4.0")], "2024-06-07")
    series = client(server, tmp_path).fetch_vintages(date(2023, 1, 1), NOW_NS)
    query = server.asked[0]
    assert (query["realtime_start"], query["realtime_end"]) == ("2023-01-01", "2024-06-27")
    assert {each.published_ns for each in series.observations} == {midnight_ns(date(2024, 6, 8))}
    assert list(tmp_path.iterdir()) == []
