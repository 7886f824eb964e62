"""The regime now, and what the bandit believes of each signal in each regime."""

import math

from ocw_strategy.journal import Evaluation, JournalReader, Posterior, RegimeRow
from ocw_strategy.model import Strict, known


class RegimeView(Strict):
    """The regime in force."""

    regime: str
    since_ns: int | None
    """When it began; None where the journal says only that it is so."""
    volatility: str
    macro: str
    probability: float | None
    annualised_volatility: float | None
    """A fraction."""


class PosteriorView(Strict):
    """A signal's Beta posterior in a regime; a mean of 0.5 is break-even after cost."""

    regime: str
    signal: str
    mean: float
    deviation: float
    """Standard deviation."""
    outcomes: int
    """Closed trades behind it."""
    ts_ns: int
    """When it last changed."""


def regime_now(journal: JournalReader) -> RegimeView | None:
    """Return the regime in force, or None before the first."""
    rows = journal.rows(RegimeRow, order="rowid DESC", limit=1)
    if rows:
        row = rows[0]
        return RegimeView(
            regime=row.regime,
            since_ns=row.ts_ns,
            volatility=row.volatility,
            macro=row.macro,
            probability=known(row.probability),
            annualised_volatility=known(row.annualised_volatility),
        )
    seen = journal.rows(Evaluation, order="rowid DESC", limit=1)
    if not seen:
        return None
    volatility, _, macro = seen[0].regime.partition("_")
    return RegimeView(
        regime=seen[0].regime,
        since_ns=None,
        volatility=volatility,
        macro=macro,
        probability=None,
        annualised_volatility=None,
    )


def posteriors(journal: JournalReader) -> tuple[PosteriorView, ...]:
    """Return the newest posterior of every signal in every regime that has traded."""
    newest = "rowid IN (SELECT max(rowid) FROM posteriors GROUP BY regime, signal)"
    return tuple(map(_view, journal.rows(Posterior, newest, order="regime, signal")))


def _view(row: Posterior) -> PosteriorView:
    total = row.alpha + row.beta
    return PosteriorView(
        regime=row.regime,
        signal=row.signal,
        mean=row.alpha / total,
        deviation=math.sqrt(row.alpha * row.beta / (total * total * (total + 1))),
        outcomes=row.outcomes,
        ts_ns=row.ts_ns,
    )
