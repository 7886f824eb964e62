"""What closed trades taught: a short record of each, and the few that matter to a decision.

After each closed trade the book notes what was expected (side, confidence, reason, signals), what
came, and which signals were right about the price. No model is asked: the same trade makes the
same words. At a decision it picks those of the same regime, of an instrument that is held or spoke,
with signals that point the same way, and of late, until the tokens allowed are used. Of several
trades of one decision in one instrument the latest alone is shown.

A reflection informs and decides nothing. Its reason may be a model's words: it is quoted.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from operator import mul
from typing import TYPE_CHECKING, Any, Final

from ocw_strategy.advisor.decision import Decision
from ocw_strategy.advisor.quoting import quoted
from ocw_strategy.advisor.sizes import tokens_of_bytes
from ocw_strategy.market.snapshot import MAX_REFLECTION, MAX_REFLECTIONS
from ocw_strategy.units import DAY_NS, HOUR_NS, SIGNALS

if TYPE_CHECKING:  # the journal's record is handed in
    from ocw_strategy.journal.records import Trade

_REMEMBERED: Final = 200
_EXPECTED: Final = 64  # decisions with targets: more than a position can live through
_SPOKE: Final = 0.05  # a smaller signal had no opinion
_HALF_LIFE_NS: Final = 30 * DAY_NS
_SAME_REGIME: Final = 2.0
_CONCERNED: Final = 1.0
_SHORT: Final = {name: name for name in SIGNALS} | {"cumulative_volume_delta": "cvd"}
_FRAME: Final = "<reflections>\n</reflections>\n"
_LINE: Final = "- \n"


@dataclass(frozen=True, slots=True)
class Reflection:
    """What one closed trade taught."""

    trade_id: str
    decision_id: str
    """The decision that opened the trade."""
    ts_ns: int
    """When the trade was closed."""
    symbol: str
    direction: int
    """1 long, -1 short."""
    regime: str
    """At entry."""
    signals: dict[str, float]
    """At entry."""
    right: tuple[str, ...]
    """Signals that had the price's direction right."""
    wrong: tuple[str, ...]
    net_return: float
    """After costs, a fraction of entry notional."""
    text: str
    """All of it in a line of ASCII."""

    @property
    def words(self) -> str:
        """Return the signals' verdicts as words to search for: ``funding_right cvd_wrong``."""
        verdicts = [f"{name}_right" for name in self.right] + [f"{n}_wrong" for n in self.wrong]
        return " ".join(verdicts)


def reflect(
    trade: "Trade", signals: Mapping[str, float], *, confidence: float | None, reason: str
) -> Reflection:
    """Return the reflection on a closed trade.

    Parameters
    ----------
    signals : Mapping[str, float]
        The signals at entry.
    confidence : float or None
        What the decision said; None where that is not known any more.
    reason : str
        The decision's reason; of one over several instruments the part on this one is taken.
    """
    rise = trade.direction * ((trade.gross_usd > 0) - (trade.gross_usd < 0))
    spoke = {name: signals[name] for name in SIGNALS if abs(signals.get(name, 0.0)) >= _SPOKE}
    right = tuple(name for name, value in spoke.items() if value * rise > 0)
    wrong = tuple(name for name, value in spoke.items() if value * rise < 0)
    return Reflection(
        trade_id=trade.trade_id,
        decision_id=trade.decision_id,
        ts_ns=trade.closed_ns,
        symbol=trade.symbol,
        direction=trade.direction,
        regime=trade.regime,
        signals=dict(signals),
        right=right,
        wrong=wrong,
        net_return=trade.net_return,
        text=_text(trade, right, wrong, confidence, reason),
    )


def _text(
    trade: "Trade",
    right: Collection[str],
    wrong: Collection[str],
    confidence: float | None,
    reason: str,
) -> str:
    side = "long" if trade.direction > 0 else "short"
    sure = "" if confidence is None else f" conf {confidence:.2f}"
    held = (trade.closed_ns - trade.opened_ns) / HOUR_NS
    parts = [
        f"{trade.symbol} {side}{sure} in {trade.regime}: {trade.net_return:+.2%} in {held:.1f} h "
        f"by {trade.exit_reason}, best {trade.max_favourable:+.1%} worst {trade.max_adverse:+.1%}"
    ]
    if right:
        parts.append(f"right {'/'.join(_SHORT[name] for name in right)}")
    if wrong:
        parts.append(f"wrong {'/'.join(_SHORT[name] for name in wrong)}")
    if about := reason.rpartition(f"{trade.symbol}: ")[2]:
        parts.append(f"reason: {about}")
    return quoted("; ".join(parts), MAX_REFLECTION)


type _Votes = tuple[int, ...]
"""What each of ``SIGNALS`` said: 1 a rise, -1 a fall, 0 nothing."""


def _votes(signals: Mapping[str, float]) -> _Votes:
    values = (signals.get(name, 0.0) for name in SIGNALS)
    return tuple((value > 0.0) - (value < 0.0) if abs(value) >= _SPOKE else 0 for value in values)


@cache
def _agreement(then: _Votes, now: _Votes) -> float:
    # 1 when all said the same, -1 when all said the opposite
    return sum(map(mul, then, now)) / len(SIGNALS)


@dataclass(frozen=True, slots=True)
class _Expectation:
    confidences: dict[str, float]
    reason: str


class ReflectionBook:
    """The decisions whose trades are open, and what the closed ones taught."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expectation] = {}
        self._reflections: deque[tuple[Reflection, _Votes]] = deque(maxlen=_REMEMBERED)

    def expect(self, decision_id: str, decision: Decision) -> None:
        """Remember what a decision expects of the positions it asks for."""
        confidences = {t.symbol: t.confidence for t in decision.targets if t.exposure}
        if not confidences:
            return
        self._expected[decision_id] = _Expectation(confidences, decision.reason)
        while len(self._expected) > _EXPECTED:
            del self._expected[next(iter(self._expected))]

    def learn(self, trade: "Trade", signals: Mapping[str, float]) -> Reflection:
        """Reflect on a closed trade, remember it and return it."""
        expected = self._expected.get(trade.decision_id)
        found = reflect(
            trade,
            signals,
            confidence=expected.confidences.get(trade.symbol) if expected else None,
            reason=expected.reason if expected else "",
        )
        self._remember(found)
        return found

    def text(self, trade_id: str) -> str:
        """Return the text of a remembered reflection; empty where there is none."""
        return next((each.text for each, _ in self._reflections if each.trade_id == trade_id), "")

    def rewrite(self, trade_id: str, text: str) -> Reflection | None:
        """Put a text in the place of a reflection's; None where it is not remembered."""
        for at, (each, votes) in enumerate(self._reflections):
            if each.trade_id == trade_id:
                found = replace(each, text=text)
                self._reflections[at] = found, votes
                return found
        return None

    def choose(
        self,
        now_ns: int,
        *,
        regime: str,
        signals: Mapping[str, Mapping[str, float]],
        concerned: Collection[str],
        tokens: int,
    ) -> tuple[str, ...]:
        """Return the texts that matter most to a decision, the most relevant first.

        Parameters
        ----------
        signals : Mapping[str, Mapping[str, float]]
            The signals now, by instrument; reflections on others are passed over.
        concerned : collection of str
            Instruments that are held or spoke for the decision.
        tokens : int
            The most that all of them may take in the prompt, an ESTIMATE.
        """
        views = {
            symbol: (_votes(values), _CONCERNED * (symbol in concerned))
            for symbol, values in signals.items()
        }
        latest = {(found[0].decision_id, found[0].symbol): found for found in self._reflections}
        scored = []
        for each, then in latest.values():
            if each.symbol not in views:
                continue
            now, about = views[each.symbol]
            relevance = (
                about
                + _SAME_REGIME * (each.regime == regime)
                + _agreement(then, now)
                + 0.5 ** ((now_ns - each.ts_ns) / _HALF_LIFE_NS)
            )
            scored.append((-relevance, -each.ts_ns, each.trade_id, each.text))
        scored.sort()
        chosen: list[str] = []
        size = len(_FRAME)
        for *_, text in scored:
            if len(chosen) == MAX_REFLECTIONS:
                break
            longer = size + len(_LINE) + len(text)  # ASCII: a character is a byte
            if tokens_of_bytes(longer) <= tokens:
                chosen.append(text)
                size = longer
        return tuple(chosen)

    def _remember(self, found: Reflection) -> None:
        self._reflections.append((found, _votes(found.signals)))

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "expected": {key: asdict(each) for key, each in self._expected.items()},
            "reflections": [asdict(each) for each, _ in self._reflections],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self._expected = {key: _Expectation(**each) for key, each in state["expected"].items()}
        self._reflections.clear()
        for each in state["reflections"]:
            verdicts = {"right": tuple(each["right"]), "wrong": tuple(each["wrong"])}
            self._remember(Reflection(**{**each, **verdicts}))
