"""Limits over a whole decision at once: a decision requests, this module disposes.

`RiskLimits.plan` sees every target, every position (also of instruments the decision does not
mention) and every unfilled entry together, and answers with the legs that may be traded.

- Reductions come first and are never blocked, scaled or rationed.
- What grows exposure must fit the position cap, the gross cap, the free margin and the order
  rate, and nothing may stand in its way (a halt, a cooldown, stale data, an unknown price or
  equity, an order still working). When room is short, all increases shrink by one factor.
- A change of side is two legs: exit, then entry. The exit stands even where the entry falls.
- Every limit that changes a target leaves a `ClampEvent`, every target that is not followed a
  `Dropped`. Nothing is silently defaulted, and nothing is ever enlarged to reach a minimum.

A position is not cut for having drifted above a cap by less than the rebalance band, nor when no
target speaks of it; but then nothing else may grow. Without a usable equity or price no size can
be computed: what is held is held, unless the target is flat or on the other side.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ocw_strategy.risk.plan import ClampEvent, Dropped, Leg, Plan, Purpose
from ocw_strategy.risk.portfolio import Costs, Listing, PortfolioView, is_positive
from ocw_strategy.risk.settings import RiskSettings
from ocw_strategy.risk.sizing import InvalidTargetError, TargetExposure, wanted_fraction

_ORDER: dict[Purpose, int] = {"exit": 0, "reduce": 1, "entry": 2}


@dataclass(slots=True)
class _Change:
    """One instrument on its way through the limits, in signed notionals.

    From `held` it is reduced to `kept`, from there it grows to `target`.
    """

    symbol: str
    held: float
    kept: float
    target: float
    least_increase: float

    @property
    def increase(self) -> float:
        return abs(self.target) - abs(self.kept)


@dataclass(slots=True)
class _Records:
    clamps: list[ClampEvent] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def clamp(self, limit: str, change: _Change, after: float) -> None:
        self.clamps.append(ClampEvent(limit, change.symbol, change.target, after))
        change.target = after

    def drop(self, symbol: str, reason: str, detail: str) -> None:
        self.dropped.append(Dropped(symbol, reason, detail))


class RiskLimits:
    """The limits of one account.

    Parameters
    ----------
    settings : RiskSettings
    listings : Mapping[str, Listing]
        The instruments that may be traded.
    costs : Costs
        Set aside from the free margin for each entry.
    """

    def __init__(
        self, settings: RiskSettings, listings: Mapping[str, Listing], costs: Costs
    ) -> None:
        self._settings = settings
        self._listings = dict(listings)
        self._costs = costs

    def plan(self, targets: Sequence[TargetExposure], view: PortfolioView) -> Plan:
        """Return the legs that bring the portfolio as near to `targets` as the limits allow.

        Parameters
        ----------
        targets : Sequence[TargetExposure]
            At most one per instrument; an instrument without one is held as it is.
        view : PortfolioView
            The account as filled.

        Returns
        -------
        Plan
            Exits, then reductions, then entries, each by symbol.
        """
        records = _Records()
        changes = []
        mentions = Counter(target.symbol for target in targets)
        for target in sorted(targets, key=lambda target: target.symbol):
            if mentions[target.symbol] > 1:
                records.drop(target.symbol, "duplicate_target", f"exposure {target.exposure!r}")
            elif change := self._size(target, view, records):
                changes.append(change)
        self._refuse(changes, view, records)
        self._fit(changes, view, records)
        self._ration(changes, view, records)
        return Plan(_legs(changes), tuple(records.clamps), tuple(records.dropped))

    def _size(
        self, target: TargetExposure, view: PortfolioView, records: _Records
    ) -> _Change | None:
        """Settle what the target asks for and how much of the position it gives up."""
        symbol, held = target.symbol, view.notional(target.symbol)
        if symbol not in self._listings:
            records.drop(symbol, "unknown_instrument", "not among the traded instruments")
            return None
        try:
            fraction = wanted_fraction(target)
        except InvalidTargetError as error:
            records.drop(symbol, "invalid_target", str(error))
            return None
        price = view.price(symbol)
        if price is None or not is_positive(view.equity):
            if fraction != 0:
                records.drop(symbol, "no_size", f"equity {view.equity!r}, price {price!r}")
            leaves = held != 0 and fraction * held <= 0
            return _Change(symbol, held, 0.0, 0.0, 0.0) if leaves else None

        listing = self._listings[symbol]
        allowed = self._settings.max_position_fraction * view.equity
        band = self._settings.rebalance_band_fraction * allowed
        step = float(listing.step) * price
        # one step on top: the quantity is rounded down before the venue sees it
        least_increase = max(band, listing.minimum_notional + step)
        change = _Change(symbol, held, held, fraction * allowed, least_increase)
        if abs(change.target) > allowed:
            records.clamp("position", change, math.copysign(allowed, change.target))
        if change.target * held < 0:
            change.kept = 0.0
        elif abs(change.target) < abs(held):
            if 0 < abs(change.target) < listing.minimum_notional:
                records.clamp("minimum_notional", change, 0.0)
            reduction = abs(held) - abs(change.target)
            if change.target != 0 and reduction < max(band, step):
                records.drop(symbol, "rebalance_band", f"reduction of {reduction:.2f} USD")
                return None
            change.kept = change.target
        return change

    def _refuse(self, changes: list[_Change], view: PortfolioView, records: _Records) -> None:
        """Take back every increase that something forbids, or that is too small to trade."""
        for change in changes:
            if change.increase <= 0:
                continue
            if reason := _obstacle(change.symbol, view):
                records.clamp(f"entries_blocked:{reason}", change, change.kept)
            elif change.increase < change.least_increase:
                detail = f"increase of {change.increase:.2f} USD, least {change.least_increase:.2f}"
                records.drop(change.symbol, "too_small", detail)
                change.target = change.kept

    def _fit(self, changes: list[_Change], view: PortfolioView, records: _Records) -> None:
        """Shrink all increases by one factor into the room that is left."""
        growing = [change for change in changes if change.increase > 0]
        limit, room = self._room(changes, view)
        while growing and (total := sum(change.increase for change in growing)) > room:
            factor = room / total
            starved = [c for c in growing if factor * c.increase < c.least_increase]
            if not starved:
                for change in growing:
                    after = change.kept + factor * (change.target - change.kept)
                    records.clamp(limit, change, after)
                return
            # what one share is too small for is left to the others
            smallest = min(starved, key=lambda change: (change.increase, change.symbol))
            records.clamp(limit, smallest, smallest.kept)
            growing.remove(smallest)

    def _room(self, changes: list[_Change], view: PortfolioView) -> tuple[str, float]:
        """Return the tightest limit of new exposure and what it leaves, US dollars."""
        kept = {symbol: view.notional(symbol) for symbol in view.positions}
        kept |= {change.symbol: change.kept for change in changes}
        used = math.fsum(map(abs, (*kept.values(), *view.working.values())))
        per_dollar = 1 / self._settings.venue_leverage + self._costs.one_way
        rooms = {
            "gross_exposure": self._settings.max_gross_fraction * view.equity - used,
            # margin that reductions will free is not counted before they are filled
            "free_margin": view.free_margin / per_dollar,
        }
        rooms = {limit: room if room > 0 else 0.0 for limit, room in rooms.items()}
        return min(rooms.items(), key=lambda item: item[1])

    def _ration(self, changes: list[_Change], view: PortfolioView, records: _Records) -> None:
        """Keep the largest increases that the order rate allows."""
        reductions = sum(change.kept != change.held for change in changes)
        left = self._settings.max_orders_per_hour - view.orders_last_hour - reductions
        growing = [change for change in changes if change.increase > 0]
        growing.sort(key=lambda change: (-change.increase, change.symbol))
        for change in growing[max(0, left) :]:
            records.clamp("orders_per_hour", change, change.kept)


def _obstacle(symbol: str, view: PortfolioView) -> str | None:
    if reason := view.entries_blocked or view.blocked.get(symbol):
        return reason
    if any(view.price(held) is None for held in view.positions):
        return "unpriced_position"
    return "order_working" if symbol in view.working else None


def _legs(changes: list[_Change]) -> tuple[Leg, ...]:
    legs = []
    for change in changes:
        if change.kept != change.held:
            purpose: Purpose = "reduce" if change.kept else "exit"
            legs.append(Leg(change.symbol, change.kept, change.kept - change.held, purpose))
        if change.target != change.kept:
            delta = change.target - change.kept
            legs.append(Leg(change.symbol, change.target, delta, "entry"))
    return tuple(sorted(legs, key=lambda leg: (_ORDER[leg.purpose], leg.symbol)))
