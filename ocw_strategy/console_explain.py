"""One decision in the terminal: from what woke the gate to what came of it."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from ocw_strategy.console import filled_table, minute_text, show
from ocw_strategy.console_spend import usd
from ocw_strategy.explanation import Explanation, OrderLine, TradeLine
from ocw_strategy.units import MILLISECOND_NS


def print_explanation(found: Explanation) -> None:
    """Print everything about one decision, in the order in which it happened."""
    show(*_parts(found))


def _parts(found: Explanation) -> list[RenderableType]:
    parts: list[RenderableType] = [
        Text(f"Decision {found.decision_id}, {minute_text(found.ts_ns)} UTC", style="bold"),
        filled_table("", ("", ""), (), _facts(found)),
        _panel("What the advisor was shown", found.snapshot),
    ]
    if found.request is not None:
        request = found.request
        parts.append(_panel(f"Sent to {request.model}: system prompt", request.system))
        if request.user != found.snapshot:
            parts.append(_panel(f"Sent to {request.model}: message", request.user))
        else:
            parts.append(Text("The message sent was what is shown above, to the letter."))
    elif found.request_note:
        parts.append(Text(f"Request: {found.request_note}"))
    if found.answer:
        parts.append(_panel("The answer as it came", found.answer))
    parts += _decision(found.decision)
    parts += _clamps(found)
    parts += _orders(found.orders)
    parts += _trades(found)
    return parts


def _facts(found: Explanation) -> list[tuple[str, str]]:
    facts = [
        ("Run", found.run_id),
        ("Woken by", ", ".join(found.wake_reasons) or "nothing recorded"),
        ("Regime", found.regime),
        ("Advisor", f"{found.advisor} {f'({found.model})' if found.model else ''}".strip()),
        ("Outcome", f"{found.outcome}{f': {found.detail}' if found.detail else ''}"),
        ("Cost", f"{usd(found.cost_usd)} USD"),
        ("Latency", f"{found.latency_ns / MILLISECOND_NS:,.0f} ms"),
    ]
    if found.call_value is not None and found.call_price is not None:
        worth = f"{found.call_value:.4%} of notional against a price of {found.call_price:.4%}"
        facts.insert(2, ("Asking was worth", worth))
    if found.usage:
        facts.append(("Tokens", ", ".join(f"{n:,} {kind}" for kind, n in found.usage.items())))
    return facts


def _panel(title: str, text: str) -> Panel:
    return Panel(Text(text), title=escape(title), title_align="left")


def _decision(decision: Mapping[str, Any] | None) -> list[RenderableType]:
    if decision is None:
        return [Text("Decided: hold; what is held stays under its protection.", style="bold")]
    targets = [
        (target["symbol"], f"{target['exposure']:+.2f}", f"{target['confidence']:.2f}")
        for target in decision["targets"]
    ]
    rest = {name: value for name, value in decision.items() if name != "targets"}
    lines = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in rest.items()
    ]
    heads = ("exposure", "confidence")
    told: RenderableType = (
        filled_table("", ("target",), heads, targets)
        if targets
        else Text("no targets: everything stays as it is")
    )
    return [
        Panel(
            Group(told, Text("\n".join(lines))), title="Decided, after checks", title_align="left"
        )
    ]


def _clamps(found: Explanation) -> list[RenderableType]:
    if not found.clamps:
        return []
    rows = [
        (clamp.symbol, clamp.limit, _figure(clamp.before), _figure(clamp.after))
        for clamp in found.clamps
    ]
    return [filled_table("Limits that acted", ("instrument", "limit"), ("before", "after"), rows)]


def _orders(orders: tuple[OrderLine, ...]) -> list[RenderableType]:
    if not orders:
        return [Text("It led to no order.")]
    rows = []
    for order in orders:
        came = [
            f"{event.status} {minute_text(event.ts_ns)}"
            + (f": {event.detail}" if event.detail not in ("", order.purpose) else "")
            for event in order.events
        ]
        came += [
            f"filled {fill.quantity} at {fill.price} {minute_text(fill.ts_ns)}, "
            f"fee {usd(fill.fee_usd)}"
            for fill in order.fills
        ]
        at = f"stop {order.trigger_price}" if order.trigger_price else "market"
        rows.append(
            (
                minute_text(order.ts_ns), order.symbol, order.purpose, order.side, order.quantity,
                at, "\n".join(came) or "resting or unknown",
            )
        )  # fmt: skip
    heads = ("sent (UTC)", "instrument", "for", "side", "quantity", "at", "what came of it")
    return [filled_table("Orders", heads, (), rows)]


def _trades(found: Explanation) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if found.trades:
        heads = ("closed (UTC)", "instrument", "side", "by")
        numbers = ("quantity", "in", "out", "gross", "fees", "funding", "net USD", "net")
        parts.append(filled_table("Trades it opened", heads, numbers, map(_trade, found.trades)))
        parts.append(Text(f"Net of fees and funding: {_figure(found.net_usd)} USD", style="bold"))
    parts += [Text(f"Learnt: {trade.reflection}") for trade in found.trades if trade.reflection]
    if found.open_quantities:
        held = ", ".join(f"{each} {symbol}" for symbol, each in found.open_quantities.items())
        parts.append(Text(f"Still open: {held}"))
    return parts


def _trade(trade: TradeLine) -> tuple[str, ...]:
    return (
        minute_text(trade.closed_ns), trade.symbol, trade.side, trade.exit_reason, trade.quantity,
        trade.entry_price, trade.exit_price, _figure(trade.gross_usd), _figure(trade.fees_usd),
        _figure(trade.funding_usd), _figure(trade.net_usd),
        "?" if trade.net_return is None else f"{trade.net_return:+.2%}",
    )  # fmt: skip


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:,.2f}"
