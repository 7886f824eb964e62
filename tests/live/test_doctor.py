"""What would keep a live node from doing well is said beforehand, a line each, with its remedy."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.advisor.budget import utc_day
from ocw_strategy.doctor import Check
from ocw_strategy.journal import Journal, Spend, WriterLock
from ocw_strategy.live.doctor import live_checks
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.node import Keys
from ocw_strategy.live.settings import LiveSettings, load_live
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.live.venue_checks import prices
from ocw_strategy.settings import Settings
from tests.live.process import LiveProcess
from tests.venue import Venue

VARIABLE = "BINANCE_DEMO_API_KEY"
NOW_NS = 1_790_000_000_000_000_000


@pytest.fixture
def venue() -> Iterator[Venue]:
    with Venue() as opened:
        opened.market.play(60)
        yield opened


def settings_of(folder: Path, venue: Venue, **values: object) -> tuple[LiveSettings, Settings]:
    config = LiveProcess(folder, venue).config
    return load_live(config, NOW_NS, {name.replace("__", "."): v for name, v in values.items()})


def checks(folder: Path, venue: Venue, **values: object) -> dict[str, Check]:
    live, settings = settings_of(folder, venue, **values)
    found = live_checks(live, settings, Keys(venue.api_key, venue.api_secret), VARIABLE)
    return {check.name: check for check in found}


def test_at_a_venue_in_order_nothing_stands_in_the_way(tmp_path: Path, venue: Venue) -> None:
    found = checks(tmp_path, venue)
    assert list(found) == [
        "journal", "disk", "halt", "market", "execution", "account key", "withdrawal",
        "position mode", "leverage", "BTCUSDT", "ETHUSDT", "SOLUSDT", "prices", "stream",
    ]  # fmt: skip
    assert [check.name for check in found.values() if not check.well] == ["withdrawal"]
    assert "bind it to yours" in found["withdrawal"].said
    assert not [call for call in venue.calls.all() if call.method != "GET"]


def test_a_clock_that_is_off_and_what_it_makes_of_the_key_are_said(
    tmp_path: Path, venue: Venue
) -> None:
    venue.faults.clock_skew_ms = 60_000
    found = checks(tmp_path, venue)
    assert found["execution"].failed
    assert "NTP" in found["execution"].said
    assert found["account key"].failed
    assert "-1021" in found["account key"].said


def test_a_key_the_venue_does_not_know_is_said_with_its_variable(
    tmp_path: Path, venue: Venue
) -> None:
    live, settings = settings_of(tmp_path, venue)
    found = live_checks(live, settings, Keys("somebody", "else"), VARIABLE)
    (line,) = [check for check in found if check.name == "account key"]
    assert line.failed
    assert VARIABLE in line.said
    assert "else" not in line.said.split()


@pytest.mark.parametrize(("account", "failed"), [("demo", False), ("real", True)])
def test_a_key_that_may_withdraw_is_warned_of_and_for_real_money_refused(
    account: str, failed: bool, tmp_path: Path, venue: Venue
) -> None:
    venue.let_key_withdraw()
    line = checks(tmp_path, venue, live__account=account)["withdrawal"]
    assert not line.well
    assert line.failed is failed
    assert "MAY WITHDRAW" in line.said


def test_a_halt_and_a_running_node_are_told_without_failing(tmp_path: Path, venue: Venue) -> None:
    journal = LiveProcess(tmp_path, venue).journal
    HaltFile(journal).halt(HaltNote(NOW_NS, "the quarterly audit"))
    lock = WriterLock(journal)
    found = checks(tmp_path, venue)
    lock.release()
    for name, words in (("halt", "the quarterly audit"), ("journal", "a node runs")):
        assert (found[name].well, found[name].failed) == (False, False)
        assert words in found[name].said


def test_an_account_too_small_for_the_venues_orders_is_told_so(tmp_path: Path) -> None:
    with Venue(wallet=Decimal(50)) as venue:
        venue.market.play(60)
        found = checks(tmp_path, venue)
    assert found["BTCUSDT"].failed
    assert "it takes more equity" in found["BTCUSDT"].said
    assert not found["SOLUSDT"].failed


def test_another_margin_type_is_warned_of(tmp_path: Path, venue: Venue) -> None:
    line = checks(tmp_path, venue, live__margin_type="ISOLATED")["leverage"]
    assert (line.well, line.failed) == (False, False)
    assert "a start sets 5x ISOLATED" in line.said


def test_sockets_that_are_cut_and_a_venue_that_is_out_are_told_and_the_rest_as_well(
    tmp_path: Path, venue: Venue
) -> None:
    venue.faults.refuse_sockets(30)
    found = checks(tmp_path, venue)
    assert found["stream"].failed
    assert "websockets" in found["stream"].said
    assert found["account key"].well
    venue.faults.outage(30)
    found = checks(tmp_path, venue)
    assert [
        found[name].failed for name in ("market", "execution", "account key", "prices", "stream")
    ] == ([True] * 5)
    assert found["journal"].well


def test_an_answer_that_is_not_understood_is_a_line_and_no_traceback(
    tmp_path: Path, venue: Venue
) -> None:
    venue.faults.garble_answers("/fapi/v1/exchangeInfo", body=b"[]")
    venue.faults.garble_answers("/fapi/v1/symbolConfig", body=b"[{}]")
    found = checks(tmp_path, venue)
    assert found["instruments"].failed
    assert "not understood" in found["instruments"].said
    assert found["leverage"].failed
    assert found["stream"].well


def test_two_venues_too_far_apart_are_told_side_by_side(tmp_path: Path, venue: Venue) -> None:
    live, _ = settings_of(tmp_path, venue)
    with Venue() as other:
        other.market.pause()
        venue.market.pause()
        mark = other.state.mark("BTCUSDT")
        venue.market.gap("BTCUSDT", float(mark))
        other.market.gap("BTCUSDT", float(mark * Decimal("1.01")))
        line = asyncio.run(compared(venue, other, live))
        assert (line.well, line.failed) == (False, False)
        assert "= +100.0 bp; nothing is entered while more than 30 bp apart" in line.said
        other.market.gap("BTCUSDT", float(mark))
        assert asyncio.run(compared(venue, other, live)).well


async def compared(one: Venue, other: Venue, live: LiveSettings) -> Check:
    market, execution = (StatisticsHttp(v.http_url, lambda: NOW_NS) for v in (one, other))
    try:
        return await prices(market, execution, live, ["BTCUSDT-PERP"])
    finally:
        await market.close()
        await execution.close()


def test_claudes_budget_counts_what_the_nodes_journal_has_spent(
    tmp_path: Path, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    node = LiveProcess(tmp_path, venue)
    with Journal.open(node.journal, run_id="live") as journal:
        for day in ("1999-12-31", utc_day(time.time_ns())):
            journal.append(spent(day, "3.00"))
    claude = {"advisor__kind": "claude", "advisor__claude__budget_usd_per_day": "3"}
    found = checks(tmp_path, venue, **claude)
    assert found["budget"].said.startswith("3.00 of 3 USD spent today, 3.00 of")
    assert (found["budget"].well, found["budget"].failed) == (False, False)


def spent(day: str, usd: str) -> Spend:
    return Spend(
        reservation_id=f"{day}/0", ts_ns=NOW_NS, day=day, model="any", request_key="",
        reserved_usd=usd, prices="{}",
    )  # fmt: skip


def test_as_a_command_it_fails_without_a_key_and_says_which(tmp_path: Path) -> None:
    with Venue(api_key="", api_secret="") as venue:
        venue.market.play(60)
        node = LiveProcess(tmp_path, venue)
        done = node.ocw("doctor", str(node.config))
    assert done.returncode == 1, done.stderr
    assert VARIABLE in done.stdout
    assert done.stdout.count("fail ") == 1
