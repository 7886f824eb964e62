"""A snapshot as the user message of a prompt: every figure that matters, in short lines.

Numbers have three significant digits (prices all they have), fractions stay fractions so that a
figure and the threshold of a wake condition share their unit, an unknown number is ``?``, and
every figure of the derivatives stands with its age. The same snapshot gives the same bytes.

Text that a model wrote enters in tags, quoted (`quoting`); behind a mask (`masking`) names, dates
and levels are left out: prices, quantities and open interest appear as distances and changes only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from ocw_strategy.advisor.masking import Mask
from ocw_strategy.advisor.quoting import quoted
from ocw_strategy.market import (
    DerivativesReport,
    InstrumentReport,
    MarketSnapshot,
    PositionReport,
    TradeReport,
)
from ocw_strategy.market.snapshot import MAX_MEMORY_NOTE, MAX_REFLECTION
from ocw_strategy.units import SECOND_NS, SIGNALS

MAX_WAKE_REASON: Final = 100
"""Characters shown of one wake reason; a wake condition's words may be most of them."""
MAX_WAKE_REASONS: Final = 400
"""Characters shown of all of them; the rest is counted."""

_TECHNICALS: Final = (
    ("rsi", "rsi"), ("macd", "macd"), ("sig", "macd_signal"), ("hist", "macd_histogram"),
    ("%b", "bollinger_percent_b"), ("width", "bollinger_bandwidth"), ("atr", "atr"),
    ("ema", "ema_gap"), ("eff", "efficiency_ratio"), ("mom", "momentum"),
    ("mean", "mean_distance"),
)  # fmt: skip
_ATR_TIMEFRAME: Final = "1h"
_SHORT: Final = {name: name for name in SIGNALS} | {"cumulative_volume_delta": "cvd"}
_STATISTIC_OF: Final = {
    "funding": "funding_rate", "cumulative_volume_delta": "cumulative_volume_delta",
    "long_short": "long_short_z", "open_interest": "open_interest_change",
}  # fmt: skip


def render_snapshot(snapshot: MarketSnapshot, *, masked: bool) -> str:
    """Return the user message for a snapshot.

    Parameters
    ----------
    masked : bool
        Leave out names, dates and levels.
    """
    mask = Mask.over(snapshot.instruments, masked=masked)
    levels = price_levels(snapshot)
    lines = [
        *_head(snapshot, masked),
        *_tagged("wake_reasons", _wake_reasons(snapshot, mask, levels)),
        *_account(snapshot, mask, levels),
        *_posteriors(snapshot),
    ]
    for symbol, report in sorted(snapshot.instruments.items()):
        lines += _instrument(mask.names[symbol], report, snapshot.positions.get(symbol), masked)
    # what is held of an instrument that is no longer configured is still held
    for symbol in sorted(snapshot.positions.keys() - snapshot.instruments.keys()):
        name = "an instrument not traded" if masked else quoted(symbol, 30)
        lines += [f"# {name}", _position(snapshot.positions[symbol], None, masked)]
    lines += _trades(snapshot.recent_trades, mask)
    reflections = [quoted(mask.text(each, levels), MAX_REFLECTION) for each in snapshot.reflections]
    lines += _tagged("reflections", reflections)
    note = quoted(mask.text(snapshot.memory_note, levels), MAX_MEMORY_NOTE)
    lines += _tagged("memory_note", [note] if note else [])
    return "\n".join(lines)


def price_levels(snapshot: MarketSnapshot) -> list[float]:
    """Return every price, quantity and level of open interest in a snapshot."""
    found: list[float | None] = []
    for report in snapshot.instruments.values():
        statistics = report.derivatives
        found += [report.price, statistics.open_interest, statistics.open_interest_value]
    for held in snapshot.positions.values():
        found += [held.price, held.entry_price, held.stop_price, held.quantity]
    return [each for each in found if each]


def number(value: float | None) -> str:
    """Return a number with three significant digits, ``?`` where it is unknown.

    Examples
    --------
    >>> number(0.0012345), number(-5123.4), number(0.0), number(None)
    ('0.00123', '-5120', '0', '?')
    """
    if value is None:
        return "?"
    return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")


def signal_value(value: float | None) -> str:
    """Return a value between -1 and 1 with two decimals.

    Examples
    --------
    >>> signal_value(-0.4567), signal_value(0.1), signal_value(None)
    ('-0.46', '0.1', '?')
    """
    return "?" if value is None else f"{round(value, 2) or 0.0:g}"


def age(seconds: float) -> str:
    """Return an age in words, to two digits.

    Examples
    --------
    >>> age(42.0), age(300.0), age(9_000.0), age(900_000.0)
    ('42 s', '5 min', '2.5 h', '250 h')
    """
    for unit, span in (("h", 3_600.0), ("min", 60.0)):
        if seconds >= span:
            return f"{_two_digits(seconds / span)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(value: float) -> str:
    return np.format_float_positional(value, precision=2, unique=False, fractional=False, trim="-")


def _price(value: float | None) -> str:
    return "?" if value is None else np.format_float_positional(value, trim="-")


def _dollars(value: float | None) -> str:
    if value is None:
        return "?"
    for unit, scale in (("bn", 1e9), ("m", 1e6)):
        if value >= scale:
            return f"{number(value / scale)}{unit}"
    return number(value)


def _tagged(tag: str, lines: Sequence[str]) -> list[str]:
    # a dash before each line: no text of another begins one
    return [f"<{tag}>", *(f"- {line}" for line in lines), f"</{tag}>"] if lines else []


def _head(snapshot: MarketSnapshot, masked: bool) -> list[str]:
    moment = datetime.fromtimestamp(snapshot.now_ns // SECOND_NS, UTC)
    gate = snapshot.gate
    calls = f"calls today {gate.calls_today}"
    if gate.calls_left_today is not None:
        calls += f", left {gate.calls_left_today}"
    if gate.hours_since_call is not None:
        calls += f", the last one {number(gate.hours_since_call)} h ago"
    if gate.budget_left_usd is not None:
        calls += f"; budget left {number(gate.budget_left_usd)} USD"
    return [f"Close {moment:{'%H:%M' if masked else '%Y-%m-%d %H:%M'}} UTC; {calls}"]


def _wake_reasons(snapshot: MarketSnapshot, mask: Mask, levels: Sequence[float]) -> list[str]:
    reasons = [quoted(mask.text(each, levels), MAX_WAKE_REASON) for each in snapshot.wake_reasons]
    room = MAX_WAKE_REASONS
    for count, reason in enumerate(reasons):
        room -= len(reason) + 1
        if room < 0:
            return [*reasons[:count], f"and {len(reasons) - count} more"]
    return reasons


def _account(snapshot: MarketSnapshot, mask: Mask, levels: Sequence[float]) -> list[str]:
    regime, account = snapshot.regime, snapshot.portfolio
    assumed = ", assumed" if regime.macro_assumed else ""
    blocked = account.entries_blocked
    entries = "allowed"
    if blocked is not None:
        entries = f"BLOCKED ({quoted(mask.text(blocked, levels), MAX_WAKE_REASON)})"
    return [
        f"regime {regime.key}: volatility {regime.volatility} (probability "
        f"{number(regime.probability)}, {number(regime.annualised_volatility)} a year, size x"
        f"{number(regime.exposure_scale)}), macro {regime.macro} (size x"
        f"{number(regime.macro_scale)}{assumed})",
        f"account: equity {number(account.equity_usd)} USD, free {number(account.cash_usd)}; "
        f"gross {number(account.gross_exposure_fraction)}, "
        f"net {number(account.net_exposure_fraction)}; "
        f"drawdown {number(account.drawdown_fraction)}, "
        f"today {number(account.day_return_fraction)}; entries {entries}",
    ]


def _posteriors(snapshot: MarketSnapshot) -> list[str]:
    rows = [
        f"{_SHORT.get(signal, signal)} {number(each.mean)} {number(each.alpha)} "
        f"{number(each.beta)} {each.outcomes} {each.shadow_outcomes} {number(each.weight)}"
        for signal, each in sorted(snapshot.posteriors.items())
    ]
    return ["posteriors: signal mean alpha beta trades shadows weight", *rows] if rows else []


def _instrument(
    name: str, report: InstrumentReport, held: PositionReport | None, masked: bool
) -> list[str]:
    price = "" if masked else f" price {_price(report.price)}"
    late = "; LATE: no bar at this close, older figures" if report.stale else ""
    lines = [
        f"# {name}{price}{late}",
        f"return 15m {number(report.return_15m)} 1h {number(report.return_1h)} "
        f"4h {number(report.return_4h)} 24h {number(report.return_24h)}; "
        f"volatility {number(report.volatility)}; "
        f"return_z {number(report.return_z)} volume_z {number(report.volume_z)}",
    ]
    if report.timeframes:
        lines.append("tf " + " ".join(label for label, _ in _TECHNICALS))
    for timeframe, bars in report.timeframes.items():
        values = [getattr(bars, field) for _, field in _TECHNICALS]
        known = any(each is not None for each in values)
        row = " ".join(number(each) for each in values) if known else "too little history"
        lines.append(f"{timeframe} {row}")
    lines += _derivatives(report.derivatives, masked)
    signals = " ".join(
        f"{_SHORT[name]} {signal_value(report.signals[name])}"
        for name in SIGNALS
        if name in report.signals
    )
    lines.append(f"signals {signals}; composite {signal_value(report.composite)}")
    if report.missing_signals:
        why = ", ".join(
            f"{_SHORT.get(signal, signal)} ({_why_missing(signal, report.derivatives)})"
            for signal in report.missing_signals
        )
        lines.append(f"counted 0: {why}")
    lines.append("flat" if held is None else _position(held, report, masked))
    return lines


def _why_missing(signal: str, statistics: DerivativesReport) -> str:
    field = _STATISTIC_OF.get(signal)
    return "unknown" if field is None or getattr(statistics, field) is None else "too old"


def _derivatives(s: DerivativesReport, masked: bool) -> list[str]:
    level = "" if masked else f" {number(s.open_interest)}{_aged(s.open_interest_age_s)}"
    value = "" if masked else f"; value {_dollars(s.open_interest_value)} USD"
    value += _aged(s.open_interest_value_age_s) if value else ""
    change_age = _aged(s.open_interest_age_s) if masked else ""
    return [
        f"funding {number(s.funding_rate)} relative {number(s.funding_relative)}"
        f"{_aged(s.funding_age_s)}; OI{level} "
        f"4h {number(s.open_interest_change)} 24h {number(s.open_interest_change_24h)}"
        f"{change_age}{value}",
        f"long/short top positions {number(s.toptrader_position_ls_ratio)} z "
        f"{number(s.long_short_z)}{_aged(s.toptrader_position_age_s)}, "
        f"top accounts {number(s.toptrader_account_ls_ratio)}"
        f"{_aged(s.toptrader_account_age_s)}, all {number(s.global_account_ls_ratio)}"
        f"{_aged(s.global_account_age_s)}; taker {number(s.taker_buy_sell_ratio)}"
        f"{_aged(s.taker_age_s)}; cvd {number(s.cumulative_volume_delta)}"
        f"{_aged(s.cumulative_volume_delta_age_s)}",
    ]


def _aged(seconds: float | None) -> str:
    return "" if seconds is None else f" ({age(seconds)})"


def _position(held: PositionReport, report: InstrumentReport | None, masked: bool) -> str:
    shown = report.price if report else None
    hourly = report.timeframes.get(_ATR_TIMEFRAME) if report else None
    atr = hourly.atr if hourly else None
    size = "" if masked else f"{_price(held.quantity)} at {_price(held.entry_price)} "
    last = "" if masked or held.price == shown else f" last {_price(held.price)};"
    return (
        f"POSITION {held.side} {size}exposure {number(held.exposure)};{last} "
        f"gain {number(held.gain_fraction)} best {number(held.best_gain_fraction)} "
        f"worst {number(held.worst_gain_fraction)}; held {number(held.held_hours)} h; "
        f"{_stop(held, atr, masked)}"
    )


def _stop(held: PositionReport, atr: float | None, masked: bool) -> str:
    if held.stop_price is None:
        return "stop NOT CONFIRMED"
    level = "" if masked else f" {_price(held.stop_price)}"
    if not held.price:
        return f"stop{level}, distance unknown"
    away = held.stop_price / held.price - 1.0
    in_atr = f", {number(abs(away) / atr)} ATR" if atr else ""
    return f"stop{level} at {number(away)} from last{in_atr}"


def _trades(trades: Sequence[TradeReport], mask: Mask) -> list[str]:
    if not trades:
        return ["no closed trades yet"]
    rows = []
    for each in trades:
        known = [signal_value(each.signals.get(signal)) for signal in SIGNALS]
        name = mask.names.get(each.symbol, "another" if mask.masked else each.symbol)
        rows.append(
            f"{name} {each.side} {number(each.net_return)} {number(each.net_usd)} "
            f"{number(each.held_hours)} {number(each.closed_hours_ago)} {each.exit_reason} "
            f"{each.regime} {'/'.join(known)}"
        )
    return [
        "# closed trades: symbol side net USD held_h ago_h exit regime fund/cvd/ls/oi",
        *rows,
    ]
