"""The strategy on a venue, told what to do by decisions that a test publishes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import DataType

from ocw_strategy.backtest.node import run_config
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Event, FillRow, Funding, Intent, Journal, OrderEvent, Record, Trade
from ocw_strategy.messages import DecisionPayload, OcwDecision, TargetContext
from ocw_strategy.risk import client_order_id
from ocw_strategy.settings import Settings
from ocw_strategy.strategy import OCWStrategy
from ocw_strategy.units import SECOND_NS
from tests.backtest.scripted import (
    BTC,
    ETH,
    MIDNIGHT_NS,
    Ohlc,
    at,
    fundings,
    hours_settings,
    steady,
    write_market,
)


class Teller(Actor):
    """Publishes exposures in every instrument six seconds after the closes they are given for."""

    def __init__(self, symbols: Sequence[str], exposures: Mapping[str, float], regime: str) -> None:
        super().__init__()
        self._symbols = symbols
        self._regime = regime
        self._exposures = {at(clock): exposure for clock, exposure in exposures.items()}

    def on_start(self) -> None:
        for close_ns in self._exposures:
            self.clock.set_time_alert_ns(str(close_ns), close_ns + 6 * SECOND_NS, self._tell)

    def _tell(self, event: Any) -> None:
        close_ns = int(event.name)
        payload = DecisionPayload(
            decision_id=f"at-{(close_ns - MIDNIGHT_NS) // SECOND_NS}",
            close_ns=close_ns,
            source="test",
            reason="",
            regime=self._regime,
            regime_scale=1.0,
            macro_scale=1.0,
            targets=tuple(
                TargetContext(
                    symbol=symbol,
                    exposure=self._exposures[close_ns],
                    confidence=1.0,
                    posterior_scale=1.0,
                    signals={"funding": 0.5},
                    volatility=0.002,
                )
                for symbol in self._symbols
            ),
        )
        self.publish_data(
            DataType(OcwDecision),
            OcwDecision(
                ts_event=close_ns,
                ts_init=event.ts_event,
                decision_id=payload.decision_id,
                payload=payload.model_dump_json(),
            ),
        )


def rows_of(
    settings: Settings,
    exposures: Mapping[str, float],
    *records: type[Record],
    before: Sequence[Record] = (),
    regime: str = "calm_goldilocks",
) -> list[list[Any]]:
    journal = Journal.open(":memory:", run_id="strategy", power_safe=False)
    try:
        journal.append_durably(*before)
        config = run_config(settings, "strategy", wake=False)
        node = BacktestNode([config])
        try:
            node.build()
            teller = Teller(settings.data.instruments, exposures, regime)
            node.get_engine(config.id).add_actor(teller)
            node.run()
        finally:
            node.dispose()
        journal.flush()
        return [journal.rows(record) for record in records]
    finally:
        journal.close()


def market(
    folder: Path, bars: Mapping[str, Ohlc], rates: Mapping[str, float] | None = None
) -> Path:
    frames = {
        ("bars_15m", "BTCUSDT"): steady(50_000.0, bars),
        ("funding", "BTCUSDT"): fundings(rates or {"00:00": 0.0, "08:00": 0.0003}),
    }
    return write_market(folder / "catalog", frames)


@pytest.mark.parametrize("oms", ["NETTING", "HEDGING"])
def test_funding_paid_in_the_bar_that_stops_a_position_out_is_told(
    tmp_path: Path, oms: str
) -> None:
    bars = {"08:00": (50_000.0, 50_000.0, 47_000.0, 47_200.0)}  # the stop rests at 47,500 or so
    settings = hours_settings(market(tmp_path, bars), execution={"oms": oms})
    fills, payments, trades = rows_of(settings, {"01:00": 1.0}, FillRow, Funding, Trade)
    assert [fill.purpose for fill in fills] == ["entry", "stop"]
    quantity = Decimal(fills[0].quantity)
    assert [(row.ts_ns, row.symbol) for row in payments] == [(at("08:00"), BTC)]
    assert Decimal(payments[0].quantity) == quantity
    assert payments[0].amount_usd == pytest.approx(float(-quantity * 50_000) * 0.0003, abs=1e-6)
    assert [row.funding_usd for row in trades] == [payments[0].amount_usd]


@pytest.mark.parametrize("oms", ["NETTING", "HEDGING"])
def test_funding_is_told_once_and_of_every_position_in_turn(tmp_path: Path, oms: str) -> None:
    rates = {"02:00": 0.0001, "04:00": 0.0002, "06:00": 0.0003, "08:00": 0.0004}
    settings = hours_settings(
        market(tmp_path, {}, rates), execution={"oms": oms}, risk={"halt": {"cooldown_minutes": 0}}
    )
    # long over the first two settlements, flat, short over the last two
    exposures = {"01:00": 1.0, "04:30": 0.0, "05:00": -1.0, "08:30": 0.0}
    payments, trades = rows_of(settings, exposures, Funding, Trade)
    assert [row.ts_ns for row in payments] == [at(clock) for clock in rates]
    assert [row.amount_usd > 0 for row in payments] == [False, False, True, True]
    first, second = trades
    assert first.funding_usd == pytest.approx(sum(row.amount_usd for row in payments[:2]))
    assert second.funding_usd == pytest.approx(sum(row.amount_usd for row in payments[2:]))


def test_order_ids_follow_from_what_the_journal_knew_at_the_start(tmp_path: Path) -> None:
    settings = hours_settings(market(tmp_path, {}))
    exposures = {"01:00": 1.0, "03:00": 0.0}
    intents, fills = rows_of(settings, exposures, Intent, FillRow)
    assert [(intent.decision_id, intent.leg, intent.attempt) for intent in intents] == [
        ("at-3600", f"{BTC}/entry", 0),
        ("at-3600", f"{BTC}/stop/1", 0),
        ("at-10800", f"{BTC}/exit/decision", 0),
    ]
    assert [intent.client_order_id for intent in intents] == [
        client_order_id("OCWStrategy-000", intent.decision_id, intent.leg, intent.attempt)
        for intent in intents
    ]
    # the same again in a journal that knows the first two orders and that they have ended
    entry, stop = intents[:2]
    known = [
        entry,
        replace(fills[0], trade_id="of the process before"),
        stop,
        OrderEvent(stop.client_order_id, entry.ts_ns, "canceled", "", ""),
    ]
    again = rows_of(settings, exposures, Intent, before=known)[0][2:]
    assert [(intent.decision_id, intent.leg, intent.attempt) for intent in again] == [
        ("at-3600", f"{BTC}/entry", 1),
        ("at-3600", f"{BTC}/stop/2", 0),
        ("at-10800", f"{BTC}/exit/decision", 0),
    ]


@pytest.mark.parametrize(
    ("regime", "width"),
    [("calm_goldilocks", 0.03), ("calm_stagflation", 0.0225), ("unknown_deflation", 0.027)],
)
def test_the_stop_trails_by_the_width_of_the_regime_at_entry(
    tmp_path: Path, regime: str, width: float
) -> None:
    bars = {"05:00": (50_000.0, 53_000.0, 50_000.0, 53_000.0)}
    settings = hours_settings(market(tmp_path, bars))
    intents, fills = rows_of(settings, {"01:00": 1.0}, Intent, FillRow, regime=regime)
    entry = float(fills[0].price)
    stops = [float(intent.trigger_price) for intent in intents if intent.purpose == "stop"]
    assert stops[-1] == pytest.approx(53_000.0 - width * entry, abs=0.1)


def test_a_post_only_entry_rests_inside_the_last_price_and_pays_the_makers_fee(
    tmp_path: Path,
) -> None:
    bars = {"01:30": (50_000.0, 50_000.0, 49_900.0, 50_000.0)}  # falls through the limit
    settings = hours_settings(
        market(tmp_path, bars),
        execution={"entry_order": "post_only", "entry_wait_seconds": 3600.0},
    )
    intents, fills = rows_of(settings, {"01:00": 1.0}, Intent, FillRow)
    entry = fills[0]
    assert (entry.purpose, entry.liquidity, entry.price) == ("entry", "MAKER", "49999.9")
    notional = Decimal(entry.quantity) * Decimal(entry.price)
    assert Decimal(entry.commission_usd) == pytest.approx(notional * Decimal("0.0002"))
    assert [intent.purpose for intent in intents[:2]] == ["entry", "stop"]


def test_a_post_only_entry_that_does_not_fill_is_given_up_in_time(tmp_path: Path) -> None:
    # above its price all day: it rests from 01:15 and must be gone long before it would fill
    bars = {
        **{f"01:{minute}": (50_000.0, 50_000.0, 50_000.0, 50_000.0) for minute in (15, 30, 45)},
        "06:00": (50_000.0, 50_000.0, 49_000.0, 50_000.0),
    }
    settings = hours_settings(
        market(tmp_path, bars),
        execution={"entry_order": "post_only", "entry_wait_seconds": 600.0},
    )
    intents, orders, fills, events = rows_of(
        settings, {"01:00": 1.0}, Intent, OrderEvent, FillRow, Event
    )
    assert [intent.purpose for intent in intents] == ["entry"]
    assert [row.status for row in orders] == ["canceled"]
    assert [event.ts_ns for event in events if event.kind == "entry_given_up"] == [orders[0].ts_ns]
    assert orders[0].ts_ns - intents[0].ts_ns == 600 * SECOND_NS
    assert fills == []


def two_markets(folder: Path) -> Settings:
    frames = {
        ("bars_15m", "BTCUSDT"): steady(50_000.0),
        ("bars_15m", "ETHUSDT"): steady(2_500.0),
    }
    return hours_settings(
        write_market(folder / "catalog", frames),
        data={"instruments": [BTC, ETH], "funding": False},
    )


def test_all_intents_of_a_decision_are_durable_before_any_of_its_orders_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, list[str]]] = []
    append_durably, submit_order = Journal.append_durably, OCWStrategy.submit_order

    def append(journal: Journal, *records: Record) -> None:
        append_durably(journal, *records)
        names = [record.leg for record in records if isinstance(record, Intent)]
        seen.append(("durable", names))

    def submit(strategy: OCWStrategy, order: Any, **where: Any) -> None:
        seen.append(("leaves", [f"{order.instrument_id.symbol}/{order.side_string().lower()}"]))
        submit_order(strategy, order, **where)

    monkeypatch.setattr(Journal, "append_durably", append)
    monkeypatch.setattr(OCWStrategy, "submit_order", submit)
    rows_of(two_markets(tmp_path), {"01:00": 1.0}, Intent)
    entered = [index for index, (_, names) in enumerate(seen) if f"{BTC}/entry" in names]
    assert len(entered) == 1
    assert seen[entered[0]] == ("durable", [f"{BTC}/entry", f"{ETH}/entry"])
    assert all(kind != "leaves" for kind, _ in seen[: entered[0]])
    assert [names for kind, names in seen if kind == "leaves"][:2] == [
        [f"{BTC}/buy"], [f"{ETH}/buy"]
    ]  # fmt: skip


def test_of_exits_that_cannot_be_journalled_one_is_given_up_and_the_other_leaves_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_durably, on_data = Journal.append_durably, OCWStrategy.on_data
    faults: list[JournalError] = []

    def append(journal: Journal, *records: Record) -> None:
        if not faults and any(isinstance(r, Intent) and r.purpose == "exit" for r in records):
            raise JournalError("journal", "full", "make room")
        append_durably(journal, *records)

    def guarded(strategy: OCWStrategy, data: Any) -> None:
        try:  # as a live node keeps a handler's fault from the engine
            on_data(strategy, data)
        except JournalError as error:
            faults.append(error)

    monkeypatch.setattr(Journal, "append_durably", append)
    monkeypatch.setattr(OCWStrategy, "on_data", guarded)
    settings = two_markets(tmp_path)
    settings = settings.model_copy(
        update={"execution": settings.execution.model_copy(update={"entry_timing": "alert"})}
    )
    (fills,) = rows_of(settings, {"01:00": 1.0, "03:00": 0.0}, FillRow)
    assert len(faults) == 1
    exits = [(fill.symbol, fill.ts_ns) for fill in fills if fill.purpose == "exit"]
    assert [symbol for symbol, _ in exits] == [BTC]
    assert exits[0][1] >= at("03:15")
