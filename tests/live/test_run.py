"""A live node as a process: it trades, protects, stops, is killed, and finds its way again."""

import time
from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.journal import DecisionRow, FillRow, Funding, Intent, Posterior, SkippedDay, Trade
from ocw_strategy.live.heartbeat import health
from tests.live.process import (
    SPEED,
    LiveProcess,
    kinds,
    play_to_a_position,
    sample_venue,
    until,
)
from tests.venue import Venue


def test_it_trades_stops_as_told_and_leaves_the_stops_resting(tmp_path: Path) -> None:
    with sample_venue() as venue, LiveProcess(tmp_path, venue) as node:
        symbol = play_to_a_position(venue)
        amount = venue.state.position(symbol)
        (stop,) = venue.state.stops(symbol)
        assert (stop.reduce_only, stop.working_type) == (True, "MARK_PRICE")
        assert stop.quantity == abs(amount)
        assert stop.side == ("SELL" if amount > 0 else "BUY")
        second = node.ocw("live", str(node.config))
        assert second.returncode == 2
        assert "held by pid" in second.stderr
        code, seconds = node.stop()
        assert code == 0, node.said()
        assert seconds < 10
        assert [order.client_id for order in venue.state.stops(symbol)] == [stop.client_id]
        with node.read() as journal:
            names = {intent.client_order_id for intent in journal.rows(Intent)}
            booked = {row.trade_id for row in journal.rows(FillRow)}
            assert journal.rows(DecisionRow)
        assert stop.client_id in names
        assert booked == {str(trade.id) for trade in venue.state.trades()}
        assert not [kind for kind in kinds(node) if kind.startswith("fault")]
        secrets = [venue.api_key, venue.api_secret]
        for path in tmp_path.iterdir():
            content = path.read_bytes()
            assert not [s for s in secrets if s.encode() in content], path


@pytest.mark.slow
def test_killed_it_finds_position_and_stop_again_and_books_what_filled_meanwhile(
    tmp_path: Path,
) -> None:
    with sample_venue() as venue, LiveProcess(tmp_path, venue) as node:
        symbol = play_to_a_position(venue)
        held = venue.state.summary()["positions"]
        stops = {order.client_id for order in venue.state.stops()}
        node.kill()
        node.start()
        beat = node.beat()
        assert beat is not None
        found = {
            name.removesuffix("-PERP"): known.quantity
            for name, known in beat.instruments.items()
            if known.stop_price
        }
        assert {s: Decimal(q) for s, q in found.items()} == {s: Decimal(q) for s, q in held.items()}
        assert {order.client_id for order in venue.state.stops()} == stops
        assert beat.entries_blocked == ()

        node.kill()  # and now its stop fills while nobody looks
        (stop,) = venue.state.stops(symbol)
        beyond = Decimal("0.99") if stop.side == "SELL" else Decimal("1.01")
        venue.market.price(symbol, float(stop.trigger * beyond))
        assert venue.state.position(symbol) == 0
        for _ in range(2):  # once is all it is booked, however often it starts
            node.start()
            with node.read() as journal:
                closing = [f for f in journal.rows(FillRow) if f.client_order_id == stop.client_id]
                trades = [t for t in journal.rows(Trade) if t.symbol == f"{symbol}-PERP"]
                assert sum(Decimal(f.quantity) for f in closing) == stop.quantity
                assert [t.exit_reason for t in trades] == ["stop"]
            until(lambda: posteriors(node), "the bandit learns")
            learnt = posteriors(node)
            node.kill()
        assert learnt == 4


def posteriors(node: LiveProcess) -> int:
    with node.read() as journal:
        return journal.count(Posterior)


@pytest.mark.slow
def test_what_nothing_explains_is_protected_blocks_entries_and_goes_when_flattened(
    tmp_path: Path,
) -> None:
    with sample_venue() as venue:
        venue.place("ETHUSDT", "BUY", "0.500")
        with LiveProcess(tmp_path, venue) as node:
            until(lambda: venue.state.stops("ETHUSDT"), "it has a stop")
            (stop,) = venue.state.stops("ETHUSDT")
            assert (stop.quantity, stop.side) == (Decimal("0.500"), "SELL")
            assert stop.trigger < venue.state.mark("ETHUSDT")
            beat = node.beat()
            assert beat is not None
            assert beat.entries_blocked == ("unexplained:ETHUSDT-PERP",)
            shown = node.ocw("status", str(node.config))
            assert shown.returncode == 1
            assert "unexplained:ETHUSDT-PERP" in shown.stdout
            venue.market.play(SPEED)
            assert node.ocw("halt", str(node.config), "--flatten").returncode == 0
            until(lambda: "flat_verified" in kinds(node), "it is flat")
            assert venue.state.summary()["positions"] == {}
            until(lambda: not venue.state.stops(), "no stop is left")
            with node.read() as journal:
                assert not [i for i in journal.rows(Intent) if i.purpose == "entry"]


@pytest.mark.slow
def test_halted_it_enters_nothing_and_resumed_it_does(tmp_path: Path) -> None:
    with sample_venue() as venue:
        node = LiveProcess(tmp_path, venue)
        assert node.ocw("halt", str(node.config)).returncode == 0
        with node:
            venue.market.play(SPEED)

            def refused() -> bool:
                with node.read() as journal:
                    return bool(journal.count(DecisionRow))

            until(refused, "a decision")
            venue.market.pause()
            beat = node.beat()
            assert beat is not None
            assert not venue.state.orders()
            assert node.ocw("resume", str(node.config)).returncode == 0
            play_to_a_position(venue)


@pytest.mark.slow
def test_a_start_that_does_not_come_to_trade_ends_with_an_error(tmp_path: Path) -> None:
    with sample_venue() as venue:
        venue.faults.refuse_listen_key(times=1000)
        node = LiveProcess(tmp_path, venue).launch()
        assert node.process is not None
        assert node.process.wait(60) == 70, node.said()
        beat = node.beat()
        assert beat is not None
        assert health(beat, beat.wall_ns)[0] == 503


def test_it_refuses_to_start_without_keys_or_for_real_money_by_accident(tmp_path: Path) -> None:
    with Venue(api_key="") as venue:
        node = LiveProcess(tmp_path, venue)
        refused = node.ocw("live", str(node.config))
        assert refused.returncode == 2
        assert "BINANCE_DEMO_API_KEY" in refused.stderr
        real = node.ocw("live", str(node.config), "--set", "live.account=real")
        assert real.returncode == 2
        assert "--real-money" in real.stderr
        assert not node.journal.exists()


@pytest.mark.slow
def test_between_bars_exits_follow_the_mark_and_funding_is_booked_once(tmp_path: Path) -> None:
    with sample_venue() as venue, LiveProcess(tmp_path, venue) as node:
        symbol = play_to_a_position(venue)
        amount, entry = venue.state.position(symbol), venue.state.entry(symbol)
        venue.market.settle(symbol, "0.0005")
        (paid,) = [entry.amount for entry in venue.state.incomes("FUNDING_FEE")]
        until(lambda: payments(node), "the payment is booked")
        node.kill()
        node.start()  # it is booked already
        side = 1 if amount > 0 else -1
        for gain in (0.03, 0.003):  # beyond the peak of profit protection, then below its floor
            venue.market.price(symbol, round(float(entry) * (1 + side * gain), 2))
            time.sleep(3)  # no bar closes here: only the look at the mark sees it
        until(lambda: not venue.state.position(symbol), "the position is left")
        until(lambda: trades(node), "the trade is told")
        (trade,) = trades(node)
        assert trade.exit_reason == "profit_protection"
        assert payments(node) == [float(paid)]
        assert trade.funding_usd == pytest.approx(float(paid))


def payments(node: LiveProcess) -> list[float]:
    with node.read() as journal:
        return [row.amount_usd for row in journal.rows(Funding)]


def trades(node: LiveProcess) -> list[Trade]:
    with node.read() as journal:
        return journal.rows(Trade)


@pytest.mark.slow
def test_a_post_only_entry_rests_for_a_while_and_is_given_up_when_halted(tmp_path: Path) -> None:
    overrides = {"execution.entry_order": "post_only", "execution.entry_wait_seconds": 600.0}
    with sample_venue() as venue, LiveProcess(tmp_path, venue, overrides=overrides) as node:
        venue.market.play(SPEED)
        until(venue.state.open_orders, "an entry rests")
        venue.market.pause()
        (entry, *_) = venue.state.open_orders()
        assert (entry.type, entry.time_in_force) == ("LIMIT", "GTX")
        assert node.ocw("halt", str(node.config)).returncode == 0
        until(lambda: not venue.state.open_orders(), "it is taken back")
        until(lambda: "entry_given_up" in kinds(node), "it is journalled")


@pytest.mark.slow
def test_skips_older_than_asked_for_are_folded_into_counts(tmp_path: Path) -> None:
    overrides = {"live.keep_skips_days": 1.0, "advisor.rules.entry_score": 1.0}
    with sample_venue() as venue, LiveProcess(tmp_path, venue, overrides=overrides) as node:
        venue.market.tells_forming = False
        venue.market.play(3000.0)

        def folded() -> list[SkippedDay]:
            with node.read() as journal:
                return journal.rows(SkippedDay)

        until(folded, "a day is folded")
