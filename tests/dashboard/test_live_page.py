"""The page over a node that trades, on the loopback venue, in a real browser; and under attack."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.heartbeat import Heartbeat
from ocw_strategy.units import SECOND_NS
from tests.dashboard.browser import PHONE, browser
from tests.dashboard.serving import TOKEN, Served
from tests.dashboard.test_page import numbers
from tests.live.process import SPEED, LiveProcess, play_to_a_position, sample_venue, until

pytestmark = pytest.mark.slow

FLOOD_NS = 20 * SECOND_NS


def test_the_page_follows_a_node_that_trades_and_halts_it(tmp_path: Path) -> None:
    with (
        browser(tmp_path / "profile") as page,
        sample_venue() as venue,
        LiveProcess(tmp_path, venue) as node,
        Served(node.journal) as served,
    ):
        page.look(PHONE)
        page.open(served.url, TOKEN)
        assert "All is well" in page.text("#verdict")
        symbol = play_to_a_position(venue)
        coin = symbol.removesuffix("USDT")
        page.until(lambda: coin in page.text("#positions"), "the position is shown", 10.0)
        (stop,) = venue.state.stops(symbol)
        shown = numbers(next(text for text in page.texts(".position") if coin in text))
        assert float(abs(venue.state.position(symbol))) in shown
        assert float(stop.trigger) in shown
        assert page.texts(".decision")
        page.until(lambda: page.text("#halt-open"), "halt is offered")
        page.click("#halt-open")
        page.type("#halt-reason", "seen enough")
        page.type("#halt-word", "HALT")
        page.click("#halt-send")
        page.until(lambda: "Halted" in page.text("#verdict"), "it is halted", 3.0)

        def node_knows() -> bool:
            beat = node.beat()
            return beat is not None and beat.entries_blocked == ("halt",)

        until(node_knows, "the node says that it is halted")
        assert len(venue.state.stops(symbol)) == 1
        HaltFile(node.journal).resume()
        page.until(lambda: "Halted" not in page.text("#verdict"), "it goes on", 3.0)
        assert page.complaints() == []


def test_a_flood_of_the_page_does_not_slow_the_node(tmp_path: Path) -> None:
    """The lag of the node's loop, as its own heartbeats measure it before and after."""
    with sample_venue() as venue, LiveProcess(tmp_path, venue) as node:
        venue.market.play(SPEED)

        def next_beat() -> Heartbeat:
            last = node.beat()
            until(lambda: node.beat() != last, "the next heartbeat")
            found = node.beat()
            assert found is not None
            return found

        before = next_beat()
        with Served(node.journal) as served, ExitStack() as lines:
            for _ in range(300):
                line = lines.enter_context(socket.create_connection(("127.0.0.1", served.port)))
                line.sendall(b"GET /api/overview HTTP/1.1\r\nX: ")
            asked, began_ns = 0, time.time_ns()
            while (beat := node.beat()) is None or beat.wall_ns < began_ns + FLOOD_NS:
                wrong = {"Authorization": "Bearer wrong"}
                assert served.ask("/api/overview", headers=wrong).status in (401, 429)
                assert served.ask("/health").status == 200
                asked += 1
                time.sleep(0.02)
        assert asked > 100
        assert beat.problems == ()
        assert all(known.bars > 0 for known in beat.instruments.values())
        assert beat.loop_lag_p99_ms < before.loop_lag_p99_ms + 100.0, (before, beat)
