"""`ocw flatten` as a process, after a node died with a position open."""

from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.journal import Event, FillRow, Intent, Trade
from ocw_strategy.live.halt import HaltFile
from tests.live.process import LiveProcess, kinds, play_to_a_position, sample_venue, until

CLOSE = "/fapi/v1/order"


def test_with_an_empty_account_it_says_flat_and_leaves_a_halt(tmp_path: Path) -> None:
    with sample_venue() as venue:
        node = LiveProcess(tmp_path, venue)
        done = node.ocw("flatten", str(node.config))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "flat: the venue holds nothing" in done.stdout
        assert HaltFile(node.journal).halted()
        assert "flat_verified" in kinds(node)
        assert not venue.state.orders()


@pytest.mark.slow
def test_it_closes_what_a_dead_node_and_a_hand_left_and_sends_nothing_twice(tmp_path: Path) -> None:
    with sample_venue() as venue, LiveProcess(tmp_path, venue) as node:
        symbol = play_to_a_position(venue)
        held = dict(venue.state.summary()["positions"])
        refused = node.ocw("flatten", str(node.config))
        assert refused.returncode == 2
        assert "ocw halt --flatten" in refused.stderr
        assert venue.state.summary()["positions"] == held
        node.kill()
        small = {"SOLUSDT": "1", "ETHUSDT": "0.1", "BTCUSDT": "0.01"}
        other = next(s for s in small if s not in held)
        venue.place(other, "BUY", small[other])
        for name in ("OCW-of-nobody", "web_of_a_hand"):
            price = str((venue.state.last(other) * Decimal("0.9")).quantize(Decimal("0.1")))
            venue.place(
                other,
                "BUY",
                small[other],
                client_id=name,
                type="LIMIT",
                price=price,
                timeInForce="GTC",
            )
        # an advisor without its key, statistics that are down, an answer that is lost
        settings = node.config.read_text(encoding="utf-8")
        node.config.write_text(settings.replace('kind = "rules"', 'kind = "claude"'))
        venue.faults.answer("/futures/data/", -1000, status=503, times=1000)
        venue.faults.unknown_outcome(executed=True)
        done = node.ocw("flatten", str(node.config))
        assert done.returncode == 0, done.stdout + done.stderr
        assert venue.state.summary()["positions"] == {}
        assert not venue.state.open_orders()
        assert not venue.state.stops()
        with node.read() as journal:
            closing = {i.client_order_id: i for i in journal.rows(Intent) if i.purpose == "exit"}
            fills = {f.trade_id for f in journal.rows(FillRow)}
            trades = [t for t in journal.rows(Trade) if t.symbol == f"{symbol}-PERP"]
        for name in closing:
            assert venue.state.accepted(name) == 1
        assert {i.symbol for i in closing.values()} == {f"{s}-PERP" for s in (*held, other)}
        assert {t.exit_reason for t in trades} == {"flatten"}
        ours = {str(t.id) for t in venue.state.trades() if t.symbol != other}
        assert ours <= fills
        # what was closed is learnt by the next node, which enters nothing
        node.config.write_text(settings)
        node.start()
        until(lambda: "posterior" in learnt(node), "the bandit learns")
        beat = node.beat()
        assert beat is not None
        assert beat.entries_blocked == ("halt",)


def learnt(node: LiveProcess) -> str:
    from ocw_strategy.journal import Posterior

    with node.read() as journal:
        return "posterior" if journal.count(Posterior) else ""


def test_at_a_venue_that_refuses_it_ends_with_an_error_and_the_halt_stays(tmp_path: Path) -> None:
    with sample_venue() as venue:
        venue.place("ETHUSDT", "BUY", "0.500")
        venue.faults.answer(CLOSE, -2027, status=400, method="POST", times=1000)
        node = LiveProcess(tmp_path, venue)
        done = node.ocw("flatten", str(node.config), "--within", "4")
        assert done.returncode == 70, done.stdout + done.stderr
        assert "NOT verified flat" in done.stderr
        assert HaltFile(node.journal).halted()
        assert venue.state.stops("ETHUSDT"), "what could not be closed has its stop"
        with node.read() as journal:
            sent = [i for i in journal.rows(Intent) if i.purpose == "exit"]
            told = {e.kind for e in journal.rows(Event)}
        assert sent
        assert "flat_verified" not in told
