"""Nautilus's tearsheet of a run, on the same daily equity returns and figures as the report.

The engine's own statistics look at the account's balance and annualise on 252 days; here they
are given. Its chart of rolling Sharpe ratios is left out: it has 252 days built in.
"""

import math
from pathlib import Path

from nautilus_trader.analysis import TearsheetConfig, create_tearsheet_from_stats

from ocw_strategy.backtest.run_data import RunData
from ocw_strategy.backtest.statistics import daily_returns
from ocw_strategy.backtest.summary import Summary
from ocw_strategy.backtest.wording import comparison_heads, market_text, moment
from ocw_strategy.hold import hold_values

_STATISTICS = {
    "sharpe": "Sharpe Ratio (365 days)",
    "sortino": "Sortino Ratio (365 days)",
    "volatility": "Returns Volatility (365 days)",
    "cagr": "CAGR (365 days)",
    "total_return": "Total Return",
    "max_drawdown": "Max Drawdown (hourly equity)",
}


def write_tearsheet(path: Path, run: RunData, summary: Summary) -> None:
    """Write the tearsheet, with the equal-weight hold as its benchmark."""
    charts = [chart for chart in TearsheetConfig().charts if chart.name != "rolling_sharpe"]
    held = hold_values(run.prices, summary.starting_usd, run.settings.costs.taker_fee)
    result, trades = summary.result, summary.trades
    market = market_text(summary)
    title = f"OCW {summary.name}" + ("" if market == "catalog" else f" ({market})")
    create_tearsheet_from_stats(
        stats_pnls={
            "Net of closed trades (USD)": trades.net_usd,
            "Fees (USD)": summary.costs.fees_usd,
            "Funding (USD)": summary.costs.funding_usd,
        },
        stats_returns={label: _shown(getattr(result, name)) for name, label in _STATISTICS.items()},
        stats_general={
            "Closed trades": str(trades.count),
            "Win Rate": _shown(trades.win_rate),
            "Profit Factor": _shown(trades.profit_factor),
        },
        returns=daily_returns(run.ts_ns, run.equity),
        output_path=str(path),
        title=title,
        config=TearsheetConfig(charts=charts),
        benchmark_returns=daily_returns(run.ts_ns, held),
        benchmark_name=comparison_heads(summary)[-1],
        run_info={
            "Run": summary.run_id,
            "From": moment(summary.start_ns),
            "To": moment(summary.end_ns),
            "Market": market,
        },
        account_info={
            "Starting equity (USD)": f"{summary.starting_usd:,.2f}",
            "Ending equity (USD)": f"{result.end_usd:,.2f}",
        },
    )


def _shown(value: float | None) -> float:
    return math.nan if value is None else value
