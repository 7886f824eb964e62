"""The archive is fetched from a real server that fails in every way a real one does."""

import hashlib
import shutil
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

from ocw_strategy.catalog import archive_download, archive_frames
from ocw_strategy.catalog.archive import (
    DamagedFilesError,
    FetchProgress,
    FetchReport,
    FetchRequest,
    FetchSettings,
    fetch,
)
from ocw_strategy.catalog.archive_download import Downloader
from ocw_strategy.catalog.archive_files import files_for
from ocw_strategy.catalog.frames import check_frame
from ocw_strategy.catalog.writer import WriteReport, write_frame
from ocw_strategy.errors import CatalogError
from tests.catalog.archive_server import ArchiveServer, Fault, zipped

FIVE_MINUTES_MS = 300_000
QUICK = FetchSettings(
    concurrency=4,
    attempts=4,
    first_delay_seconds=0.001,
    longest_delay_seconds=0.004,
    longest_retry_after_seconds=0.5,
    timeout_seconds=0.5,
)
ROOT = "data/futures/um"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
FUNDING_HEADER = "calc_time,funding_interval_hours,last_funding_rate\n"


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def ms(text: str) -> int:
    return ns(text) // 1_000_000


NOW_NS = ns("2024-03-20 07:00:00")


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArchiveServer() as server:
        yield server


class Room:
    """What a fetch handed on."""

    def __init__(self, archive: ArchiveServer, cache_dir: Path) -> None:
        self.archive = archive
        self.cache_dir = cache_dir
        self.handed: list[tuple[str, str, pa.Table, str]] = []
        self.progress: list[FetchProgress] = []

    def ingest(self, kind: str, symbol: str, table: pa.Table, source: str) -> str:
        check_frame(kind, table, source=source)
        self.handed.append((kind, symbol, table, source))
        return f"{kind} {symbol}"

    def fetch(
        self,
        kinds: str | tuple[str, ...],
        start: str,
        end: str,
        *,
        symbols: tuple[str, ...] = ("BTCUSDT",),
        now_ns: int = NOW_NS,
        settings: FetchSettings = QUICK,
    ) -> FetchReport:
        return fetch(
            FetchRequest(
                symbols, (kinds,) if isinstance(kinds, str) else kinds, ns(start), ns(end)
            ),
            cache_dir=self.cache_dir,
            ingest=self.ingest,
            now_ns=now_ns,
            base_url=self.archive.url,
            settings=settings,
            progress=self.progress.append,
        )


@pytest.fixture
def room(archive: ArchiveServer, tmp_path: Path) -> Room:
    return Room(archive, tmp_path / "cache")


def klines(start: str, rows: int, minutes: int = 5, seed: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    begin, step = ms(start), minutes * 60_000
    lines = []
    for row in range(rows):
        opened, close, volume = 100 + row / 8, 100 + (row + 1) / 8, round(rng.uniform(1, 9), 3)
        lines.append(
            f"{begin + row * step},{opened},{close + 0.5},{opened - 0.5},{close},{volume},"
            f"{begin + (row + 1) * step - 1},{volume * close},{row},{volume / 4},{volume * 25},0\n"
        )
    return lines


def parsed(lines: list[str]) -> dict[str, list[float]]:
    """Read kline lines the plain way."""
    fields = [line.strip().split(",") for line in lines]
    return {
        "ts": [int(row[0]) for row in fields],
        "open": [float(row[1]) for row in fields],
        "high": [float(row[2]) for row in fields],
        "low": [float(row[3]) for row in fields],
        "close": [float(row[4]) for row in fields],
        "volume": [float(row[5]) for row in fields],
        "taker_buy_volume": [float(row[9]) for row in fields],
    }


def metrics(start: str, rows: int = 288) -> str:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()
    lines = [METRICS_HEADER]
    for row in range(rows):
        at = datetime.fromtimestamp(begin + row * 300, UTC)
        lines.append(
            f"{at:%Y-%m-%d %H:%M:%S},BTCUSDT,8{row:04},5{row:08},1.1,1.2,1.3,0.{row + 1}\n"
        )
    return "".join(lines)


def kline_path(stamp: str, *, symbol: str = "BTCUSDT", interval: str = "5m") -> str:
    period = "monthly" if len(stamp) == 7 else "daily"
    return f"{ROOT}/{period}/klines/{symbol}/{interval}/{symbol}-{interval}-{stamp}.zip"


def metrics_path(stamp: str) -> str:
    return f"{ROOT}/daily/metrics/BTCUSDT/BTCUSDT-metrics-{stamp}.zip"


FUNDING_PATH = f"{ROOT}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip"
JANUARY = kline_path("2024-01")


def publish_january(archive: ArchiveServer, rows: int = 1000) -> list[str]:
    lines = klines("2024-01-01", rows)
    archive.publish(JANUARY, KLINE_HEADER + "".join(lines))
    return lines


def fetch_january(room: Room, **options: object) -> FetchReport:
    return room.fetch("bars_5m", "2024-01-01", "2024-02-01", **options)


# what is asked for


def test_past_months_come_by_the_month_and_the_current_one_by_the_day() -> None:
    files = files_for(
        ("BTCUSDT",), ("bars_5m",), ns("2024-01-30"), ns("2024-03-03 12:00:00"), NOW_NS
    )
    assert [file.path for file in files] == [
        kline_path("2024-01"),
        kline_path("2024-02"),
        kline_path("2024-03-01"),
        kline_path("2024-03-02"),
        kline_path("2024-03-03"),
    ]
    assert [day.begins for file in files[:2] for day in file.days] == [
        date(2024, 2, day) for day in range(1, 30)
    ]


def test_metrics_come_by_the_day_and_funding_by_the_month() -> None:
    files = files_for(
        ("BTCUSDT",), ("metrics_5m", "funding"), ns("2024-01-31"), ns("2024-02-02"), NOW_NS
    )
    assert [file.path for file in files] == [
        metrics_path("2024-01-31"),
        metrics_path("2024-02-01"),
        FUNDING_PATH,
        FUNDING_PATH.replace("2024-01", "2024-02"),
    ]


def test_mark_prices_and_hours_are_where_the_archive_keeps_them() -> None:
    files = files_for(("ETHUSDT",), ("mark_1h",), ns("2024-01-01"), ns("2024-02-01"), NOW_NS)
    assert [file.path for file in files] == [
        f"{ROOT}/monthly/markPriceKlines/ETHUSDT/1h/ETHUSDT-1h-2024-01.zip"
    ]


def test_today_is_not_published_yet() -> None:
    files = files_for(("BTCUSDT",), ("metrics_5m",), ns("2024-03-18"), ns("2025-01-01"), NOW_NS)
    assert [file.begins for file in files] == [date(2024, 3, 18), date(2024, 3, 19)]


@pytest.mark.parametrize(
    ("symbol", "kind", "start", "end", "named"),
    [
        ("../etc", "funding", "2024-01-01", "2024-02-01", "symbol"),
        ("BTCUSDT", "trades", "2024-01-01", "2024-02-01", "trades"),
        ("BTCUSDT", "bars_7m", "2024-01-01", "2024-02-01", "bars_7m"),
        ("BTCUSDT", "metrics_1h", "2024-01-01", "2024-02-01", "metrics_1h"),
        ("BTCUSDT", "funding", "2024-02-01", "2024-02-01", "window"),
        ("BTCUSDT", "funding", "2024-03-20", "2024-04-01", "window"),
    ],
)
def test_what_the_archive_cannot_have_is_refused_by_name(
    symbol: str, kind: str, start: str, end: str, named: str
) -> None:
    with pytest.raises(CatalogError, match=named):
        files_for((symbol,), (kind,), ns(start), ns(end), NOW_NS)


# what is handed on


@pytest.mark.parametrize("header", ["", KLINE_HEADER])
def test_bars_are_handed_on_as_served_with_and_without_a_header_line(
    room: Room, header: str
) -> None:
    lines = klines("2024-01-01", 1000)
    room.archive.publish(JANUARY, header + "".join(lines))
    report = fetch_january(room)
    ((kind, symbol, table, source),) = room.handed
    assert (kind, symbol, source) == ("bars_5m", "BTCUSDT", JANUARY)
    assert table.to_pydict() == parsed(lines)
    assert report.rows == {("bars_5m", "BTCUSDT"): 1000}
    assert (report.downloaded, report.cached, report.missing) == (1, 0, ())
    assert report.size == len(room.archive.files[JANUARY])
    assert report.results == ("bars_5m BTCUSDT",)


def test_mark_prices_are_handed_on_without_a_volume(room: Room) -> None:
    lines = klines("2024-01-01", 744, minutes=60)
    path = f"{ROOT}/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip"
    room.archive.publish(path, "".join(lines))
    room.fetch("mark_1h", "2024-01-01", "2024-02-01")
    expected = parsed(lines)
    del expected["volume"], expected["taker_buy_volume"]
    assert room.handed[0][2].to_pydict() == expected


def test_rows_outside_the_window_are_not_handed_on(room: Room) -> None:
    publish_january(room.archive)
    room.fetch("bars_5m", "2024-01-02 00:00:00", "2024-01-02 01:00:00")
    ts = room.handed[0][2]["ts"].to_pylist()
    assert ts == [ms("2024-01-02") + row * FIVE_MINUTES_MS for row in range(12)]


def test_a_settlement_is_the_whole_minute_before_its_late_time_stamp(room: Room) -> None:
    at = ms("2024-01-01")
    room.archive.publish(
        FUNDING_PATH, f"{FUNDING_HEADER}{at + 7},8,0.00010000\n{at + 28_800_000},8,-0.00002500\n"
    )
    room.fetch("funding", "2024-01-01", "2024-02-01")
    assert room.handed[0][2].to_pydict() == {
        "ts": [at, at + 28_800_000],
        "rate": [0.0001, -0.000025],
    }


def test_metrics_keep_their_meaning_under_the_catalogs_names(room: Room) -> None:
    room.archive.publish(
        metrics_path("2024-01-01"),
        f"{METRICS_HEADER}2024-01-01 00:05:00,BTCUSDT,80000.5,4000000000.25,1.1,1.2,1.3,0.9\n"
        '"2024-01-01 00:10:00","BTCUSDT",80001,4000000001,,"",1.31,0.91\n',
    )
    room.fetch("metrics_5m", "2024-01-01", "2024-01-02")
    assert room.handed[0][2].to_pylist() == [
        {
            "ts": ms("2024-01-01 00:05:00"),
            "open_interest": 80000.5,
            "open_interest_value": 4000000000.25,
            "toptrader_account_ls_ratio": 1.1,
            "toptrader_position_ls_ratio": 1.2,
            "global_account_ls_ratio": 1.3,
            "taker_buy_sell_ratio": 0.9,
        },
        {
            "ts": ms("2024-01-01 00:10:00"),
            "open_interest": 80001.0,
            "open_interest_value": 4000000001.0,
            "toptrader_account_ls_ratio": None,
            "toptrader_position_ls_ratio": None,
            "global_account_ls_ratio": 1.31,
            "taker_buy_sell_ratio": 0.91,
        },
    ]


def test_days_of_a_month_are_handed_on_together(room: Room) -> None:
    for day in (30, 31):
        room.archive.publish(metrics_path(f"2024-01-{day}"), metrics(f"2024-01-{day} 00:05:00"))
    room.archive.publish(metrics_path("2024-02-01"), metrics("2024-02-01 00:05:00"))
    report = room.fetch("metrics_5m", "2024-01-30", "2024-02-02")
    assert [(len(table), source) for _, _, table, source in room.handed] == [
        (576, f"{metrics_path('2024-01-30')} to BTCUSDT-metrics-2024-01-31.zip"),
        (288, metrics_path("2024-02-01")),
    ]
    assert report.rows == {("metrics_5m", "BTCUSDT"): 864}
    ts = np.concatenate([table["ts"].to_numpy() for _, _, table, _ in room.handed])
    assert ts.tolist() == [ms("2024-01-30") + row * FIVE_MINUTES_MS for row in range(1, 865)]


def test_metrics_that_state_the_start_of_their_period_are_moved_to_its_end(room: Room) -> None:
    room.archive.publish(metrics_path("2026-06-24"), metrics("2026-06-24 00:05:00"))
    room.archive.publish(metrics_path("2026-06-25"), metrics("2026-06-25 00:00:00"))
    room.fetch("metrics_5m", "2026-06-24", "2026-06-26", now_ns=ns("2026-07-04"))
    table = room.handed[0][2]
    assert table["ts"].to_pylist() == [
        ms("2026-06-24") + row * FIVE_MINUTES_MS for row in range(1, 577)
    ]
    assert table["taker_buy_sell_ratio"].to_pylist()[288] == 0.1


def test_of_repeated_rows_the_last_is_kept_and_the_rest_counted(room: Room) -> None:
    lines = klines("2024-01-01", 100)
    again = klines("2024-01-01", 100, seed=2)[40]
    room.archive.publish(JANUARY, "".join([*lines[50:], *lines[:50], again]))
    report = fetch_january(room)
    lines[40] = again
    assert room.handed[0][2].to_pydict() == parsed(lines)
    assert report.repeated == 1


# what is not published


def test_what_is_not_published_is_reported_and_the_rest_handed_on(room: Room) -> None:
    publish_january(room.archive)
    report = room.fetch(
        ("bars_5m", "funding"), "2024-01-01", "2024-02-01", symbols=("BTCUSDT", "ETHUSDT")
    )
    assert [(kind, symbol) for kind, symbol, _, _ in room.handed] == [("bars_5m", "BTCUSDT")]
    assert report.missing == (
        FUNDING_PATH,
        FUNDING_PATH.replace("BTC", "ETH"),
        JANUARY.replace("BTC", "ETH"),
    )


def test_nothing_published_at_all_is_an_error(room: Room) -> None:
    with pytest.raises(CatalogError, match="without any of bars_5m for BTCUSDT"):
        fetch_january(room)
    assert room.archive.zips_asked() == []


def test_the_month_just_over_falls_back_to_its_days(room: Room) -> None:
    lines = klines("2024-02-01", 3 * 288)
    for day in range(3):
        room.archive.publish(
            kline_path(f"2024-02-0{day + 1}"), "".join(lines[day * 288 : (day + 1) * 288])
        )
    report = room.fetch("bars_5m", "2024-02-01", "2024-02-04")
    assert room.handed[0][2].to_pydict() == parsed(lines)
    assert (report.downloaded, report.missing) == (3, ())
    downloads = [each for each in room.progress if each.stage == "download"]
    assert (downloads[-1].done, downloads[-1].total) == (4, 4)


# a rerun


def test_a_second_run_asks_for_nothing_it_has(room: Room) -> None:
    publish_january(room.archive)
    room.archive.publish(FUNDING_PATH, f"{FUNDING_HEADER}{ms('2024-01-01')},8,0.0001\n")
    kinds = ("bars_5m", "funding")
    first = room.fetch(kinds, "2024-01-01", "2024-02-01")
    asked = len(room.archive.asked)
    second = room.fetch(kinds, "2024-01-01", "2024-02-01")
    assert len(room.archive.asked) == asked
    assert (first.downloaded, first.cached) == (2, 0)
    assert (second.downloaded, second.cached, second.size) == (0, 2, 0)
    assert second.rows == first.rows
    assert room.handed[:2] == room.handed[2:]


def test_a_second_run_asks_again_for_what_was_missing(room: Room) -> None:
    publish_january(room.archive)
    room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    room.archive.publish(FUNDING_PATH, f"{FUNDING_HEADER}{ms('2024-01-01')},8,0.0001\n")
    report = room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    assert (report.downloaded, report.cached, report.missing) == (1, 1, ())
    assert room.archive.times_asked(JANUARY) == 1


def test_a_cached_file_that_was_damaged_on_disk_is_fetched_again(room: Room) -> None:
    lines = publish_january(room.archive)
    fetch_january(room)
    cached = room.cache_dir / JANUARY
    cached.write_bytes(cached.read_bytes()[:-7])
    assert fetch_january(room).downloaded == 1
    assert room.handed[-1][2].to_pydict() == parsed(lines)


def test_a_file_cut_short_in_one_run_is_continued_in_the_next(room: Room) -> None:
    lines = publish_january(room.archive)
    room.archive.fail(JANUARY, *[Fault(sent=10_000)], *[Fault(status=503)] * 3)
    with pytest.raises(CatalogError, match=r"BTCUSDT-5m-2024-01\.zip.*HTTP 503.*again later"):
        fetch_january(room)
    assert room.handed == []
    report = fetch_january(room)
    assert room.archive.asked[-1].range_header == "bytes=10000-"
    assert report.downloaded == 1
    assert room.handed[0][2].to_pydict() == parsed(lines)
    assert not list(room.cache_dir.rglob("*.part"))


# faults that pass


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503),
        Fault(status=429),
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Fault(reset=True),
        Fault(sent=0),
        Fault(sent=1_000),
    ],
    ids=repr,
)
@pytest.mark.parametrize("suffix", ["", ".CHECKSUM"])
def test_a_passing_fault_is_retried_until_the_file_is_whole(
    room: Room, fault: Fault, suffix: str
) -> None:
    lines = publish_january(room.archive)
    if suffix and fault.sent:
        fault = Fault(sent=10)
    room.archive.fail(JANUARY + suffix, fault, fault)
    report = fetch_january(room)
    assert room.archive.times_asked(JANUARY + suffix) == 3
    assert report.downloaded == 1
    assert room.handed[0][2].to_pydict() == parsed(lines)


def test_a_broken_download_is_continued_where_it_stopped(room: Room) -> None:
    lines = publish_january(room.archive)
    room.archive.fail(JANUARY, Fault(sent=5_000), Fault(sent=7_000))
    report = fetch_january(room)
    ranges = [asked.range_header for asked in room.archive.asked if asked.path == JANUARY]
    assert ranges == ["", "bytes=5000-", "bytes=12000-"]
    assert room.handed[0][2].to_pydict() == parsed(lines)
    assert report.downloaded == 1


def test_a_server_without_ranges_sends_the_file_from_the_start(room: Room) -> None:
    lines = publish_january(room.archive)
    room.archive.ranges = False
    room.archive.fail(JANUARY, Fault(sent=5_000))
    fetch_january(room)
    assert room.handed[0][2].to_pydict() == parsed(lines)


def test_a_part_longer_than_the_file_is_started_again(room: Room) -> None:
    lines = publish_january(room.archive)
    part = room.cache_dir / f"{JANUARY}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * (len(room.archive.files[JANUARY]) + 5))
    fetch_january(room)
    assert room.handed[0][2].to_pydict() == parsed(lines)


def test_a_part_of_another_file_is_noticed_and_started_again(room: Room) -> None:
    lines = publish_january(room.archive)
    part = room.cache_dir / f"{JANUARY}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 5_000)
    fetch_january(room)
    assert room.handed[0][2].to_pydict() == parsed(lines)


def test_a_silent_server_counts_as_broken(room: Room) -> None:
    lines = publish_january(room.archive)
    room.archive.fail(JANUARY, Fault(seconds=2 * QUICK.timeout_seconds))
    fetch_january(room)
    assert room.archive.times_asked(JANUARY) == 2
    assert room.handed[0][2].to_pydict() == parsed(lines)


class NotedWaits(threading.Event):
    """Time passes at once and is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return self.is_set()


def waits(room: Room, settings: FetchSettings) -> list[float]:
    noted = NotedWaits()
    with httpx.Client() as client:
        Downloader(client, room.archive.url, room.cache_dir, settings, noted).obtain(JANUARY)
    return noted.seconds


def test_the_wait_doubles_with_each_failure_up_to_its_limit(room: Room) -> None:
    publish_january(room.archive)
    room.archive.fail(JANUARY, *[Fault(status=503)] * 5)
    settings = FetchSettings(attempts=6, first_delay_seconds=1.0, longest_delay_seconds=6.0)
    seconds = waits(room, settings)
    for waited, longest in zip(seconds, (1.0, 2.0, 4.0, 6.0, 6.0), strict=True):
        assert longest / 2 <= waited <= longest
    assert len({waited / seconds[0] for waited in seconds}) == 5  # jitter


def test_the_wait_that_a_busy_server_asks_for_is_kept(room: Room) -> None:
    publish_january(room.archive)
    room.archive.fail(JANUARY, Fault(status=429, headers={"Retry-After": "17"}))
    assert waits(room, QUICK.model_copy(update={"longest_retry_after_seconds": 20.0})) == [17.0]


# faults that stay


def test_an_archive_that_stays_down_ends_the_fetch_and_loses_nothing(room: Room) -> None:
    publish_january(room.archive)
    room.fetch("bars_5m", "2024-01-01", "2024-02-01")
    room.archive.fail(f"{FUNDING_PATH}.CHECKSUM", *[Fault(status=500)] * QUICK.attempts)
    room.handed.clear()
    with pytest.raises(CatalogError, match=r"fundingRate-2024-01\.zip.*HTTP 500.*run the fetch"):
        room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    assert room.archive.times_asked(f"{FUNDING_PATH}.CHECKSUM") == QUICK.attempts
    assert room.handed == []
    assert (room.cache_dir / JANUARY).exists()


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path, room: Room) -> None:
    with ArchiveServer() as gone:
        pass
    with pytest.raises(CatalogError, match="run the fetch again later"):
        fetch_january(Room(gone, tmp_path / "cache"))


def test_a_server_that_asks_for_too_much_patience_is_left(room: Room) -> None:
    publish_january(room.archive)
    room.archive.fail(f"{JANUARY}.CHECKSUM", Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(CatalogError, match="HTTP 429, asking to wait 3600 s"):
        fetch_january(room)
    assert len(room.archive.asked) == 1


def test_a_refusal_is_not_retried(room: Room) -> None:
    publish_january(room.archive)
    room.archive.fail(f"{JANUARY}.CHECKSUM", Fault(status=403))
    with pytest.raises(CatalogError, match=r"HTTP 403.*serves the archive to you"):
        fetch_january(room)
    assert len(room.archive.asked) == 1


def test_a_cache_folder_that_cannot_be_written_is_named(room: Room, tmp_path: Path) -> None:
    publish_january(room.archive)
    room.cache_dir = tmp_path / "file"
    room.cache_dir.write_text("not a folder")
    with pytest.raises(CatalogError, match=r"download cache .*file.*choose another"):
        fetch_january(room)


def test_damage_in_transit_is_fetched_once_more(room: Room) -> None:
    lines = publish_january(room.archive)
    good = room.archive.files[JANUARY]
    room.archive.fail(JANUARY, Fault(body=good[:-20] + bytes(20)))
    fetch_january(room)
    assert room.archive.times_asked(JANUARY) == 2
    assert room.handed[0][2].to_pydict() == parsed(lines)


DAMAGED = {
    "checksum": (zipped("1,2\n", "BTCUSDT-5m-2024-01.csv"), "0" * 64, "SHA-256 other than"),
    "no zip": (b"these are not the bars you are looking for", None, "damaged ZIP"),
    "cut zip": (zipped("1,2\n" * 99, "BTCUSDT-5m-2024-01.csv")[:-30], None, "damaged ZIP"),
    "foreign member": (zipped("1,2\n", "../../BTCUSDT-5m-2024-01.csv"), None, "ZIP without"),
    "no digest": (zipped("1,2\n", "BTCUSDT-5m-2024-01.csv"), "sha", "CHECKSUM that is no SHA-256"),
}


@pytest.mark.parametrize(("data", "digest", "fault"), DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_stays_damaged_is_left_out_and_named_and_the_rest_handed_on(
    room: Room, data: bytes, digest: str | None, fault: str
) -> None:
    room.archive.publish_bytes(JANUARY, data, digest=digest)
    room.archive.publish(FUNDING_PATH, f"{FUNDING_HEADER}{ms('2024-01-01')},8,0.0001\n")
    with pytest.raises(DamagedFilesError, match=f"{JANUARY}.*{fault}") as raised:
        room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    assert room.archive.times_asked(JANUARY) == 2
    assert [kind for kind, *_ in room.handed] == ["funding"]
    assert raised.value.report.downloaded == 1
    assert len(raised.value.faults) == 1
    left = [path.name for path in room.cache_dir.rglob("*") if path.is_file()]
    assert sorted(left) == [
        "BTCUSDT-fundingRate-2024-01.zip",
        "BTCUSDT-fundingRate-2024-01.zip.CHECKSUM",
    ]


def test_several_damaged_files_are_all_told(room: Room) -> None:
    for path in (JANUARY, FUNDING_PATH):
        room.archive.publish_bytes(path, b"nothing")
    with pytest.raises(DamagedFilesError, match="and 1 more files") as raised:
        room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    assert sorted(fault.field for fault in raised.value.faults) == [FUNDING_PATH, JANUARY]


BAD_ROWS = {
    "word": ("1704067200000,1,2,oops,1,1,0,0,0,0,0,0\n", "Row #1.*oops"),
    "short row": ("1704067200000,1,2,1,1\n", "Expected 12 columns"),
    "foreign header": ("time,price\n1,2\n", "columns.*expected open_time"),
    "header only": (KLINE_HEADER, "rows without a time"),
    "empty": ("", "columns"),
    "negative price": ("1704067200000,1,2,-1,1,1,0,0,0,0,0,0\n", "row 1: low.*above zero"),
    "high below low": ("1704067200000,1,1,2,1,1,0,0,0,0,0,0\n", "row 1: high"),
    "off the grid": ("1704067200001,1,1,1,1,1,0,0,0,0,0,0\n", "row 1: ts.*grid"),
    "microseconds": ("1704067200000000,1,1,1,1,1,0,0,0,0,0,0\n", "microseconds"),
}


@pytest.mark.parametrize(("text", "fault"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_names_its_file_and_the_fault_and_leaves_the_file_out(
    room: Room, text: str, fault: str
) -> None:
    room.archive.publish(JANUARY, text)
    with pytest.raises(DamagedFilesError, match=f"{JANUARY}.*{fault}"):
        fetch_january(room)
    assert room.handed == []
    assert room.archive.times_asked(JANUARY) == 1  # its checksum is right: as published


def test_a_zip_bomb_is_read_no_further_than_the_limit(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_frames, "LARGEST_CSV_BYTES", 1_000)
    room.archive.publish(JANUARY, "1" * 1_001)
    with pytest.raises(DamagedFilesError, match="CSV above 1000 bytes"):
        fetch_january(room)


def test_a_body_without_end_is_cut_off(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_download, "_LARGEST_ZIP_BYTES", 1_000)
    publish_january(room.archive)
    with pytest.raises(CatalogError, match="more than 1000 bytes"):
        fetch_january(room)


def test_only_the_named_member_is_read_and_nothing_is_unpacked(room: Room) -> None:
    lines = klines("2024-01-01", 10)
    path = room.cache_dir.parent / "two.zip"
    with zipfile.ZipFile(path, "w") as both:
        both.writestr("../../escaped.csv", "1,2\n")
        both.writestr("BTCUSDT-5m-2024-01.csv", "".join(lines))
    room.archive.publish_bytes(JANUARY, path.read_bytes())
    path.unlink()
    fetch_january(room)
    assert room.handed[0][2].to_pydict() == parsed(lines)
    left = {each.name for each in room.cache_dir.parent.rglob("*") if each.is_file()}
    assert left == {"BTCUSDT-5m-2024-01.zip", "BTCUSDT-5m-2024-01.zip.CHECKSUM"}


def test_what_ingest_refuses_ends_the_fetch(room: Room) -> None:
    publish_january(room.archive)

    def refuse(*_: object) -> None:
        raise CatalogError("disk", "full", "make room")

    room.ingest = refuse
    with pytest.raises(CatalogError, match="disk"):
        fetch_january(room)


# many at once


def test_no_more_files_are_under_way_than_allowed(room: Room) -> None:
    stamps = [f"2024-01-{day:02}" for day in range(1, 25)]
    for stamp in stamps:
        room.archive.publish(metrics_path(stamp), metrics(f"{stamp} 00:05:00"))
        room.archive.fail(metrics_path(stamp), Fault(seconds=0.02))
    settings = QUICK.model_copy(update={"concurrency": 3})
    report = room.fetch("metrics_5m", "2024-01-01", "2024-01-25", settings=settings)
    assert report.downloaded == 24
    assert 1 < room.archive.busiest <= 3
    assert sorted(room.archive.zips_asked()) == [metrics_path(stamp) for stamp in stamps]


def test_progress_is_told_file_by_file_and_month_by_month(room: Room) -> None:
    publish_january(room.archive)
    room.fetch(("bars_5m", "funding"), "2024-01-01", "2024-02-01")
    told = [(each.stage, each.done, each.total) for each in room.progress]
    assert told == [("download", 1, 2), ("download", 2, 2), ("ingest", 1, 1)]
    sizes = {each.name: each.size for each in room.progress}
    assert sizes[FUNDING_PATH] == 0
    assert sum(each.size for each in room.progress) == len(room.archive.files[JANUARY])


def test_the_cache_holds_the_archives_own_bytes_under_its_own_paths(room: Room) -> None:
    publish_january(room.archive)
    fetch_january(room)
    kept = (room.cache_dir / JANUARY).read_bytes()
    assert kept == room.archive.files[JANUARY]
    checksum = (room.cache_dir / f"{JANUARY}.CHECKSUM").read_text()
    assert checksum.split()[0] == hashlib.sha256(kept).hexdigest()
    shutil.rmtree(room.cache_dir)
    assert fetch_january(room).downloaded == 1


def test_what_is_fetched_can_be_written_to_the_catalog_and_a_rerun_changes_nothing(
    archive: ArchiveServer, tmp_path: Path
) -> None:
    publish_january(archive)
    archive.publish(FUNDING_PATH, f"{FUNDING_HEADER}{ms('2024-01-01') + 3},8,0.0001\n")
    archive.publish(metrics_path("2024-01-01"), metrics("2024-01-01 00:05:00"))

    def run() -> list[tuple[str, int, int]]:
        report = fetch(
            FetchRequest(
                ("BTCUSDT",),
                ("bars_5m", "funding", "metrics_5m"),
                ns("2024-01-01"),
                ns("2024-01-02"),
            ),
            cache_dir=tmp_path / "cache",
            ingest=lambda kind, symbol, table, source: write_frame(
                tmp_path / "catalog", kind, symbol, table, source=source
            ),
            now_ns=NOW_NS,
            base_url=archive.url,
            settings=QUICK,
        )
        written = [result for result in report.results if isinstance(result, WriteReport)]
        return [(each.kind, each.added, each.unchanged) for each in written]

    assert run() == [("bars_5m", 288, 0), ("funding", 1, 0), ("metrics_5m", 288, 0)]
    assert run() == [("bars_5m", 0, 288), ("funding", 0, 1), ("metrics_5m", 0, 288)]
