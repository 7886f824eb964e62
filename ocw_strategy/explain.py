"""Everything about one decision, read from a run's journal and the recording it went by.

It reads and writes nothing. What the journal does not say is left out or said to be unknown; a
value that cannot be read is a typed error, not a guess.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ocw_strategy.advisor.recording import Recording, read_answer
from ocw_strategy.advisor.rendering import render_snapshot
from ocw_strategy.errors import JournalError, OcwError
from ocw_strategy.explanation import (
    ClampLine,
    EventLine,
    Explanation,
    FillLine,
    OrderLine,
    RequestText,
    TradeLine,
)
from ocw_strategy.journal import (
    Answered,
    Clamp,
    DecisionRow,
    Evaluation,
    FillRow,
    Intent,
    JournalReader,
    OrderEvent,
    ReflectionRow,
    Trade,
)
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.model import known
from ocw_strategy.settings import parse_time_ns

LAST: Final = "last"
"""Names the latest decision of a run."""

_LAST_CHARACTER: Final = "\U0010ffff"
_SHOWN_CANDIDATES: Final = 5


def find_decision(journal: JournalReader, name: str) -> DecisionRow:
    """Return the decision a person means.

    Parameters
    ----------
    journal : JournalReader
    name : str
        ``last``, an id, the start of one that no other shares, or an ISO time: the decision at or
        before it.

    Raises
    ------
    JournalError
        If there is none, or more than one.
    """
    if name == LAST:
        found = journal.rows(DecisionRow, order="ts_ns DESC", limit=1)
    else:
        beginning = (name, f"{name}{_LAST_CHARACTER}")
        found = journal.rows(DecisionRow, "decision_id >= ? AND decision_id < ?", beginning)
        found = [row for row in found if row.decision_id == name] or found
        if len(found) > 1:
            ids = ", ".join(row.decision_id for row in found[:_SHOWN_CANDIDATES])
            more = ", ..." if len(found) > _SHOWN_CANDIDATES else ""
            raise JournalError(
                "decision", name, f"{len(found)} begin so ({ids}{more}); give more of the id"
            )
        found = found or _decided_by(journal, name)
    if not found:
        raise JournalError(
            "decision",
            name,
            f"{journal.path} holds none of that id or before that time; `last` is the latest",
        )
    return found[0]


def _decided_by(journal: JournalReader, time: str) -> list[DecisionRow]:
    try:
        ts_ns = parse_time_ns(time)
    except ValueError:
        return []
    return journal.rows(DecisionRow, "ts_ns <= ?", (ts_ns,), order="ts_ns DESC", limit=1)


def explain_decision(journal: JournalReader, name: str = LAST) -> Explanation:
    """Return everything about one decision.

    Parameters
    ----------
    journal : JournalReader
        Of the run, finished or under way.
    name : str, default "last"
        The decision, as `find_decision` takes it.

    Raises
    ------
    JournalError
        If there is no such decision, or what is stored of it cannot be read.
    """
    row = find_decision(journal, name)
    key = (row.decision_id,)
    meta = journal.meta()
    evaluation = next(
        iter(journal.rows(Evaluation, "ts_ns = ? AND wake = 1", (row.ts_ns,), limit=1)), None
    )
    request, request_note = _request(journal, row, meta.get("config", {}))
    trades = journal.rows(Trade, "decision_id = ?", key)
    orders = _orders(journal, row.decision_id)
    return Explanation(
        run_id=meta["run_id"],
        decision_id=row.decision_id,
        ts_ns=row.ts_ns,
        wake_reasons=tuple(filter(None, row.reasons.split(";"))),
        call_value=known(evaluation.value) if evaluation else None,
        call_price=known(evaluation.price) if evaluation else None,
        advisor=row.advisor,
        model=row.model,
        outcome=row.outcome,
        detail=row.detail,
        regime=row.regime,
        snapshot_hash=row.snapshot_hash,
        snapshot=_snapshot_lines(row),
        request=request,
        request_note=request_note,
        answer=row.raw,
        decision=_json(row, "decision"),
        clamps=tuple(
            ClampLine(
                symbol=clamp.symbol,
                limit=clamp.limit_name,
                before=known(clamp.before),
                after=known(clamp.after),
            )
            for clamp in journal.rows(Clamp, "decision_id = ?", key)
        ),
        orders=orders,
        trades=_trades(journal, row.decision_id, trades),
        open_quantities=_open_quantities(orders, trades),
        net_usd=known(math.fsum(trade.net_usd for trade in trades)),
        cost_usd=row.cost_usd,
        usage=_json(row, "usage"),
        latency_ns=row.latency_ns,
    )


def _snapshot_lines(row: DecisionRow) -> str:
    try:
        return render_snapshot(MarketSnapshot.model_validate_json(row.snapshot), masked=False)
    except ValidationError:
        # of another version of the snapshot: shown as it is kept
        snapshot = _json(row, "snapshot") or {}
        return "\n".join(f"{name}: {json.dumps(value)}" for name, value in snapshot.items())


def _json(row: DecisionRow, column: str) -> dict[str, Any] | None:
    text = getattr(row, column)
    try:
        return dict(json.loads(text)) if text else None
    except (TypeError, ValueError) as error:
        raise JournalError(
            f"{column} of decision {row.decision_id}", text[:80], "is damaged; restore a copy"
        ) from error


def _request(
    journal: JournalReader, row: DecisionRow, config: Mapping[str, Any]
) -> tuple[RequestText | None, str]:
    if not row.request_key:
        return None, ""
    if kept := journal.rows(Answered, "request_key = ?", (row.request_key,)):
        return _request_text(read_answer(kept[0]).body, row.request_key), ""
    path = config.get("advisor", {}).get("claude", {}).get("recording", "")
    if not path:
        return None, "the run kept no recording of its requests"
    try:
        with Recording.replay(path) as recording:
            found = recording.get(row.request_key)
    except OcwError as error:
        return None, str(error)
    if found is None:
        return None, f"{Path(path)} does not hold the request"
    return _request_text(found.body, row.request_key), ""


def _request_text(body: str, key: str) -> RequestText:
    asked = json.loads(body)
    return RequestText(
        key=key,
        model=str(asked.get("model", "")),
        max_tokens=asked.get("max_tokens"),
        system=_text(asked.get("system", "")),
        user="\n".join(_text(message.get("content", "")) for message in asked.get("messages", [])),
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content)


def _orders(journal: JournalReader, decision_id: str) -> tuple[OrderLine, ...]:
    # one query a table: a decision held for days has many stops
    of_decision = "client_order_id IN (SELECT client_order_id FROM intents WHERE decision_id = ?)"
    events: defaultdict[str, list[EventLine]] = defaultdict(list)
    for event in journal.rows(OrderEvent, of_decision, (decision_id,)):
        line = EventLine(ts_ns=event.ts_ns, status=event.status, detail=event.detail)
        events[event.client_order_id].append(line)
    fills: defaultdict[str, list[FillLine]] = defaultdict(list)
    for fill in journal.rows(FillRow, of_decision, (decision_id,)):
        fills[fill.client_order_id].append(
            FillLine(
                ts_ns=fill.ts_ns,
                quantity=fill.quantity,
                price=fill.price,
                fee_usd=fill.commission_usd,
                liquidity=fill.liquidity,
            )
        )
    return tuple(
        OrderLine(
            client_order_id=intent.client_order_id,
            ts_ns=intent.ts_ns,
            symbol=intent.symbol,
            purpose=intent.purpose,
            side=intent.side,
            quantity=intent.quantity,
            trigger_price=intent.trigger_price,
            reference_price=intent.reference_price,
            events=tuple(events[intent.client_order_id]),
            fills=tuple(fills[intent.client_order_id]),
        )
        for intent in journal.rows(Intent, "decision_id = ?", (decision_id,))
    )


def _trades(journal: JournalReader, decision_id: str, trades: list[Trade]) -> tuple[TradeLine, ...]:
    learnt = {
        row.trade_id: row.text
        for row in journal.rows(ReflectionRow, "decision_id = ?", (decision_id,))
    }
    return tuple(
        TradeLine(
            symbol=trade.symbol,
            side="long" if trade.direction > 0 else "short",
            quantity=trade.quantity,
            entry_price=trade.entry_price,
            exit_price=trade.exit_price,
            opened_ns=trade.opened_ns,
            closed_ns=trade.closed_ns,
            exit_reason=trade.exit_reason,
            gross_usd=known(trade.gross_usd),
            fees_usd=known(trade.fees_usd),
            funding_usd=known(trade.funding_usd),
            net_usd=known(trade.net_usd),
            net_return=known(trade.net_return),
            reflection=learnt.get(trade.trade_id, ""),
        )
        for trade in trades
    )


def _open_quantities(orders: tuple[OrderLine, ...], trades: list[Trade]) -> dict[str, str]:
    quantities: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        if order.purpose == "entry":
            quantities[order.symbol] += sum(Decimal(fill.quantity) for fill in order.fills)
    for trade in trades:
        quantities[trade.symbol] -= Decimal(trade.quantity)
    return {symbol: str(quantity) for symbol, quantity in quantities.items() if quantity}
