"""The watch: feature book, regime and gate as one, free of any engine.

The actor and the gate bench run this very class: it is fed closed base bars and asked at decision
closes. Whoever runs it sees to it that every bar of a close is in before asking (the actor waits
for all instruments, or three seconds).
"""

from collections.abc import Callable, Mapping, Sequence

from ocw_strategy.gate.gate import Gate
from ocw_strategy.gate.verdict import Verdict
from ocw_strategy.market.features import DECISION_NS, FeatureBook, SymbolFeatures
from ocw_strategy.regime import Regime


def is_decision_close(now_ns: int) -> bool:
    """Return whether a bar closing at `now_ns` closes a decision interval too."""
    return now_ns % DECISION_NS == 0


class Watch:
    """Decides at every decision close whether to buy a decision.

    Parameters
    ----------
    book : FeatureBook
        Fed through `add_bar`.
    gate : Gate
        Requests, bills and settled calls go to it directly; its state is all the state there is,
        since bars and features are rebuilt from history.
    regime_at : callable
        ``regime_at(now_ns)`` returns the regime known at a close.
    """

    def __init__(self, book: FeatureBook, gate: Gate, regime_at: Callable[[int], Regime]) -> None:
        self._book = book
        self._gate = gate
        self._regime_at = regime_at
        self.now_ns = 0
        """The last decision close looked at; `regime` and `features` belong to it."""
        self.features: Mapping[str, SymbolFeatures] = book.close(0)
        self.regime = regime_at(0)

    def add_bar(
        self,
        symbol: str,
        close_ns: int,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
        taker_buy_volume: float,
    ) -> bool:
        """Take one closed base bar; return False when it is refused (`BarRing.append`)."""
        return self._book.add_bar(
            symbol, close_ns, open, high, low, close, volume, taker_buy_volume
        )

    def decide(
        self,
        now_ns: int,
        *,
        metric: Callable[[str, str], float],
        holding: frozenset[str] = frozenset(),
        extra: Sequence[str] = (),
    ) -> Verdict:
        """Ask the gate at a decision close; parameters as of `Gate.evaluate`.

        Raises
        ------
        GateError
            If `now_ns` is no decision close, or not later than the last one.
        """
        self.look(now_ns)
        return self._gate.evaluate(
            now_ns,
            self.features,
            regime_key=self.regime.key,
            metric=metric,
            holding=holding,
            extra=extra,
        )

    def observe(self, now_ns: int) -> Verdict:
        """Let the gate learn from a historic decision close: never a wake.

        Raises
        ------
        GateError
            As `decide` does.
        """
        self.look(now_ns)
        return self._gate.observe(now_ns, self.features, regime_key=self.regime.key)

    def look(self, now_ns: int) -> None:
        """Bring features and regime to a decision close that the gate knows already."""
        self.now_ns = now_ns
        self.features = self._book.close(now_ns)
        self.regime = self._regime_at(now_ns)
