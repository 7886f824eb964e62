"""Where a run's profit came from: the same total, taken apart five ways.

By cost it is what prices did at the prices that decisions were made at, less slippage, fees and
funding; by entry, exit, regime and signal it is the net of the trades that share one. What is open
at the end stands for itself, and what no row explains is a row: it must be rounding, and every
view adds up to the change of equity.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import chain

from ocw_strategy.backtest.run_data import RunData
from ocw_strategy.backtest.tallies import cost_figures, open_positions
from ocw_strategy.journal import Trade
from ocw_strategy.model import Strict

OPEN = "open at the end"
UNEXPLAINED = "not explained"
NO_SIGNAL = "no signal"


class Part(Strict):
    """What one cause added to the profit, in US dollars."""

    name: str
    net_usd: float


class Attribution(Strict):
    """The profit of a run by its causes; the parts of each view add up to `total_usd`."""

    total_usd: float
    by_cost: tuple[Part, ...]
    by_entry: tuple[Part, ...]
    """By what woke the advisor to the decision that opened the lot."""
    by_exit: tuple[Part, ...]
    by_regime: tuple[Part, ...]
    """By the regime at entry."""
    by_signal: tuple[Part, ...]
    """Each trade is shared among the signals that pointed its way at entry, by their strength:
    a convention, for no trade says what it would have earned without one of them."""

    def views(self) -> dict[str, tuple[Part, ...]]:
        """Return the views by name."""
        return {
            "cost": self.by_cost,
            "entry": self.by_entry,
            "exit": self.by_exit,
            "regime": self.by_regime,
            "signal": self.by_signal,
        }


def attribution(run: RunData) -> Attribution:
    """Return where the profit of a run came from."""
    costs = cost_figures(run)
    total = float(run.equity[-1] - run.equity[0])
    traded = total - costs.unexplained_usd  # fills, fees, funding and what is held
    price = traded + costs.fees_usd - costs.funding_usd
    slipped = costs.slippage_usd
    by_cost = [
        Part(name="price moves", net_usd=price + sum(slipped.values())),
        *(
            Part(name=f"slippage and waiting: {purpose}", net_usd=-usd)
            for purpose, usd in slipped.items()
        ),
        Part(name="fees", net_usd=-costs.fees_usd),
        Part(name="funding", net_usd=costs.funding_usd),
        Part(name=UNEXPLAINED, net_usd=costs.unexplained_usd),
    ]
    rest = [
        Part(name=OPEN, net_usd=_open_usd(run, traded)),
        Part(name=UNEXPLAINED, net_usd=costs.unexplained_usd),
    ]
    woken_by = _woken_by(run)
    minimum = run.settings.bandit.minimum_signal

    def view(share: Callable[[Trade], Mapping[str, float]]) -> tuple[Part, ...]:
        sums: dict[str, float] = defaultdict(float)
        for trade in run.trades:
            for name, fraction in share(trade).items():
                sums[name] += fraction * trade.net_usd
        found = [Part(name=name, net_usd=sums[name]) for name in sorted(sums)]
        return tuple(chain(found, rest))

    return Attribution(
        total_usd=total,
        by_cost=tuple(by_cost),
        by_entry=view(lambda trade: {woken_by.get(trade.decision_id, "unknown"): 1.0}),
        by_exit=view(lambda trade: {trade.exit_reason: 1.0}),
        by_regime=view(lambda trade: {trade.regime: 1.0}),
        by_signal=view(lambda trade: _signal_shares(trade, minimum)),
    )


def _woken_by(run: RunData) -> dict[str, str]:
    reasons = {row.ts_ns: row.reason for row in run.evaluations if row.wake}
    return {row.decision_id: reasons.get(row.ts_ns, "unknown") for row in run.decisions}


def _signal_shares(trade: Trade, minimum: float) -> dict[str, float]:
    said = {
        name: trade.direction * value
        for name, value in json.loads(trade.signals).items()
        if trade.direction * value >= minimum
    }
    strength = sum(said.values())
    return {name: value / strength for name, value in said.items()} or {NO_SIGNAL: 1.0}


def _open_usd(run: RunData, traded_usd: float) -> float:
    # With nothing held, more than rounding here is a fault of the books: it is shown, not spread.
    closed = sum(trade.net_usd for trade in run.trades)
    left = traded_usd - closed
    return left if open_positions(run) or abs(left) >= 0.005 else 0.0
