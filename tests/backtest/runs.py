"""Run folders written by hand, whose every figure is known beforehand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Evaluation,
    FillRow,
    Intent,
    Journal,
    PriceRow,
    Record,
    Trade,
)
from ocw_strategy.settings import Settings, parse_time_ns, settings_from
from ocw_strategy.units import DAY_NS, HOUR_NS

BTC, ETH, SOL = "BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP"
OPENED_NS = parse_time_ns("2024-03-01")
HOURS = 48


def hand_settings(catalog: Path, **tables: Mapping[str, Any]) -> Settings:
    """Return settings of a window of two days."""
    values: dict[str, Any] = {
        "run": {"name": "hand", "start": "2024-03-01", "end": "2024-03-03"},
        "data": {"catalog": str(catalog)},
    }
    for section, table in tables.items():
        values[section] = {**values.get(section, {}), **table}
    return settings_from(values)


def write_run(
    folder: Path, settings: Settings, records: Sequence[Record], *, created_wall_ns: int = 1
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(settings.canonical_json())
    journal = Journal.open(
        folder / "journal.db", run_id=folder.name, created_wall_ns=created_wall_ns, power_safe=False
    )
    for record in records:
        journal.append(record)
    journal.close()
    return folder


def samples(
    equity: Sequence[float],
    prices: Mapping[str, Sequence[float]] | None = None,
    first_ns: int = OPENED_NS,
) -> list[Record]:
    """Return hourly equity samples, and prices that stay at 100 where none are given."""
    found: list[Record] = []
    for index, value in enumerate(equity):
        ts_ns = first_ns + index * HOUR_NS
        found.append(Equity(ts_ns, value, value))
        for symbol in (BTC, ETH, SOL):
            series = (prices or {}).get(symbol)
            price = 100.0 if series is None else series[index]
            if price == price:
                found.append(PriceRow(ts_ns, symbol, price))
    return found


def flat(value: float = 10_000.0) -> list[Record]:
    return samples([value] * (HOURS + 1))


def filled(
    name: str, hour: float, side: str, quantity: str, price: str, *,
    purpose: str = "entry", reference: str = "100", trigger: str = "", fee: str = "0.5",
    symbol: str = BTC,
) -> list[Record]:  # fmt: skip
    """Return an order and its fill."""
    ts_ns = OPENED_NS + int(hour * HOUR_NS)
    return [
        Intent(
            name, "d", f"{symbol}/{purpose}/{name}", 0, ts_ns, symbol, purpose, side, quantity,
            trigger, reference, "",
        ),
        FillRow(f"T-{name}", symbol, name, ts_ns, purpose, side, quantity, price, fee, "TAKER"),
    ]  # fmt: skip


def closed(
    name: str, net_usd: float, *, direction: int = 1, regime: str = "calm_goldilocks",
    signals: Mapping[str, float] | None = None, symbol: str = BTC, exit_reason: str = "stop",
) -> Trade:  # fmt: skip
    """Return a closed trade of 1,000 USD."""
    return Trade(
        trade_id=name, lot_id=name, symbol=symbol, direction=direction, quantity="10",
        entry_price="100", exit_price="101", opened_ns=OPENED_NS, closed_ns=OPENED_NS + HOUR_NS,
        gross_usd=net_usd, fees_usd=0.0, funding_usd=0.0, net_usd=net_usd,
        net_return=net_usd / 1_000, regime=regime, signals=json.dumps(dict(signals or {})),
        decision_id="d", exit_reason=exit_reason, max_favourable=0.0, max_adverse=0.0,
    )  # fmt: skip


def evaluated(hour: float, reason: str, *, wake: bool) -> Evaluation:
    ts_ns = OPENED_NS + int(hour * HOUR_NS)
    return Evaluation(ts_ns, int(wake), reason, reason, 0.0, 0.0, "calm_goldilocks")


def decided(
    name: str, day: int, *, reason: str = "because", outcome: str = "decided"
) -> DecisionRow:
    decision = {"targets": [{"symbol": ETH, "exposure": -0.25}], "reason": reason}
    return DecisionRow(
        decision_id=name, ts_ns=OPENED_NS + day * DAY_NS, reasons="shock:ETHUSDT-PERP:-4.2;timer",
        advisor="rules", outcome=outcome, regime="calm_goldilocks", snapshot_hash="",
        snapshot=json.dumps({"regime": {"macro_assumed": True}}),
        decision=json.dumps(decision) if outcome == "decided" else "",
        raw="", request_key="", model="", detail="", usage="", cost_usd="0.0165",
        latency_ns=0, wall_ns=0,
    )  # fmt: skip
