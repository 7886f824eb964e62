"""A summary's figures as text: the same rows for the terminal, the report and the list of runs.

What is not defined is shown as a dash.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ocw_strategy.backtest.statistics import Figure, Performance
from ocw_strategy.backtest.summary import Summary
from ocw_strategy.units import SECOND_NS

DASH = "–"

type Rows = list[tuple[str, ...]]


def percent(value: Figure, *, sign: bool = False) -> str:
    """Return a fraction as a percentage with two decimals."""
    return DASH if value is None else f"{100 * value:{'+' if sign else ''},.2f} %"


def number(value: Figure) -> str:
    """Return a figure with two decimals."""
    return DASH if value is None else f"{value:,.2f}"


def usd(value: float, *, sign: bool = False) -> str:
    """Return an amount of US dollars to the cent."""
    return f"{money(value) if sign else money(value).removeprefix('+')} USD"


def money(value: float) -> str:
    """Return an amount to the cent with its sign; nothing has none."""
    return f"{value:+,.2f}" if abs(value) >= 0.005 else "0.00"


def points(value: float) -> str:
    """Return a difference of returns in percentage points."""
    return f"{100 * value:+,.2f}"


def moment(ns: int) -> str:
    """Return a UTC date and time to the minute."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")


def day(ns: int) -> str:
    """Return a UTC date."""
    return moment(ns)[:10]


def plain(name: str) -> str:
    """Return a name of the code as words: ``declined:timer`` is ``declined: timer``."""
    return name.replace(":", ": ").replace("_", " ")


def short(symbol: str) -> str:
    """Return an instrument's coin: ``BTCUSDT-PERP`` is ``BTC``."""
    return symbol.removesuffix("-PERP").removesuffix("USDT")


def market_text(summary: Summary) -> str:
    """Return what kind of market a run was made on, and whether its model may remember it."""
    market = "SYNTHETIC" if summary.synthetic else "catalog"
    return f"{market}, HINDSIGHT" if summary.hindsight else market


def comparison_heads(summary: Summary) -> tuple[str, ...]:
    """Return the column heads of `comparison_rows`."""
    return ("", "OCW", f"hold {short(summary.hold_symbol)}", "hold all, equal weight")


def comparison_rows(summary: Summary) -> Rows:
    """Return the result beside both holds, a row per figure."""
    found = (summary.result, summary.hold, summary.equal_weight)

    def row(label: str, show: Callable[[Performance], str]) -> tuple[str, ...]:
        return (label, *(show(each) for each in found))

    return [
        row("Return", lambda p: percent(p.total_return, sign=True)),
        (
            "OCW's excess, points", DASH, points(summary.excess_over_hold),
            points(summary.excess_over_equal_weight),
        ),
        row("Ended with, USD", lambda p: number(p.end_usd)),
        row("Return a year (CAGR)", lambda p: percent(p.cagr, sign=True)),
        row("Volatility a year", lambda p: percent(p.volatility)),
        row("Sharpe (365 days)", lambda p: number(p.sharpe)),
        row("Sortino (365 days)", lambda p: number(p.sortino)),
        row("Deepest drawdown of equity", lambda p: percent(p.max_drawdown)),
        row("Time under water", lambda p: percent(p.under_water_fraction)),
        row("Longest under water, days", lambda p: f"{p.longest_under_water_days:,.1f}"),
    ]  # fmt: skip


def trade_rows(summary: Summary) -> Rows:
    """Return what was traded."""
    trades = summary.trades
    held = ", ".join(f"{short(p.symbol)} {p.quantity:+g}" for p in summary.open_positions)
    return [
        ("Closed trades", f"{trades.count:,}"),
        ("Won", percent(trades.win_rate)),
        ("Profit factor", number(trades.profit_factor)),
        ("Average win", percent(trades.average_win, sign=True)),
        ("Average loss", percent(trades.average_loss, sign=True)),
        ("Net of closed trades", usd(trades.net_usd, sign=True)),
        ("Time in the market", percent(summary.time_in_market)),
        ("Open at the end", held or "nothing"),
    ]


def cost_rows(summary: Summary) -> Rows:
    """Return what trading cost, and the optimistic bound beside the result."""
    costs = summary.costs
    return [
        ("Fees paid", usd(costs.fees_usd)),
        ("Funding, net", usd(costs.funding_usd, sign=True)),
        *(
            (f"Slippage and waiting: {plain(purpose)}", usd(amount))
            for purpose, amount in costs.slippage_usd.items()
        ),
        ("Spent on the advisor", usd(costs.advisor_usd)),
        ("Equity these do not explain", usd(costs.unexplained_usd)),
        ("Return, the result", percent(summary.result.total_return, sign=True)),
        ("Optimistic bound", percent(summary.optimistic.total_return, sign=True)),
    ]


def gate_rows(summary: Summary) -> Rows:
    """Return what the gate did."""
    gate = summary.gate
    return [
        ("Decision closes", f"{gate.closes:,}"),
        ("Woken", f"{gate.wakes:,}"),
        ("Skip rate", percent(gate.skip_rate)),
        ("Calls a day", number(gate.calls_per_day)),
        ("Calls on the busiest day", f"{gate.busiest_day_calls:,}"),
    ]


def count_rows(counts: Mapping[str, int]) -> Rows:
    """Return counts by name."""
    return [(plain(name), f"{count:,}") for name, count in counts.items()]


def run_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return what two runs are compared by."""
    result, trades = summary.result, summary.trades
    return [
        ("Market", market_text(summary)),
        ("Advisor", summary.advisor),
        ("From", moment(summary.start_ns)),
        ("To", moment(summary.end_ns)),
        ("Instruments", ", ".join(map(short, summary.instruments))),
        ("Return", percent(result.total_return, sign=True)),
        ("Hold", percent(summary.hold.total_return, sign=True)),
        ("Hold all", percent(summary.equal_weight.total_return, sign=True)),
        ("Excess over hold", f"{points(summary.excess_over_hold)} points"),
        ("Excess over hold all", f"{points(summary.excess_over_equal_weight)} points"),
        ("Optimistic bound", percent(summary.optimistic.total_return, sign=True)),
        ("Sharpe", number(result.sharpe)),
        ("Sortino", number(result.sortino)),
        ("Drawdown", percent(result.max_drawdown)),
        ("Trades", f"{trades.count:,}"),
        ("Won", percent(trades.win_rate)),
        ("Profit factor", number(trades.profit_factor)),
        ("Fees", usd(summary.costs.fees_usd)),
        ("Funding", usd(summary.costs.funding_usd, sign=True)),
        ("Skip rate", percent(summary.gate.skip_rate)),
        ("Calls a day", number(summary.gate.calls_per_day)),
        ("Digest", summary.digest[:12]),
    ]
