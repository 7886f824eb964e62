"""What a run's records add up to: trades, costs, positions, gate and signals.

Each function reads one kind of record and returns plain figures. Money is in US dollars, rates
and shares are fractions, and what is not defined is None.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from ocw_strategy.backtest.run_data import RunData
from ocw_strategy.backtest.statistics import Figure
from ocw_strategy.journal import FillRow, Trade
from ocw_strategy.model import Strict
from ocw_strategy.units import DAY_NS, SIGNALS

_DIGITS = 9  # finer than any lot: what is left of a sum beyond it is float error


class TradeGroup(Strict):
    """Closed trades that have something in common."""

    name: str
    trades: int
    win_rate: Figure
    net_usd: float


class SignalGroup(Strict):
    """How trades went by what a signal said at their entry."""

    signal: str
    agreed: TradeGroup
    opposed: TradeGroup


class TradeFigures(Strict):
    """All closed trades; returns are net of fees and funding, over entry notional."""

    count: int
    win_rate: Figure
    profit_factor: Figure
    """Money won over money lost."""
    average_win: Figure
    average_loss: Figure
    net_usd: float
    by_instrument: tuple[TradeGroup, ...]
    by_regime: tuple[TradeGroup, ...]
    by_exit: tuple[TradeGroup, ...]
    by_signal: tuple[SignalGroup, ...]


class CostFigures(Strict):
    """What trading cost, US dollars."""

    fees_usd: float
    funding_usd: float
    """Negative when more was paid than received."""
    slippage_usd: dict[str, float]
    """By purpose: what fills were worse than the last price (stops: the trigger) when sent."""
    advisor_usd: float
    unexplained_usd: float
    """Equity that fills, fees, funding and prices do not account for: 0 but for rounding."""


class GateFigures(Strict):
    """What the gate did with the decision closes."""

    closes: int
    wakes: int
    skip_rate: Figure
    calls: int
    calls_per_day: Figure
    busiest_day_calls: int
    wakes_by_reason: dict[str, int]
    skips_by_reason: dict[str, int]


class OpenPosition(Strict):
    """A position that the window's end found open, valued at the last price."""

    symbol: str
    quantity: float
    price: float
    value_usd: float


def counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, most often first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def trade_figures(trades: Sequence[Trade], minimum_signal: float) -> TradeFigures:
    """Return the figures of closed trades.

    Parameters
    ----------
    trades : Sequence[Trade]
    minimum_signal : float
        A signal weaker than this at entry said nothing.
    """
    wins = [trade for trade in trades if trade.net_usd > 0]
    losses = [trade for trade in trades if trade.net_usd <= 0]
    lost_usd = -sum(trade.net_usd for trade in losses)
    return TradeFigures(
        count=len(trades),
        win_rate=_ratio(len(wins), len(trades)),
        profit_factor=_ratio(sum(trade.net_usd for trade in wins), lost_usd),
        average_win=_ratio(sum(trade.net_return for trade in wins), len(wins)),
        average_loss=_ratio(sum(trade.net_return for trade in losses), len(losses)),
        net_usd=float(sum(trade.net_usd for trade in trades)),
        by_instrument=_groups(trades, lambda trade: trade.symbol),
        by_regime=_groups(trades, lambda trade: trade.regime),
        by_exit=_groups(trades, lambda trade: trade.exit_reason),
        by_signal=tuple(_signal_group(trades, signal, minimum_signal) for signal in SIGNALS),
    )


def _ratio(part: float, whole: float) -> Figure:
    return part / whole if whole else None


def _group(name: str, trades: Sequence[Trade]) -> TradeGroup:
    return TradeGroup(
        name=name,
        trades=len(trades),
        win_rate=_ratio(sum(trade.net_usd > 0 for trade in trades), len(trades)),
        net_usd=float(sum(trade.net_usd for trade in trades)),
    )


def _groups(trades: Sequence[Trade], key: Callable[[Trade], str]) -> tuple[TradeGroup, ...]:
    found: dict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        found[key(trade)].append(trade)
    return tuple(_group(name, found[name]) for name in sorted(found))


def _signal_group(trades: Sequence[Trade], signal: str, minimum_signal: float) -> SignalGroup:
    agreed, opposed = [], []
    for trade in trades:
        said = trade.direction * json.loads(trade.signals).get(signal, 0.0)
        if said >= minimum_signal:
            agreed.append(trade)
        elif said <= -minimum_signal:
            opposed.append(trade)
    return SignalGroup(
        signal=signal, agreed=_group("agreed", agreed), opposed=_group("opposed", opposed)
    )


def _signed(fill: FillRow) -> float:
    return float(fill.quantity) * (1 if fill.side == "BUY" else -1)


def cost_figures(run: RunData) -> CostFigures:
    """Return what trading cost, and whether the money adds up."""
    fees = sum(float(fill.commission_usd) for fill in run.fills)
    funding = sum(row.amount_usd for row in run.funding)
    spent = sum(_signed(fill) * float(fill.price) for fill in run.fills)
    held = sum(position.value_usd for position in open_positions(run))
    slippage: dict[str, float] = defaultdict(float)
    for fill in run.fills:
        intent = run.intents[fill.client_order_id]
        reference = float(intent.trigger_price or intent.reference_price)
        slippage[fill.purpose] += _signed(fill) * (float(fill.price) - reference)
    bills = [row.cost_usd for row in run.decisions] + [row.cost_usd for row in run.reflections]
    return CostFigures(
        fees_usd=fees,
        funding_usd=float(funding),
        slippage_usd=dict(sorted(slippage.items())),
        advisor_usd=sum(map(float, bills)),
        unexplained_usd=float(run.equity[-1] - run.equity[0]) - (held - spent - fees + funding),
    )


def waiting_usd(run: RunData) -> float:
    """Return what entries paid beyond a fill at their alert, which pays the stated slippage too."""
    slippage, paid = run.settings.costs.market_slippage_bps / 10_000, 0.0
    for fill in run.fills:
        if fill.purpose == "entry":
            side = 1 if fill.side == "BUY" else -1
            reference = float(run.intents[fill.client_order_id].reference_price)
            at_alert = reference * (1 + side * slippage)
            paid += _signed(fill) * (float(fill.price) - at_alert)
    return paid


def open_positions(run: RunData) -> tuple[OpenPosition, ...]:
    """Return what the fills leave open at the end."""
    net: dict[str, float] = defaultdict(float)
    for fill in run.fills:
        net[fill.symbol] = round(net[fill.symbol] + _signed(fill), _DIGITS)
    prices = {symbol: float(price[-1]) for symbol, price in run.prices.items()}
    return tuple(
        OpenPosition(symbol=s, quantity=q, price=prices[s], value_usd=q * prices[s])
        for s, q in sorted(net.items())
        if q
    )


def time_in_market(run: RunData) -> float:
    """Return the share of the window in which any position was open."""
    net: dict[str, float] = defaultdict(float)
    open_ns, last_ns = 0, int(run.ts_ns[0])
    for fill in run.fills:
        if any(net.values()):
            open_ns += fill.ts_ns - last_ns
        last_ns = fill.ts_ns
        net[fill.symbol] = round(net[fill.symbol] + _signed(fill), _DIGITS)
    if any(net.values()):
        open_ns += int(run.ts_ns[-1]) - last_ns
    return open_ns / max(1, int(run.ts_ns[-1] - run.ts_ns[0]))


def gate_figures(run: RunData) -> GateFigures:
    """Return what the gate did, and how often the advisor was asked."""
    wakes = [row.reason for row in run.evaluations if row.wake]
    skips: Counter[str] = Counter()
    for (_, reason), count in run.skips.items():
        skips[reason] += count
    closes = len(wakes) + skips.total()
    calls_by_day = Counter(row.ts_ns // DAY_NS for row in run.decisions)
    return GateFigures(
        closes=closes,
        wakes=len(wakes),
        skip_rate=_ratio(skips.total(), closes),
        calls=len(run.decisions),
        calls_per_day=_ratio(len(run.decisions), run.days),
        busiest_day_calls=max(calls_by_day.values(), default=0),
        wakes_by_reason=counted(wakes),
        skips_by_reason=counted(skips.elements()),
    )
