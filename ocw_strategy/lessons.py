"""Lessons: what closed trades teach the bandit, the journal and the reflections."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from ocw_strategy.advisor import Lesson, Reflection, ReflectionBook
from ocw_strategy.bandit import SignalBandit
from ocw_strategy.journal import Event, Journal, Posterior, ReflectionRow, Trade
from ocw_strategy.messages import TradePayload

_MAX_TRADES: Final = 10


class Lessons:
    """The latest trades and what was learnt of them.

    Parameters
    ----------
    bandit : SignalBandit
        Credited with every trade.
    journal : Journal
    charge : callable
        ``charge(now_ns, usd)`` pays what a model took for a lesson.
    """

    def __init__(
        self, bandit: SignalBandit, journal: Journal, charge: Callable[[int, Decimal], None]
    ) -> None:
        self._bandit = bandit
        self._journal = journal
        self._charge = charge
        self.trades: deque[Trade] = deque(maxlen=_MAX_TRADES)
        """The latest, in the order in which they were told."""
        self.reflections = ReflectionBook()

    def learn(self, payload: TradePayload) -> bool:
        """Credit a closed trade to the signals and the regime it was entered with.

        Returns
        -------
        bool
            Whether it taught anything: a trade that was entered on no signal, since a person told
            the journal of it, does not.
        """
        trade = payload.trade
        self.trades.append(trade)
        outcome = payload.outcome()
        if not outcome.signals:
            return False
        self._bandit.record(outcome)
        found = self.reflections.learn(trade, outcome.signals)
        self._journal.append(_reflection_row(found, "rules", Decimal(0)))
        for signal, posterior in self._bandit.report(trade.regime).items():
            self._journal.append(
                Posterior(
                    ts_ns=trade.closed_ns,
                    regime=trade.regime,
                    signal=signal,
                    alpha=posterior.alpha,
                    beta=posterior.beta,
                    outcomes=posterior.outcomes,
                )
            )
        return True

    def draft(self, trade_id: str) -> str:
        """Return the text of the reflection on a closed trade that was just learnt from."""
        return self.reflections.text(trade_id)

    def rewrite(self, trade_id: str, lesson: Lesson, now_ns: int) -> None:
        """Let a model's words stand in a reflection's place, and account for them either way."""
        if lesson.cost_usd:
            self._charge(now_ns, lesson.cost_usd)
        text = lesson.text or self.reflections.text(trade_id)
        found = self.reflections.rewrite(trade_id, text)
        if found is not None:
            source = lesson.model if lesson.text else "rules"
            self._journal.replace(_reflection_row(found, source, lesson.cost_usd))
        if not lesson.text:
            detail = f"{lesson.model}: {lesson.outcome}"
            self._journal.append(Event(now_ns, "lesson_missing", "", detail))

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON values; the bandit keeps its own."""
        return {
            "trades": [asdict(trade) for trade in self.trades],
            "reflections": self.reflections.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self.trades.extend(Trade(**row) for row in state["trades"])
        self.reflections.restore(state["reflections"])


def _reflection_row(found: Reflection, source: str, cost_usd: Decimal) -> ReflectionRow:
    return ReflectionRow(
        trade_id=found.trade_id,
        decision_id=found.decision_id,
        ts_ns=found.ts_ns,
        symbol=found.symbol,
        direction=found.direction,
        regime=found.regime,
        signals=found.words,
        net_return=found.net_return,
        text=found.text,
        source=source,
        cost_usd=str(cost_usd),
    )
