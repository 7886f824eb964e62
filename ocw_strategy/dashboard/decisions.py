"""The last decisions as lines: what woke the advisor, what it said, what the limits made of it."""

import json
from collections import defaultdict
from typing import Any

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Clamp, DecisionRow, JournalReader
from ocw_strategy.model import Strict, known
from ocw_strategy.units import MILLISECOND_NS


class TargetView(Strict):
    """The exposure a decision asked for in one instrument."""

    symbol: str
    exposure: float
    """Share of the largest allowed position, negative for short."""
    confidence: float


class LimitView(Strict):
    """A limit that changed what was asked for; amounts are US dollars of notional."""

    symbol: str
    limit: str
    before: float | None
    after: float | None


class DecisionView(Strict):
    """One decision in short."""

    row_id: int
    decision_id: str
    ts_ns: int
    """The close it was made at."""
    wake_reasons: tuple[str, ...]
    advisor: str
    model: str
    outcome: str
    regime: str
    targets: tuple[TargetView, ...]
    reason: str
    """Why, in the advisor's words; of a hold, what was wrong."""
    limits: tuple[LimitView, ...]
    cost_usd: str
    latency_ms: float


def decision_views(
    journal: JournalReader, before: int | None = None, limit: int = 20
) -> tuple[DecisionView, ...]:
    """Return the decisions before a row id, the newest first.

    Raises
    ------
    JournalError
        If what is stored of one cannot be read.
    """
    rows = journal.rows_before(DecisionRow, before, limit=limit)
    names = [row.decision_id for _, row in rows]
    limits: defaultdict[str, list[LimitView]] = defaultdict(list)
    for clamp in journal.rows(Clamp, f"decision_id IN ({', '.join('?' * len(names))})", names):
        limits[clamp.decision_id].append(
            LimitView(
                symbol=clamp.symbol,
                limit=clamp.limit_name,
                before=known(clamp.before),
                after=known(clamp.after),
            )
        )
    return tuple(_line(row_id, row, limits[row.decision_id]) for row_id, row in rows)


def _line(row_id: int, row: DecisionRow, limits: list[LimitView]) -> DecisionView:
    try:
        said: dict[str, Any] = json.loads(row.decision) if row.decision else {}
        targets = tuple(
            TargetView(
                symbol=target["symbol"],
                exposure=float(target["exposure"]),
                confidence=float(target["confidence"]),
            )
            for target in said.get("targets", ())
        )
        reason = str(said.get("reason", ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"decision {row.decision_id}", row.decision[:80], "is damaged; restore a copy"
        ) from error
    return DecisionView(
        row_id=row_id,
        decision_id=row.decision_id,
        ts_ns=row.ts_ns,
        wake_reasons=tuple(filter(None, row.reasons.split(";"))),
        advisor=row.advisor,
        model=row.model,
        outcome=row.outcome,
        regime=row.regime,
        targets=targets,
        reason=reason or row.detail,
        limits=tuple(limits),
        cost_usd=row.cost_usd,
        latency_ms=row.latency_ns / MILLISECOND_NS,
    )
