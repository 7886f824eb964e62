"""When the strategy writes what a restart needs: a halt at once, the rest a moment later."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.portfolio.portfolio import Portfolio

from ocw_strategy.journal import Journal
from ocw_strategy.live.account import AccountTruth
from ocw_strategy.live.deferred import DELAY_S
from ocw_strategy.live.desk import NodeDesk
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.reconcile import STATE
from ocw_strategy.live.strategy import LiveStrategy
from ocw_strategy.protected import OCWStrategyConfig
from ocw_strategy.settings import load_settings
from ocw_strategy.units import MINUTE_NS

CONFIG = Path(__file__).parents[2] / "configs" / "demo-backtest.toml"
NOTHING = AccountTruth({}, {}, {}, (), {}, (), frozenset(), frozenset())
RUN = "keeping"
NOON_NS = 1_748_779_200_000_000_000


class Measured(LiveStrategy):
    """The strategy, with an equity as given."""

    equity_usd = 10_000.0

    def _equity(self) -> float:
        return self.equity_usd


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "node.db", run_id=RUN) as opened:
        yield opened


def strategy_on(journal: Journal) -> Measured:
    settings = load_settings(CONFIG).model_dump(mode="json")
    node = NodeDesk(HaltFile(Path(journal.path)), replayed=False)
    made = Measured(OCWStrategyConfig(settings=settings, run_id=RUN), node, NOTHING)
    clock, trader = LiveClock(), TraderId("OCW-001")
    bus, cache = MessageBus(trader, clock), Cache()
    made.register(trader, Portfolio(bus, cache, clock), bus, cache, clock)
    return made


def test_a_halt_is_on_disk_at_once_and_an_ordinary_close_a_moment_later(journal: Journal) -> None:
    async def main() -> None:
        strategy = strategy_on(journal)
        strategy._watch_equity(NOON_NS + MINUTE_NS)
        assert journal.load_state(STATE) is None, "an order that follows leaves first"
        await asyncio.sleep(3 * DELAY_S)
        assert halt()["drawdown_halt"] is False
        strategy.equity_usd = 1_000.0
        strategy._watch_equity(NOON_NS + 2 * MINUTE_NS)
        assert halt()["drawdown_halt"] is True

    def halt() -> dict[str, Any]:
        state = journal.load_state(STATE)
        assert state is not None
        found: dict[str, Any] = state["halt"]
        return found

    asyncio.run(main())
