"""Positions that neither venue nor journal explains, taken into the journal by a person's word.

Nothing is sent to the venue. What the venue holds beyond the journal becomes a lot at the venue's
mean entry price, without signals, so that it teaches nothing; what the journal holds beyond the
venue is written off at the mark, without a trade, since nobody knows what became of it. The next
node explains the position, gives it a stop and its exits, and enters again.

Refused: a journal behind the venue's own record of our orders. A node books those fills first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nautilus_trader.model.objects import Price

from ocw_strategy.engine import venue_symbol
from ocw_strategy.errors import OcwError
from ocw_strategy.journal import Event, FillRow, Intent, Journal
from ocw_strategy.live.account import AccountTruth
from ocw_strategy.live.reconcile import STATE
from ocw_strategy.live.restart import UNKNOWN, entry_context, entry_contexts, fill_of
from ocw_strategy.messages import TargetContext
from ocw_strategy.positions import PositionBook
from ocw_strategy.risk import ExitRules, client_order_id
from ocw_strategy.settings import Settings

ADOPTED = "adopted"
"""How the decision id of an adopted lot begins."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What separates venue and journal in one instrument; quantities are signed."""

    symbol: str
    there: Decimal
    """What the venue holds."""
    held: Decimal
    """What the journal explains."""
    entry_price: Decimal
    """The venue's mean entry price; zero where it holds nothing."""
    mark: Decimal

    @property
    def added(self) -> Decimal:
        """The quantity that becomes a lot."""
        return self.there - self._kept

    @property
    def written_off(self) -> Decimal:
        """The quantity of the journal's lots that is no longer there."""
        return self.held - self._kept

    @property
    def _kept(self) -> Decimal:
        if self.held * self.there <= 0:
            return Decimal(0)
        return min(self.held, self.there, key=abs)


def find_gaps(journal: Journal, settings: Settings, truth: AccountTruth) -> tuple[Gap, ...]:
    """Return every instrument whose position the journal does not explain.

    Raises
    ------
    OcwError
        If the venue has executed orders of ours that the journal has not booked.
    """
    symbols = tuple(sorted(settings.data.instruments))
    known = {intent.client_order_id for intent in journal.rows(Intent)}
    booked = {(venue_symbol(row.symbol), row.trade_id) for row in journal.rows(FillRow)}
    missed = [
        fill
        for fill in truth.fills
        if fill.client_id in known and (fill.symbol, fill.trade_id) not in booked
    ]
    if missed:
        raise OcwError(
            "journal", f"{len(missed)} fills behind the venue",
            "start the node once and stop it again: it books what its orders did",
        )  # fmt: skip
    book = _book(journal, settings)
    gaps = []
    for symbol in symbols:
        held = book.quantity(symbol) * book.direction(symbol) if book.is_held(symbol) else 0
        name = venue_symbol(symbol)
        if truth.positions[name] != held:
            gaps.append(
                Gap(
                    symbol=symbol,
                    there=truth.positions[name],
                    held=Decimal(held),
                    entry_price=truth.entries[name],
                    mark=truth.marks[name],
                )
            )
    return tuple(gaps)


def stop_after(journal: Journal, settings: Settings, gap: Gap, now_ns: int) -> float | None:
    """Return where the stop of a position will rest once it is adopted, or None if it is flat.

    A tighter one that rests already stays.
    """
    if not gap.there:
        return None
    book = _book(journal, settings, records(gap, now_ns))
    mark = Price.from_str(str(gap.mark))
    book.see(gap.symbol, mark, mark, mark, now_ns)
    position = book.position(gap.symbol)
    assert position is not None
    rules = ExitRules(settings.risk.exits, settings.costs.order)
    return rules.resting_stop(position).price


def is_passed(gap: Gap, stop: float) -> bool:
    """Return whether the mark is beyond a stop already: the node then closes at market."""
    return (float(gap.mark) - stop) * (1 if gap.there > 0 else -1) <= 0


def explain(journal: Journal, gap: Gap, now_ns: int, kind: str = ADOPTED) -> None:
    """Journal a gap as explained, durably and as one.

    Parameters
    ----------
    now_ns : int
        The market's time.
    kind : str, default "adopted"
        The kind of the event, and how the decision id of a new lot begins.
    """
    told = (
        f"the venue holds {gap.there} from {gap.entry_price}, the journal explained {gap.held}: "
        f"{gap.added} added, {gap.written_off} written off"
    )
    rows = [row for pair in records(gap, now_ns, kind) for row in pair]
    journal.append_durably(*rows, Event(now_ns, kind, gap.symbol, told))


def records(gap: Gap, now_ns: int, kind: str = ADOPTED) -> tuple[tuple[Intent, FillRow], ...]:
    """Return the intents and fills that make a journal explain what the venue holds."""
    found = []
    if gap.written_off:
        found.append(_pair(gap.symbol, "exit", -gap.written_off, gap.mark, now_ns, kind))
    if gap.added:
        found.append(_pair(gap.symbol, "entry", gap.added, gap.entry_price, now_ns, kind))
    return tuple(found)


def _pair(
    symbol: str, purpose: str, signed: Decimal, price: Decimal, now_ns: int, kind: str
) -> tuple[Intent, FillRow]:
    decision_id, leg = f"{kind}-{now_ns}", f"{symbol}/{kind}/{purpose}"
    context = TargetContext(
        symbol=symbol, exposure=0.0, confidence=0.0, posterior_scale=1.0, signals={},
        volatility=None,
    )  # fmt: skip
    side, quantity = "BUY" if signed > 0 else "SELL", str(abs(signed))
    name = client_order_id(kind, decision_id, leg, 0)
    intent = Intent(
        client_order_id=name,
        decision_id=decision_id,
        leg=leg,
        attempt=0,
        ts_ns=now_ns,
        symbol=symbol,
        purpose=purpose,
        side=side,
        quantity=quantity,
        trigger_price="",
        reference_price=str(price),
        context=context.model_dump_json() if purpose == "entry" else "",
    )
    fill = FillRow(
        trade_id=f"{kind}-{purpose}-{now_ns}",
        symbol=symbol,
        client_order_id=name,
        ts_ns=now_ns,
        purpose=purpose,
        side=side,
        quantity=quantity,
        price=str(price),
        commission_usd="0",
        liquidity="TAKER",
    )
    return intent, fill


def _book(
    journal: Journal, settings: Settings, more: Sequence[tuple[Intent, FillRow]] = ()
) -> PositionBook:
    # as a node finds it at its start
    symbols = tuple(sorted(settings.data.instruments))
    book = PositionBook(journal, symbols, settings.regime.trail_scale)
    intents = {intent.client_order_id: intent for intent in journal.rows(Intent)}
    contexts = entry_contexts(journal)
    contexts |= {i.client_order_id: entry_context(i, UNKNOWN) for i, _ in more if i.context}
    rows = [(intents[row.client_order_id], row) for row in journal.rows(FillRow)]
    book.rebuild(
        (intent, contexts.get(intent.client_order_id), fill_of(row))
        for intent, row in (*rows, *more)
    )
    state = journal.load_state(STATE)
    if state is not None:
        book.restore_marks(state["marks"])
    return book
