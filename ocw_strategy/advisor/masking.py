"""What a model may not recognise the market by, when it is to be shown none of it: the mask.

Behind a mask an instrument has a number in place of its name, and text that the model or the
rules wrote loses what tells of when and where: names of instruments, dates, and numbers that are
a price level or may be one. The names keep their order, so a mask is the same at every decision of
a run and notes stay true from one to the next. The mask comes off a decision with `unmask`.

It hides the levels, not the market: who knows every return of a month by heart may still find it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ocw_strategy.advisor.decision import Decision

_MONTHS: Final = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_DATE: Final = re.compile(
    r"\b\d{4}[-/]\d{1,2}([-/]\d{1,2})?\b|\b\d{1,2}[-/]\d{1,2}[-/]\d{4}\b" + rf"|\b({_MONTHS})\b"
)
_NUMBER: Final = re.compile(
    r"(?<![\w.])\$?[-+]?\$?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?([kKmM]\b)?(%?)"
)
_LEAST_LEVEL: Final = 100.0
_NEAR: Final = 0.02
_HIDDEN: Final = "[hidden]"


@dataclass(frozen=True, slots=True)
class Mask:
    """How instruments are called in a prompt, and what is left out of texts."""

    names: Mapping[str, str]
    """The name shown, by symbol."""
    masked: bool

    @classmethod
    def over(cls, symbols: Collection[str], *, masked: bool) -> "Mask":
        """Return the mask over these instruments; without `masked` it hides nothing."""
        ordered = sorted(symbols)
        return cls({s: f"X{k}" if masked else s for k, s in enumerate(ordered, start=1)}, masked)

    @property
    def shown(self) -> tuple[str, ...]:
        """The names as they are shown."""
        return tuple(self.names.values())

    def text(self, text: str, levels: Sequence[float] = ()) -> str:
        """Return a text without names, dates and what is, or may be, one of the levels."""
        if not self.masked:
            return text
        for symbol in sorted(self.names, key=len, reverse=True):
            venue = symbol.removesuffix("-PERP")
            base = re.sub(r"(USDT|USDC|BUSD|USD)$", "", venue)
            for form in (symbol, venue, base):
                text = re.sub(
                    rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])", self.names[symbol], text
                )
        text = _DATE.sub(_HIDDEN, text)
        return _NUMBER.sub(lambda found: _HIDDEN if _tells(found, levels) else found[0], text)

    def unmask(self, decision: Decision) -> Decision:
        """Return a decision with the instruments' own symbols; a name not shown stays as it is."""
        symbols = {name: symbol for symbol, name in self.names.items()}
        return decision.model_copy(
            update={
                "targets": tuple(
                    each.model_copy(update={"symbol": symbols.get(each.symbol, each.symbol)})
                    for each in decision.targets
                ),
                "wake_conditions": tuple(
                    each.model_copy(update={"symbol": symbols.get(each.symbol, each.symbol)})
                    for each in decision.wake_conditions
                ),
            }
        )


def _tells(found: re.Match[str], levels: Sequence[float]) -> bool:
    digits, exponent, scale, per_cent = found.groups()
    value = float(digits.replace(",", "") + (exponent or ""))
    if per_cent:
        return False
    value *= {"k": 1e3, "m": 1e6}.get((scale or "").lower(), 1.0)
    return value >= _LEAST_LEVEL or any(abs(value - each) <= _NEAR * each for each in levels)
