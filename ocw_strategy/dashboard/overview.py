"""All that the page shows at a glance: one state of the journal, one look at the node.

Times are UNIX nanoseconds. Those of the market follow the clock decisions are made by, which in a
backtest or against a replayed venue is not the wall's; ``clock_is_wall`` says whether they may be
called ages.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ocw_strategy.advisor.budget import utc_day
from ocw_strategy.dashboard.decisions import DecisionView, decision_views
from ocw_strategy.dashboard.equity import EquityFigures, equity_figures, first_sample_ns
from ocw_strategy.dashboard.gate_day import GateDay, gate_day
from ocw_strategy.dashboard.learning import PosteriorView, RegimeView, posteriors, regime_now
from ocw_strategy.dashboard.listing import EventView, TradeView, event_views, trade_views
from ocw_strategy.dashboard.node import NodeView
from ocw_strategy.dashboard.positions import PositionView, open_positions
from ocw_strategy.journal import DecisionRow, Equity, Evaluation, Event, JournalReader
from ocw_strategy.model import Strict
from ocw_strategy.spend import BudgetLine, SpendReport, spend_of

SHOWN_DECISIONS: Final = 8
SHOWN_TRADES: Final = 8
SHOWN_EVENTS: Final = 12
_MONTH: Final = 7  # characters of an ISO date


class RunView(Strict):
    """What is looked at."""

    run_id: str
    journal: str
    """The file's name."""
    account: str
    """``backtest``, or the account of the live node."""
    advisor: str
    clock_ns: int
    """The newest time of the journal, by the clock of the decisions; 0 while it is empty."""
    clock_is_wall: bool
    first_ns: int
    """The sample its result counts from."""


class Times(Strict):
    """When things last happened, by the clock of the decisions; None for never."""

    evaluation_ns: int | None
    decision_ns: int | None
    equity_ns: int | None


class SpendView(Strict):
    """What calls have cost; amounts are US dollars as decimal strings."""

    calls: int
    total_usd: str
    """Settled, and worst cases that were never settled."""
    day: BudgetLine | None
    """The day of the clock; None where nothing was bought on it."""
    month: BudgetLine | None


class Overview(Strict):
    """Everything at a glance."""

    now_ns: int
    """Wall time of the answer."""
    run: RunView
    node: NodeView
    halts: tuple[str, ...]
    """Why the run itself stopped entries, by its journal: ``daily_loss`` and the like."""
    times: Times
    equity: EquityFigures | None
    positions: tuple[PositionView, ...]
    decisions: tuple[DecisionView, ...]
    gate: GateDay
    regime: RegimeView | None
    posteriors: tuple[PosteriorView, ...]
    spend: SpendView
    trades: tuple[TradeView, ...]
    events: tuple[EventView, ...]


def build_overview(journal: JournalReader, node: NodeView, now_ns: int) -> Overview:
    """Return everything at a glance.

    Parameters
    ----------
    journal : JournalReader
    node : NodeView
        The node that writes it, as it is now.
    now_ns : int
        Wall time.

    Raises
    ------
    JournalError
        If something in the journal cannot be read.
    """
    meta = journal.meta()
    config = meta.get("config", {})
    times = _times(journal)
    known = [ns for ns in (times.evaluation_ns, times.decision_ns, times.equity_ns) if ns]
    clock_ns = max(known, default=0)
    first_ns = first_sample_ns(journal, config, live=node.live)
    return Overview(
        now_ns=now_ns,
        run=RunView(
            run_id=meta["run_id"],
            journal=Path(journal.path).name,
            account=_account(config, node),
            advisor=str(config.get("advisor", {}).get("kind", "")),
            clock_ns=clock_ns,
            clock_is_wall=node.live and not config.get("live", {}).get("venue_http"),
            first_ns=first_ns,
        ),
        node=node,
        halts=_halts(journal),
        times=times,
        equity=equity_figures(journal, first_ns),
        positions=open_positions(journal, node.heartbeat),
        decisions=decision_views(journal, limit=SHOWN_DECISIONS),
        # what ended at midnight is of the day before, where no new one has begun
        gate=gate_day(journal, clock_ns if node.live else max(0, clock_ns - 1)),
        regime=regime_now(journal),
        posteriors=posteriors(journal),
        spend=_spend(spend_of(journal), clock_ns),
        trades=trade_views(journal, limit=SHOWN_TRADES),
        events=event_views(journal, limit=SHOWN_EVENTS),
    )


def _account(config: Mapping[str, Any], node: NodeView) -> str:
    if node.heartbeat:
        return node.heartbeat.account
    return str(config.get("live", {}).get("account", "backtest"))


def _times(journal: JournalReader) -> Times:
    evaluations = journal.rows(Evaluation, order="rowid DESC", limit=1)
    decisions = journal.rows(DecisionRow, order="rowid DESC", limit=1)
    samples = journal.rows(Equity, order="ts_ns DESC", limit=1)
    return Times(
        evaluation_ns=evaluations[0].ts_ns if evaluations else None,
        decision_ns=decisions[0].ts_ns if decisions else None,
        equity_ns=samples[0].ts_ns if samples else None,
    )


def _halts(journal: JournalReader) -> tuple[str, ...]:
    in_force: dict[str, None] = {}
    for event in journal.rows(Event, "kind LIKE 'halt:%' OR kind LIKE 'halt!_ended:%' ESCAPE '!'"):
        what, _, reason = event.kind.partition(":")
        if what == "halt":
            in_force[reason] = None
        else:
            in_force.pop(reason, None)
    return tuple(in_force)


def _spend(report: SpendReport, clock_ns: int) -> SpendView:
    today = utc_day(clock_ns)
    days = {line.period: line for line in report.days}
    months = {line.period: line for line in report.months}
    settled = Decimal(report.total.settled_usd) + Decimal(report.total.unsettled_usd)
    return SpendView(
        calls=report.total.calls,
        total_usd=format(settled, "f"),
        day=days.get(today),
        month=months.get(today[:_MONTH]),
    )
