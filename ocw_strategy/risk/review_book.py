"""What reviews have found so far of the positions that are held, between decisions.

`review` judges one position at one moment; this remembers across moments: the regime a decision
last spoke in, whether the position was reduced since, which concerns are old, and who asks for a
call.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ocw_strategy.risk.portfolio import Costs, PositionView
from ocw_strategy.risk.review import ReviewAction, review
from ocw_strategy.risk.settings import ReviewSettings


class ReviewBook:
    """Review positions from close to close.

    Parameters
    ----------
    settings : ReviewSettings
    costs : Costs
    """

    def __init__(self, settings: ReviewSettings, costs: Costs) -> None:
        self._settings, self._costs = settings, costs
        self._asking: set[str] = set()
        self._concerns: dict[str, frozenset[str]] = {}
        self._reduced: set[str] = set()
        self._seen: dict[str, tuple[int, str]] = {}  # opening, and the regime last spoken in

    def look(
        self, position: PositionView, now_ns: int, *, regime: str, composite: float
    ) -> ReviewAction:
        """Return what the review says of a position, and remember it; see `review`."""
        symbol = position.symbol
        opened_ns, before = self._seen.get(symbol, (0, regime))
        if opened_ns != position.opened_ns:
            before = regime
            self._seen[symbol] = (position.opened_ns, regime)
        action = review(
            position,
            now_ns,
            regime_before=before,
            regime_now=regime,
            composite=composite,
            already_reduced=symbol in self._reduced,
            settings=self._settings,
            costs=self._costs,
        )
        concerns = frozenset(action.concerns)
        if concerns - self._concerns.get(symbol, frozenset()):
            self._asking.add(symbol)
        self._concerns[symbol] = concerns
        if action.kind == "reduce":
            self._reduced.add(symbol)
        return action

    def take_asking(self) -> bool:
        """Return whether a new concern asks for a decision, and take it as put to one."""
        asking = bool(self._asking)
        self._asking.clear()
        return asking

    def decided(self, opened_ns: Iterable[tuple[str, int]], regime: str) -> None:
        """Take notice that a decision has spoken of what is held.

        Parameters
        ----------
        opened_ns : iterable of (str, int)
            What is held: symbol and opening.
        regime : str
            The regime key it was decided in.
        """
        self._reduced.clear()
        for symbol, since_ns in opened_ns:
            self._seen[symbol] = (since_ns, regime)

    def state(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "reviewed": {symbol: list(seen) for symbol, seen in self._seen.items()},
            "reduced": sorted(self._reduced),
            "concerns": {symbol: sorted(found) for symbol, found in self._concerns.items()},
            "asking": sorted(self._asking),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        self._seen = {symbol: (ns, regime) for symbol, (ns, regime) in state["reviewed"].items()}
        self._reduced = set(state["reduced"])
        self._concerns = {symbol: frozenset(found) for symbol, found in state["concerns"].items()}
        self._asking = set(state["asking"])
