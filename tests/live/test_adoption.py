"""What nothing explains becomes the journal's by a typed word, and the node goes on from there."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.errors import OcwError
from ocw_strategy.journal import Event, FillRow, Intent, Journal, Posterior, ReflectionRow, Trade
from ocw_strategy.live.account import VenueFill
from ocw_strategy.live.actor import STATE
from ocw_strategy.live.adoption import Gap, explain, find_gaps, is_passed, stop_after
from ocw_strategy.live.learnt import LearntTrades
from ocw_strategy.settings import settings_from
from tests.live.accounts import BTC, truth
from tests.live.process import LiveProcess, sample_venue, until

SETTINGS = settings_from({
    "run": {"start": "2025-06-01", "end": "2025-06-02"}, "data": {"instruments": [BTC]},
})  # fmt: skip
NOW_NS = SETTINGS.run.start_ns
STOP = Decimal(str(SETTINGS.risk.exits.stop_fraction))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "node.db", run_id="adoption") as opened:
        yield opened


def settle(journal: Journal, there: str, entry: str = "100000") -> Gap:
    """Adopt the one gap that there is."""
    (gap,) = find_gaps(journal, SETTINGS, truth(there, entry))
    explain(journal, gap, NOW_NS + journal.count(Event))
    return gap


@pytest.mark.parametrize(
    ("there", "added", "written_off"),
    [
        (["0.5"], "0.5", "0"),
        (["0.5", "0.8"], "0.3", "0"),
        (["0.5", "0.2"], "0", "0.3"),
        (["0.5", "0"], "0", "0.5"),
        (["0.5", "-0.1"], "-0.1", "0.5"),
        (["-0.5", "0.1"], "0.1", "-0.5"),
    ],
)
def test_after_an_adoption_the_journal_explains_what_the_venue_holds(
    journal: Journal, there: list[str], added: str, written_off: str
) -> None:
    for quantity in there:
        gap = settle(journal, quantity)
        assert find_gaps(journal, SETTINGS, truth(quantity)) == ()
    assert (gap.added, gap.written_off) == (Decimal(added), Decimal(written_off))
    assert journal.count(Trade) == 0
    assert {event.kind for event in journal.rows(Event)} == {"adopted"}


@pytest.mark.parametrize(("there", "sign"), [("0.5", 1), ("-0.5", -1)])
def test_the_stop_it_will_get_is_the_settings_distance_from_the_venues_entry_price(
    journal: Journal, there: str, sign: int
) -> None:
    (gap,) = find_gaps(journal, SETTINGS, truth(there))
    stop = stop_after(journal, SETTINGS, gap, NOW_NS)
    assert stop == pytest.approx(float(100_000 * (1 - sign * STOP)))
    assert not is_passed(gap, stop)
    assert journal.count(Intent) == 0


def test_a_stop_that_the_mark_has_passed_is_said_to_be_passed(journal: Journal) -> None:
    (gap,) = find_gaps(journal, SETTINGS, truth("0.5", "200000"))
    stop = stop_after(journal, SETTINGS, gap, NOW_NS)
    assert stop is not None
    assert is_passed(gap, stop)


def test_a_position_that_is_gone_gets_no_stop(journal: Journal) -> None:
    settle(journal, "0.5")
    (gap,) = find_gaps(journal, SETTINGS, truth("0"))
    assert stop_after(journal, SETTINGS, gap, NOW_NS) is None


def test_a_journal_behind_the_venue_is_refused(journal: Journal) -> None:
    settle(journal, "0.5")
    (intent,) = journal.rows(Intent)
    fill = VenueFill(
        symbol="BTCUSDT", client_id=intent.client_order_id, trade_id="7", ts_ns=NOW_NS,
        quantity=Decimal("0.1"), price=Decimal(100_000), fee_usd=Decimal(0), maker=False,
    )  # fmt: skip
    with pytest.raises(OcwError, match="start the node once"):
        find_gaps(journal, SETTINGS, truth("0.6", "100000", fill))


@pytest.mark.slow
def test_the_next_node_owns_it_protects_it_learns_nothing_from_it_and_enters_again(
    tmp_path: Path,
) -> None:
    with sample_venue() as venue:
        venue.place("ETHUSDT", "BUY", "0.500")
        entry = venue.state.entry("ETHUSDT")
        node = LiveProcess(tmp_path, venue)
        with node:
            until(lambda: venue.state.stops("ETHUSDT"), "it has a stop")
            (first,) = venue.state.stops("ETHUSDT")
            refused = node.ocw("adopt", str(node.config))
            assert refused.returncode == 2
            assert "stop its node first" in refused.stderr
            assert node.stop()[0] == 0

            declined = node.ocw("adopt", str(node.config), typed="yes\n")
            assert declined.returncode == 1
            with node.read() as journal:
                assert journal.count(FillRow) == 0
            done = node.ocw("adopt", str(node.config), typed="ETHUSDT-PERP\n")
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"0.500 adopted at the venue's mean entry price {entry}" in done.stdout
            assert venue.state.stops("ETHUSDT") == [first]
            again = node.ocw("adopt", str(node.config))
            assert "explains every position" in again.stdout

            node.start()
            beat = node.beat()
            assert beat is not None
            assert beat.entries_blocked == ()
            assert beat.instruments["ETHUSDT-PERP"].quantity == "0.500"
            until(lambda: len(venue.state.stops("ETHUSDT")) == 1, "one stop is left")
            (stop,) = venue.state.stops("ETHUSDT")
            assert stop.client_id != first.client_id
            assert f"{stop.trigger:.2f}" == f"{entry * (1 - STOP):.2f}"
            venue.market.price("ETHUSDT", float(stop.trigger * Decimal("0.999")))
            until(lambda: "stop" in reasons(node), "its stop is booked")
            node.kill()
            node.start()  # takes in what it was not told yet
            until(lambda: taken_in(node), "the actor hears of the trade")
            with node.read() as journal:
                assert journal.count(Posterior) == journal.count(ReflectionRow) == 0
            with node.read() as journal:
                faults = [e for e in journal.rows(Event) if e.kind.startswith("fault")]
            assert not faults, node.said()


def taken_in(node: LiveProcess) -> bool:
    with node.read() as journal:
        learnt = LearntTrades(journal)
        state = journal.load_state(STATE)
        if state is not None:
            learnt.restore(state["learnt"])
        return bool(journal.count(Trade)) and not learnt.missed()


def reasons(node: LiveProcess) -> list[str]:
    with node.read() as journal:
        return [trade.exit_reason for trade in journal.rows(Trade)]
