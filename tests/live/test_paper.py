"""The paper node: the market's data, an account of its own, flat at every start."""

from decimal import Decimal
from pathlib import Path

import pytest

from ocw_strategy.journal import DecisionRow, Event, FillRow, Intent, Journal, Posterior, Trade
from ocw_strategy.live.adoption import explain, find_gaps
from ocw_strategy.live.paper import abandon
from ocw_strategy.live.reconcile import STATE
from ocw_strategy.risk import HaltGuard
from ocw_strategy.settings import settings_from
from tests.live.accounts import BTC, truth
from tests.live.process import SPEED, LiveProcess, kinds, sample_venue, until


def paper(folder: Path, venue: object) -> LiveProcess:
    node = LiveProcess(folder, venue)  # type: ignore[arg-type]
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace('account = "demo"', 'account = "paper"'), encoding="utf-8")
    return node


def held(node: LiveProcess) -> dict[str, tuple[str, str]]:
    """Return quantity and stop of what the node holds, by its heartbeat."""
    beat = node.beat()
    known = {} if beat is None else beat.instruments
    return {s: (k.quantity, k.stop_price) for s, k in known.items() if k.quantity != "0"}


def fills(node: LiveProcess) -> list[FillRow]:
    with node.read() as journal:
        return journal.rows(FillRow)


def test_a_new_life_forgets_positions_equity_and_halts_of_the_last_one(tmp_path: Path) -> None:
    settings = settings_from({
        "run": {"start": "2025-06-01", "end": "2025-06-02"}, "data": {"instruments": [BTC]},
    })  # fmt: skip
    now_ns = settings.run.start_ns
    guard = HaltGuard(settings.risk.halt)
    for equity in (20_000.0, 10_000.0):
        guard.on_equity(now_ns, equity)
    with Journal.open(tmp_path / "paper.db", run_id="paper") as journal:
        (gap,) = find_gaps(journal, settings, truth("0.5"))
        explain(journal, gap, now_ns)
        kept = {"halt": guard.state(), "marks": {}, "paid": ["BTCUSDT:1"]}
        journal.save_state(STATE, kept)
        abandon(journal, settings, truth("0"), now_ns + 1)
        assert find_gaps(journal, settings, truth("0")) == ()
        assert [event.kind for event in journal.rows(Event)] == ["adopted", "abandoned"]
        assert journal.count(Trade) == 0
        state = journal.load_state(STATE)
    assert state is not None
    assert guard.blocked(now_ns) == "drawdown"
    guard.restore(state["halt"])
    assert guard.blocked(now_ns) is None
    assert guard.on_equity(now_ns, 10_000.0) == ()
    assert state["paid"] == kept["paid"]


@pytest.mark.slow
def test_it_trades_without_a_key_and_abandons_at_a_start_what_it_held(tmp_path: Path) -> None:
    with sample_venue() as venue:
        node = paper(tmp_path, venue)
        with node:
            venue.market.play(SPEED)
            until(lambda: fills(node), "an entry fills")
            venue.market.pause()
            first = fills(node)[0]
            assert first.purpose == "entry"
            notional = Decimal(first.quantity) * Decimal(first.price)
            assert Decimal(first.commission_usd) > notional / 10_000
            with node.read() as journal:
                intents = journal.rows(Intent)
                assert journal.rows(DecisionRow)
            stop = next(i for i in intents if i.purpose == "stop" and i.symbol == first.symbol)
            assert stop.side != first.side
            assert node.stop()[0] == 0
            assert not [call for call in venue.calls.all() if call.method != "GET"]
            node.start()
            assert held(node) == {}
            with node.read() as journal:
                told = [event for event in journal.rows(Event) if event.kind == "abandoned"]
                assert first.symbol in {event.symbol for event in told}
                assert journal.count(Trade) == journal.count(Posterior) == 0
                assert not [e for e in journal.rows(Event) if e.kind.startswith("fault")]
            beat = node.beat()
            assert beat is not None
            assert beat.entries_blocked == ()


@pytest.mark.slow
def test_its_stop_closes_the_position_when_the_price_falls_through_it(tmp_path: Path) -> None:
    with sample_venue() as venue, paper(tmp_path, venue) as node:
        venue.market.play(SPEED)
        until(lambda: fills(node), "an entry fills")
        venue.market.pause()
        first = fills(node)[0]
        with node.read() as journal:
            stops = [i for i in journal.rows(Intent) if i.purpose == "stop"]
        (stop,) = [i for i in stops if i.symbol == first.symbol]
        beyond = Decimal("0.995") if stop.side == "SELL" else Decimal("1.005")
        name = first.symbol.removesuffix("-PERP")
        venue.market.price(name, float(Decimal(stop.trigger_price) * beyond))
        until(lambda: stop.client_order_id in {f.client_order_id for f in fills(node)}, "it fills")
        with node.read() as journal:
            until(lambda: journal.count(Trade), "the trade is told")
            assert [t.exit_reason for t in journal.rows(Trade)] == ["stop"]


@pytest.mark.slow
def test_a_halt_that_flattens_is_verified_at_the_simulated_account(tmp_path: Path) -> None:
    with sample_venue() as venue, paper(tmp_path, venue) as node:
        venue.market.play(SPEED)
        until(lambda: fills(node), "an entry fills")
        assert node.ocw("halt", str(node.config), "--flatten").returncode == 0
        until(lambda: "flat_verified" in kinds(node), "it is flat")
        with node.read() as journal:
            assert {t.exit_reason for t in journal.rows(Trade)} >= {"flatten"}
        assert not [kind for kind in kinds(node) if kind.startswith("fault")]


def test_what_needs_an_account_at_a_venue_says_that_there_is_none(tmp_path: Path) -> None:
    with sample_venue() as venue:
        venue.market.play(SPEED)
        node = paper(tmp_path, venue)
        for command in ("flatten", "adopt"):
            refused = node.ocw(command, str(node.config))
            assert refused.returncode == 2
            assert "it is flat whenever its node is down" in refused.stderr
        looked = node.ocw("doctor", str(node.config))
        assert looked.returncode == 0, looked.stdout
        assert "account key" not in looked.stdout
