"""The page in a real browser: true to the journal, quick to follow it, and safe to press."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ocw_strategy.dashboard.positions import open_positions
from ocw_strategy.journal import DecisionRow, Equity, Evaluation, Event, Journal, Posterior, Trade
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.heartbeat import Heartbeat, heartbeat_path, write_heartbeat
from ocw_strategy.units import DAY_NS
from tests.backtest.runs import decided, samples
from tests.dashboard.beats import beat
from tests.dashboard.browser import PHONE, Browser, browser
from tests.dashboard.serving import TOKEN, Served

COMMIT = """
import sys, time
from ocw_strategy.journal import Equity, Journal
with Journal.open(sys.argv[1], run_id="live") as journal:
    print("ready", flush=True)
    for line in sys.stdin:
        journal.append_durably(Equity(int(line), 12_345.67, 12_345.67))
        print(time.monotonic_ns(), flush=True)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """Return the journal of a node that was heard a moment ago."""
    path = tmp_path / "node.db"
    with Journal.open(path, run_id="live") as journal:
        for record in samples([10_000.0, 10_100.0]):
            journal.append(record)
    write_heartbeat(heartbeat_path(path), fresh())
    return path


def fresh() -> Heartbeat:
    now_ns = time.time_ns()
    return beat(wall_ns=now_ns, started_wall_ns=now_ns - 7_200_000_000_000)


def numbers(text: str) -> list[float]:
    plain = text.replace(",", "").replace("−", "-")
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", plain)]


def test_the_numbers_on_the_page_are_the_journals(page: Browser, demo: Path) -> None:
    page.look()
    with Served(demo) as served:
        page.open(served.url, TOKEN)
        page.until(lambda: page.texts("#legend span"), "the chart is drawn")
        shown = {name.splitlines()[0]: name.splitlines()[1] for name in page.texts(".figure")}
        gate = {
            key: numbers(page.text(f'[data-gate="{key}"]'))[0]
            for key in ("evaluations", "skipped", "wakes")
        }
        decisions = [
            each.get_attribute("data-id")
            for each in page.driver.find_elements("css selector", ".decision")
        ]
        beliefs = page.texts(".belief")
        positions = page.texts(".position")
        trades = page.texts("#trades tbody tr")
        regime = page.text("#regime-now")
        assert page.complaints() == []
    with Journal.read_only(demo) as journal:
        newest = journal.rows(Equity, order="ts_ns DESC", limit=1)[0]
        start_ns = (newest.ts_ns - 1) // DAY_NS * DAY_NS
        window = (start_ns, start_ns + DAY_NS)
        day = "ts_ns >= ? AND ts_ns < ?"
        looked = journal.count(Evaluation, day, window)
        woken = journal.count(Evaluation, f"wake = 1 AND {day}", window)
        rows = journal.rows(DecisionRow, order="rowid DESC", limit=8)
        learnt = journal.rows(Posterior, order="rowid DESC", limit=4)
        held = open_positions(journal, None)
        closed = journal.rows(Trade, order="rowid DESC", limit=8)
    assert numbers(shown["Equity"]) == [round(newest.equity, 2)]
    assert gate == {"evaluations": looked, "skipped": looked - woken, "wakes": woken}
    assert decisions == [row.decision_id for row in rows]
    assert len(positions) == len(held) > 0
    for text, each in zip(positions, held, strict=True):
        assert each.unrealised_usd is not None
        assert round(each.unrealised_usd, 2) in numbers(text)
        assert round(float(each.stop_price), 1) in [round(n, 1) for n in numbers(text)]
    assert [numbers(text.splitlines()[-2])[-1] for text in trades] == [
        round(trade.net_usd, 2) for trade in closed
    ]
    assert regime == rows[0].regime.replace("_", " ")
    for row in learnt:
        mean = f"{row.alpha / (row.alpha + row.beta):.3f}"
        name = row.signal.replace("_", " ")
        assert any(name in text and mean in text for text in beliefs), (name, mean, beliefs)


def test_a_decision_opens_into_its_full_explanation(page: Browser, demo: Path) -> None:
    page.look(PHONE)
    with Journal.read_only(demo) as journal:
        trade = journal.rows(Trade, order="rowid DESC", limit=1)[0]
        row = journal.rows(DecisionRow, "decision_id = ?", (trade.decision_id,))[0]
    with Served(demo) as served:
        page.open(served.url, TOKEN)
        place = f'.decision[data-id="{row.decision_id}"]'
        while not page.texts(place):
            seen = len(page.texts(".decision"))
            page.click("#more")
            page.until(lambda seen=seen: len(page.texts(".decision")) > seen, "earlier decisions")
        page.run(f"document.querySelector('{place}').click()")
        page.until(lambda: "Trades it opened" in page.text("#decision"), "it opens")
        told = page.text("#decision")
        reason = json.loads(row.decision)["reason"].replace("USDT-PERP", "")
        assert reason in told
        assert f"to {trade.exit_price}" in told
        assert row.decision_id in told
        page.click("#decision [data-close]")
        page.until(lambda: not page.text("#decision"), "it closes")
        assert page.complaints() == []


def test_a_commit_of_another_process_is_seen_within_two_seconds(page: Browser, node: Path) -> None:
    page.look()
    with (
        Served(node) as served,
        subprocess.Popen(
            [sys.executable, "-c", COMMIT, str(node)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as writer,
    ):  # fmt: skip
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        page.open(served.url, TOKEN)
        assert "10,100.00" in page.text(".figures")
        writer.stdin.write(f"{time.time_ns()}\n")
        writer.stdin.flush()
        committed_ns = int(writer.stdout.readline())
        page.until(lambda: "12,345.67" in page.text(".figures"), "the new equity is shown")
        taken_s = (time.monotonic_ns() - committed_ns) / 1e9
        writer.stdin.close()
        writer.wait(20)
    assert taken_s < 2.0, taken_s


def test_a_halt_from_the_page_takes_two_steps_and_shows_at_once(page: Browser, node: Path) -> None:
    page.look(PHONE)
    with Served(node) as served:
        page.open(served.url, TOKEN)
        assert "All is well" in page.text("#verdict")
        page.until(lambda: page.text("#halt-open"), "halt is offered")
        page.click("#halt-open")
        page.type("#halt-reason", "I do not like it")
        assert not page.enabled("#halt-send")
        page.type("#halt-word", "HAL")
        assert not page.enabled("#halt-send")
        assert not HaltFile(node).halted()
        page.type("#halt-word", "T")
        page.click("#halt-send")
        page.until(lambda: HaltFile(node).halted(), "the halt file is there")
        page.until(lambda: "Halted" in page.text("#verdict"), "the page says so", 2.0)
        assert "I do not like it (dashboard)" in page.text("#verdict")
        HaltFile(node).resume()
        page.until(lambda: "All is well" in page.text("#verdict"), "it goes on", 2.0)
        assert page.complaints() == []


def test_a_node_that_falls_silent_turns_the_page_red_by_itself(page: Browser, node: Path) -> None:
    page.look()
    write_heartbeat(heartbeat_path(node), fresh().model_copy(
        update={"wall_ns": time.time_ns() - 88_000_000_000}))  # fmt: skip
    with Served(node) as served:
        page.open(served.url, TOKEN)
        assert "All is well" in page.text("#verdict")
        page.until(lambda: "Needs you" in page.text("#verdict"), "silence is told", 6.0)
        assert "heartbeat is" in page.text("#verdict")


def test_what_an_advisor_says_is_never_markup(page: Browser, node: Path) -> None:
    hostile = (
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    )
    said = {"targets": [{"symbol": hostile, "exposure": 1, "confidence": 1}], "reason": hostile}
    row = replace(decided("d", 0), decision=json.dumps(said), reasons=hostile, regime=hostile)
    with Journal.open(node, run_id="live") as journal:
        journal.append(row)
        journal.append(Event(1, hostile, hostile, hostile))
    page.look()
    with Served(node) as served:
        page.open(served.url, TOKEN)
        assert hostile in page.text(".decision")
        assert hostile in page.text("#events")
        page.click(".decision")
        page.until(lambda: hostile in page.text("#decision-reason"), "it opens")
        assert page.run("return document.querySelectorAll('main img, dialog img').length") == 0
        assert "owned" not in page.driver.title
        assert page.complaints() == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_it_fits_every_width_in_light_and_dark(page: Browser, demo: Path, width: int) -> None:
    papers = set()
    with Served(demo, token=None) as served:
        for dark in (False, True):
            page.look((width, 800), dark=dark)
            page.open(served.url)
            page.until(lambda: page.texts("#legend span"), "the chart is drawn")
            assert page.run("return document.documentElement.scrollWidth") <= width
            papers.add(page.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2


def test_it_asks_only_the_machine_it_came_from(page: Browser, demo: Path) -> None:
    page.look()
    with Served(demo, token=None) as served:
        page.open(served.url)
        asked = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert asked
        assert [url for url in asked if not url.startswith(served.url)] == []


def test_a_dashboard_that_is_gone_is_said_and_found_again(page: Browser, demo: Path) -> None:
    page.look()
    with Served(demo, token=None) as served:
        page.open(served.url)
        page.until(lambda: page.text("#link") == "up to date", "it is connected")
    page.until(lambda: "no connection" in page.text("#link"), "the loss is said", 5.0)
    page.complaints()


def test_a_wrong_token_is_said_on_the_way_in(page: Browser, demo: Path) -> None:
    page.look(PHONE)
    with Served(demo) as served:
        page.forget()
        page.driver.get(served.url)
        page.type("input[name=token]", "wrong")
        page.click("button")
        page.until(lambda: "That is not the token." in page.text("#fault"), "it is said")
