"""The half of the actor that knows the account: what is held, its equity, and what halts entries.

All of it is read: positions and stops from the engine's cache, prices from the desk, halts as the
strategy last told them.
"""

from collections.abc import Iterable
from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.position import Position

from ocw_strategy.account import AccountView, Holding
from ocw_strategy.desk import DecisionDesk
from ocw_strategy.engine import balance_usd
from ocw_strategy.journal import Journal
from ocw_strategy.messages import OcwHalts
from ocw_strategy.regimes import RegimeWatch
from ocw_strategy.risk import HaltGuard, measures_equity
from ocw_strategy.settings import Settings, settings_from


class OCWActorConfig(ActorConfig, frozen=True):
    """Configure the actor: the run's settings as plain values, and its journal's run id."""

    settings: dict[str, Any]
    run_id: str
    wake: bool = True
    """False evaluates the gate and never asks: what watching alone costs."""


class AccountActor(Actor):
    """See the account.

    Parameters
    ----------
    config : OCWActorConfig
    """

    def __init__(self, config: OCWActorConfig) -> None:
        super().__init__(config)
        self._settings: Settings = settings_from(config.settings)
        self._journal: Journal = Journal.attach(config.run_id)
        self.regimes = RegimeWatch(self._settings)
        """The regime, close by close; a precomputed track is put in before the start."""
        self._desk = DecisionDesk(self._settings, self._journal, self.regimes.at)
        self._symbol_of: dict[InstrumentId, str] = {}
        self._halts: OcwHalts | None = None

    def _holdings(self) -> tuple[Holding, ...]:
        if not self.cache.positions_open_count():
            return ()
        stops = {
            order.instrument_id: order.trigger_price.as_double()
            for order in self.cache.orders_open()
            if order.has_trigger_price
        }
        held = [
            Holding(
                symbol=self._symbol_of[position.instrument_id],
                quantity=position.signed_qty,
                entry_price=position.avg_px_open,
                opened_ns=self._opened_ns(position),
                price=self._desk.price(self._symbol_of[position.instrument_id]),
                stop_price=stops.get(position.instrument_id),
            )
            for position in self.cache.positions_open()
        ]
        return tuple(sorted(held, key=lambda holding: holding.symbol))

    def _opened_ns(self, position: Position) -> int:
        return position.ts_opened

    def _equity(self, holdings: Iterable[Holding]) -> float:
        return balance_usd(self.portfolio) + sum(
            h.quantity * (h.price - h.entry_price) for h in holdings
        )

    def _account(self, now_ns: int, holdings: tuple[Holding, ...]) -> AccountView:
        equity = self._equity(holdings)
        guard = self._halt_guard(now_ns, equity, held=bool(holdings))
        return AccountView(
            now_ns=now_ns,
            equity_usd=equity,
            holdings=holdings,
            drawdown_fraction=guard.drawdown_fraction,
            day_return_fraction=-guard.daily_loss_fraction,
            entries_blocked=guard.blocked(now_ns),
        )

    def _halt_guard(self, now_ns: int, equity: float, *, held: bool) -> HaltGuard:
        # The strategy's guard as it last told, and this close's equity, which it takes in next.
        guard = HaltGuard(self._settings.risk.halt)
        if self._halts is not None:
            guard.restore(self._halts.read())
        told_ns = self._halts.ts_event if self._halts is not None else 0
        if now_ns > told_ns and measures_equity(now_ns, held=held):
            guard.on_equity(now_ns, equity)
        return guard
