"""Lots: what each increase of exposure was for, closed first in, first out.

A position at the venue is one number; the reasons behind it are not. Every fill that increases it
opens a lot with the signals and the regime of its own decision, every fill that reduces it closes
the oldest lots first and yields one closed part per lot touched. Fees and funding are split by
quantity, so the parts add up to the account to the cent. Quantities are exact decimals.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ocw_strategy.journal.records import Trade
from ocw_strategy.risk.portfolio import PositionView


@dataclass(slots=True)
class Lot:
    """One increase of exposure, or what is left of it.

    Money is in US dollars. `funding_usd` is negative when paid.
    """

    lot_id: str
    symbol: str
    direction: int
    quantity: Decimal
    opened_quantity: Decimal
    entry_price: Decimal
    opened_ns: int
    decision_id: str
    regime: str
    signals: Mapping[str, float]
    volatility: float | None
    entry_fee_usd: Decimal
    parts_closed: int = 0
    funding_usd: Decimal = Decimal(0)
    best_price: Decimal = field(default=Decimal(0))
    worst_price: Decimal = field(default=Decimal(0))

    def __post_init__(self) -> None:
        """Start the extremes at the entry."""
        self.best_price = self.best_price or self.entry_price
        self.worst_price = self.worst_price or self.entry_price

    def see(self, high: Decimal, low: Decimal) -> None:
        """Take in the range of a bar for the extremes in and against the lot's favour."""
        favour, against = (high, low) if self.direction > 0 else (low, high)
        if (favour - self.best_price) * self.direction > 0:
            self.best_price = favour
        if (against - self.worst_price) * self.direction < 0:
            self.worst_price = against


@dataclass(frozen=True, slots=True)
class ClosedLot:
    """A lot, or a part of one, that a fill closed."""

    lot: Lot
    part: int
    quantity: Decimal
    exit_price: Decimal
    closed_ns: int
    gross_usd: Decimal
    fees_usd: Decimal
    funding_usd: Decimal

    @property
    def net_usd(self) -> Decimal:
        """Profit after fees and funding."""
        return self.gross_usd - self.fees_usd + self.funding_usd

    @property
    def entry_notional_usd(self) -> Decimal:
        """Entry value of the closed quantity."""
        return self.quantity * self.lot.entry_price


class LotBook:
    """The open lots of every instrument."""

    def __init__(self) -> None:
        self._lots: dict[str, list[Lot]] = {}

    def open_lots(self, symbol: str) -> tuple[Lot, ...]:
        """Return the open lots of `symbol`, oldest first."""
        return tuple(self._lots.get(symbol, ()))

    def is_open(self, symbol: str) -> bool:
        """Return whether `symbol` has an open lot."""
        return bool(self._lots.get(symbol))

    def any_open(self) -> bool:
        """Return whether any instrument has an open lot."""
        return any(self._lots.values())

    def quantity(self, symbol: str) -> Decimal:
        """Return the signed quantity the open lots add up to."""
        return sum((lot.quantity * lot.direction for lot in self.open_lots(symbol)), Decimal(0))

    def position(
        self, symbol: str, price: float, price_ns: int, trail_scale: float = 1.0
    ) -> PositionView | None:
        """Return the position the open lots add up to, or None when there are none.

        Parameters
        ----------
        price : float
            Last price, true at `price_ns`.
        trail_scale : float
            Multiplier of the trailing width.
        """
        lots = self._lots.get(symbol)
        if not lots:
            return None
        quantity = sum([lot.quantity for lot in lots], Decimal(0))
        value = sum([lot.quantity * lot.entry_price for lot in lots], Decimal(0))
        direction = lots[0].direction
        high, low = (max, min) if direction > 0 else (min, max)
        view = PositionView(
            symbol=symbol,
            quantity=float(quantity) * direction,
            entry_price=float(value / quantity),
            price=price,
            price_ns=price_ns,
            opened_ns=lots[0].opened_ns,
            best_price=float(high([lot.best_price for lot in lots])),
            worst_price=float(low([lot.worst_price for lot in lots])),
            trail_scale=trail_scale,
        )
        return view.marked(price, price_ns)

    def open(self, lot: Lot) -> None:
        """Add a lot; its direction must be that of the lots already open.

        Raises
        ------
        ValueError
            If a lot of the other direction is still open.
        """
        lots = self._lots.setdefault(lot.symbol, [])
        if lots and lots[0].direction != lot.direction:
            raise ValueError(f"{lot.symbol}: a lot of the other direction is still open")
        lots.append(lot)

    def add_funding(self, symbol: str, amount_usd: Decimal) -> None:
        """Split a funding payment over the open lots by quantity."""
        lots = self._lots.get(symbol, [])
        total = sum((lot.quantity for lot in lots), Decimal(0))
        for lot in lots:
            lot.funding_usd += amount_usd * lot.quantity / total

    def see(self, symbol: str, high: Decimal, low: Decimal) -> None:
        """Take in the range of a bar."""
        for lot in self._lots.get(symbol, ()):
            lot.see(high, low)

    def close(
        self, symbol: str, quantity: Decimal, price: Decimal, fee_usd: Decimal, now_ns: int
    ) -> list[ClosedLot]:
        """Close `quantity`, oldest lots first.

        Parameters
        ----------
        quantity : Decimal
            How much was closed; positive.
        fee_usd : Decimal
            Commission of the closing fill, split by quantity.

        Raises
        ------
        ValueError
            If more is closed than is open.
        """
        lots = self._lots.get(symbol, [])
        if quantity > sum((lot.quantity for lot in lots), Decimal(0)):
            raise ValueError(f"{symbol}: cannot close {quantity}, more than is open")
        closed = []
        left = quantity
        while left > 0:
            lot = lots[0]
            part = min(left, lot.quantity)
            share = part / lot.quantity
            entry_fee, funding = lot.entry_fee_usd * share, lot.funding_usd * share
            closed.append(
                ClosedLot(
                    lot=lot,
                    part=lot.parts_closed,
                    quantity=part,
                    exit_price=price,
                    closed_ns=now_ns,
                    gross_usd=(price - lot.entry_price) * part * lot.direction,
                    fees_usd=entry_fee + fee_usd * part / quantity,
                    funding_usd=funding,
                )
            )
            lot.parts_closed += 1
            lot.quantity -= part
            lot.entry_fee_usd -= entry_fee
            lot.funding_usd -= funding
            left -= part
            if not lot.quantity:
                lots.pop(0)
        return closed

    def state(self) -> dict[str, list[dict[str, object]]]:
        """Return the open lots as JSON-able values, exact."""
        return {
            symbol: [
                {
                    name: str(value) if isinstance(value, Decimal) else value
                    for name, value in ((s, getattr(lot, s)) for s in Lot.__slots__)
                }
                for lot in lots
            ]
            for symbol, lots in self._lots.items()
            if lots
        }

    def restore(self, state: Mapping[str, list[dict[str, object]]]) -> None:
        """Take back what `state` gave."""
        self._lots = {symbol: [_lot(values) for values in lots] for symbol, lots in state.items()}


_DECIMALS = (
    "quantity", "opened_quantity", "entry_price", "entry_fee_usd", "funding_usd", "best_price",
    "worst_price",
)  # fmt: skip


def _lot(values: Mapping[str, object]) -> Lot:
    exact = {name: Decimal(str(values[name])) for name in _DECIMALS}
    return Lot(**{**values, **exact})  # type: ignore[arg-type]


def trade_row(closed: ClosedLot, exit_reason: str) -> Trade:
    """Return the journal's record of a closed lot."""
    lot = closed.lot
    entry, notional = float(lot.entry_price), float(closed.entry_notional_usd)
    return Trade(
        trade_id=f"{lot.lot_id}/{closed.part}",
        lot_id=lot.lot_id,
        symbol=lot.symbol,
        direction=lot.direction,
        quantity=str(closed.quantity),
        entry_price=str(lot.entry_price),
        exit_price=str(closed.exit_price),
        opened_ns=lot.opened_ns,
        closed_ns=closed.closed_ns,
        gross_usd=float(closed.gross_usd),
        fees_usd=float(closed.fees_usd),
        funding_usd=float(closed.funding_usd),
        net_usd=float(closed.net_usd),
        net_return=float(closed.net_usd) / notional,
        regime=lot.regime,
        signals=json.dumps(dict(lot.signals), sort_keys=True, separators=(",", ":")),
        decision_id=lot.decision_id,
        exit_reason=exit_reason,
        max_favourable=(float(lot.best_price) - entry) / entry * lot.direction,
        max_adverse=(float(lot.worst_price) - entry) / entry * lot.direction,
    )
