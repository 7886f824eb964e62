"""A run in sentences: whether it beat holding, and what its figures do not show.

Losses are said as plainly as gains, and the limits of what was measured with them.
"""

from ocw_strategy.backtest.statistics import Performance
from ocw_strategy.backtest.summary import Summary
from ocw_strategy.backtest.wording import percent, short, usd
from ocw_strategy.settings import Settings

_FEW_DAYS = 90


def warnings(summary: Summary) -> list[str]:
    """Return what every table and page of the run must say first; nothing for most runs."""
    synthetic = "SYNTHETIC MARKET: made up by `ocw data sample`, not real prices."
    return [line for line in (synthetic * summary.synthetic, summary.hindsight) if line]


def verdict(summary: Summary) -> str:
    """Say in a sentence or two what came of the run and whether it beat holding."""
    gained = summary.result.total_return
    did = "Gained" if gained > 0 else "Lost" if gained < 0 else "Neither gained nor lost:"
    parts = [
        _against(f"holding {short(summary.hold_symbol)}", summary.excess_over_hold, summary.hold),
        _against(
            "holding all in equal weight", summary.excess_over_equal_weight, summary.equal_weight
        ),
    ]
    traded = "" if summary.trades.count else " No trade was closed."
    return f"{did} {percent(abs(gained))} in {summary.days:,.0f} days: {'; '.join(parts)}.{traded}"


def _against(what: str, excess: float, hold: Performance) -> str:
    better = "better" if excess > 0 else "worse" if excess < 0 else "away"
    amount = f"{abs(100 * excess):,.2f} points"
    return f"{amount} {better} than {what} ({percent(hold.total_return, sign=True)})"


def bound_sentence(summary: Summary) -> str:
    """Say what the optimistic bound is."""
    bound = summary.optimistic
    if summary.entry_timing == "alert":
        return "Entries filled at the alert's time: the result itself is the optimistic one."
    paid = usd(abs(bound.gain_usd))
    cost = (
        f"Waiting for it cost {paid}"
        if bound.gain_usd > 0
        else f"Waiting for it happened to save {paid}"
    )
    return (
        f"The result fills an entry no earlier than the next bar's close. {cost} over "
        f"{bound.entries:,} entries. Had each filled at the price its decision took effect at, "
        f"slippage paid and all else unchanged, the return would be "
        f"{percent(bound.total_return, sign=True)}: the optimistic bound, not a result."
    )


def limits_of_this(summary: Summary, settings: Settings) -> list[str]:
    """Return what the figures do not show, a sentence each."""
    costs, execution = settings.costs, settings.execution
    lines = []
    if summary.hindsight:
        lines.append(summary.hindsight)
    if summary.synthetic:
        lines.append(
            "The market is SYNTHETIC, with edges planted in it: these figures show that the "
            "machinery works and say nothing about profit in a real market."
        )
    lines += [
        f"There is no order book. A market order pays {costs.market_slippage_bps:g} basis points "
        f"beyond the last price, a stop {costs.stop_slippage_bps:g} beyond its trigger or the "
        "bar's open beyond that; size moves no price and nothing is filled in part.",
        "Funding is settled at the catalog's rates on the mark price."
        if settings.data.funding
        else "Funding was switched off: a perpetual position would have paid or received it.",
        "The holds buy once, pay the taker fee in and out, and neither slippage nor funding; "
        "equal weight is not rebalanced.",
        f"A decision takes effect {execution.latency_seconds:g} s after its close in the median, "
        "by a model; nothing was measured on a wire.",
        "Liquidation is checked at the closes of base bars, not inside them.",
        *(
            ["The macro quadrant is assumed GOLDILOCKS, at a neutral scale: no series said so."]
            if summary.macro_assumed
            else []
        ),
        f"The advisor is {summary.advisor}; another one decides otherwise.",
        "It is one window and one seed. Whoever chose the settings may have known this window, "
        "and nothing is corrected for runs made before.",
    ]
    if summary.days < _FEW_DAYS:
        lines.append(
            f"{summary.days:,.0f} days are few: figures a year and ratios are mostly chance."
        )
    return lines
