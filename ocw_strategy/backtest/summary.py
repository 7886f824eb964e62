"""The summary of a run: losses as plainly as gains, beside what holding would have done.

It is made from the journal and the settings alone, can be stored as JSON, and is the one source
of the figures in the terminal, the report, the tearsheet and the list of runs.
"""

import hashlib
import json
from pathlib import Path

from ocw_strategy.backtest.run import HINDSIGHT
from ocw_strategy.backtest.run_data import RunData, read_run
from ocw_strategy.backtest.statistics import Performance, performance
from ocw_strategy.backtest.tallies import (
    CostFigures,
    GateFigures,
    OpenPosition,
    TradeFigures,
    cost_figures,
    counted,
    gate_figures,
    open_positions,
    time_in_market,
    trade_figures,
    waiting_usd,
)
from ocw_strategy.hold import hold_values
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings


class OptimisticBound(Strict):
    """The result if every entry had filled at its alert: the price its decision took effect at.

    The stated slippage of a market order is still paid, as an entry at its alert pays it. Sizes,
    fees and everything later are left as they were. It is a bound, not a result: bars do
    not show whether that price could still be had.
    """

    total_return: float
    gain_usd: float
    """What filling at once would have saved; negative where waiting for the next bar paid."""
    entries: int


class Summary(Strict):
    """What came of a run. Fractions are of the starting balance; money is in US dollars."""

    run_id: str
    name: str
    created_wall_ns: int
    digest: str
    settings_hash: str
    seed: int
    synthetic: bool
    """Whether the market was the built-in sample."""
    advisor: str
    hindsight: str
    """What is wrong with the window: the model may remember it; empty where it may not."""
    start_ns: int
    end_ns: int
    days: float
    instruments: tuple[str, ...]
    bar_minutes: int
    entry_timing: str
    """``next_bar``, or ``alert``: then the result is the optimistic one."""
    macro_assumed: bool
    """Whether the macro quadrant was assumed, for want of its series."""
    starting_usd: float
    result: Performance
    hold_symbol: str
    hold: Performance
    """Buy-and-hold of `hold_symbol`."""
    equal_weight: Performance
    """Equal money in every instrument, bought once."""
    excess_over_hold: float
    excess_over_equal_weight: float
    optimistic: OptimisticBound
    trades: TradeFigures
    costs: CostFigures
    time_in_market: float
    open_positions: tuple[OpenPosition, ...]
    gate: GateFigures
    decisions_by_outcome: dict[str, int]
    clamps_by_limit: dict[str, int]
    events_by_kind: dict[str, int]


def summarise(folder: Path) -> Summary:
    """Return the summary of the run in a folder.

    Raises
    ------
    JournalError
        If the folder holds no readable run.
    SettingsError
        If the settings beside its journal cannot be read.
    """
    return summarise_run(read_run(folder))


def summarise_run(run: RunData) -> Summary:
    """Return the summary of a run that was read before."""
    settings = run.settings
    start_usd, fee = float(run.equity[0]), settings.costs.taker_fee
    first = settings.data.instruments[0]
    result = performance(run.ts_ns, run.equity)
    hold = performance(run.ts_ns, hold_values({first: run.prices[first]}, start_usd, fee))
    equal = performance(run.ts_ns, hold_values(run.prices, start_usd, fee))
    costs = cost_figures(run)
    return Summary(
        run_id=run.run_id,
        name=settings.run.name,
        created_wall_ns=run.created_wall_ns,
        digest=run.digest,
        settings_hash=hashlib.sha256(settings.canonical_json().encode()).hexdigest(),
        seed=settings.run.seed,
        synthetic=run.synthetic,
        advisor=_advisor(settings),
        hindsight="; ".join(row.detail for row in run.events if row.kind == HINDSIGHT),
        start_ns=int(run.ts_ns[0]),
        end_ns=int(run.ts_ns[-1]),
        days=run.days,
        instruments=settings.data.instruments,
        bar_minutes=settings.data.bar_minutes,
        entry_timing=settings.execution.entry_timing,
        macro_assumed=_macro_assumed(run),
        starting_usd=start_usd,
        result=result,
        hold_symbol=first,
        hold=hold,
        equal_weight=equal,
        excess_over_hold=result.total_return - hold.total_return,
        excess_over_equal_weight=result.total_return - equal.total_return,
        optimistic=_optimistic(run, result),
        trades=trade_figures(run.trades, settings.bandit.minimum_signal),
        costs=costs,
        time_in_market=time_in_market(run),
        open_positions=open_positions(run),
        gate=gate_figures(run),
        decisions_by_outcome=counted(row.outcome for row in run.decisions),
        clamps_by_limit=counted(row.limit_name for row in run.clamps),
        events_by_kind=counted(row.kind for row in run.events),
    )


def _advisor(settings: Settings) -> str:
    advisor = settings.advisor
    return advisor.claude.model if advisor.kind == "claude" else advisor.kind


def _macro_assumed(run: RunData) -> bool:
    return bool(run.decisions) and json.loads(run.decisions[-1].snapshot)["regime"]["macro_assumed"]


def _optimistic(run: RunData, result: Performance) -> OptimisticBound:
    gain_usd = waiting_usd(run)
    return OptimisticBound(
        total_return=result.total_return + gain_usd / float(run.equity[0]),
        gain_usd=gain_usd,
        entries=sum(fill.purpose == "entry" for fill in run.fills),
    )
