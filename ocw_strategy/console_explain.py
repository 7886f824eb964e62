"""One decision in the terminal: from what woke the gate to what came of it."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
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
        _facts(found),
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


def _facts(found: Explanation) -> Table:
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
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value in facts:
        grid.add_row(Text(name, style="dim"), Text(value))
    return grid


def _panel(title: str, text: str) -> Panel:
    return Panel(Text(text), title=escape(title), title_align="left")


def _decision(decision: Mapping[str, Any] | None) -> list[RenderableType]:
    if decision is None:
        return [Text("Decided: hold; what is held stays under its protection.", style="bold")]
    targets = [
        (target["symbol"], f"{target['exposure']:+.2f}", f"{target['confidence']:.2f}")
        for target in decision["targets"]
    ]
    lines = [
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name in ("reason", *sorted(decision.keys() - {"targets", "reason"}))
        if (value := decision.get(name))
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
    return [_panel("Orders", "\n".join(line for order in orders for line in _order(order)))]


def _order(order: OrderLine) -> list[str]:
    at = f"stop at {order.trigger_price}" if order.trigger_price else "market"
    sent = minute_text(order.ts_ns)
    lines = [f"{sent}  {order.purpose}: {order.side} {order.quantity} {order.symbol}, {at}"]
    came = [
        (event.ts_ns, event.status + (f": {event.detail}" if event.detail != order.purpose else ""))
        for event in order.events
    ]
    came += [
        (
            fill.ts_ns,
            f"filled {fill.quantity} at {fill.price}, fee {usd(fill.fee_usd)} USD "
            f"({fill.liquidity.lower()})",
        )
        for fill in order.fills
    ]
    lines += [f"  {minute_text(ts_ns)}  {words}" for ts_ns, words in sorted(came)]
    return lines if came else [*lines, "  nothing came of it yet"]


def _trades(found: Explanation) -> list[RenderableType]:
    lines = [line for trade in found.trades for line in _trade(trade)]
    if found.trades:
        lines.append(f"Net of fees and funding: {_figure(found.net_usd)} USD")
    if found.open_quantities:
        held = ", ".join(f"{each} {symbol}" for symbol, each in found.open_quantities.items())
        lines.append(f"Still open: {held}")
    return [_panel("Trades it opened", "\n".join(lines))] if lines else []


def _trade(trade: TradeLine) -> list[str]:
    share = "?" if trade.net_return is None else f"{trade.net_return:+.2%}"
    lines = [
        f"{minute_text(trade.closed_ns)}  {trade.side} {trade.quantity} {trade.symbol} from "
        f"{trade.entry_price} to {trade.exit_price}, closed by {trade.exit_reason}",
        f"  gross {_figure(trade.gross_usd)}, fees {_figure(trade.fees_usd)}, funding "
        f"{_figure(trade.funding_usd)}: net {_figure(trade.net_usd)} USD ({share})",
    ]
    return [*lines, f"  learnt: {trade.reflection}"] if trade.reflection else lines


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:,.2f}"
