"""A gap in the bars costs what cannot be had of it, and nothing that follows."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.model.data import Bar
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio

from ocw_strategy.account_actor import OCWActorConfig
from ocw_strategy.engine import bar_type
from ocw_strategy.journal import Event, Journal
from ocw_strategy.live.actor import LiveActor
from ocw_strategy.live.desk import NodeDesk
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.history import History
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.settings import load_settings, parse_time_ns
from ocw_strategy.units import MINUTE_NS

CONFIG = Path(__file__).parents[2] / "configs" / "demo-backtest.toml"
BTC = "BTCUSDT-PERP"
START_NS = parse_time_ns("2024-04-05")


def bar(number: int, symbol: str = BTC) -> Bar:
    close_ns = START_NS + number * 5 * MINUTE_NS
    price, volume = Price.from_str("100.0"), Quantity.from_str("1.0")
    return Bar(bar_type(symbol, 5), price, price, price, price, volume, close_ns, close_ns)


class Past(History):
    """What the venue says of the past: bars as given, or an error."""

    found: list[Bar] | Exception

    async def items(
        self, instruments: Mapping[str, Instrument], start_ns: int | None = None
    ) -> list[Any]:
        return [bar(0)]

    async def hours(self, before_ns: int) -> list[tuple[int, float]]:
        return []

    async def bars(self, instruments: Mapping[str, Instrument], start_ns: int) -> list[Any]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "node.db", run_id="gap") as opened:
        yield opened


async def lived(
    journal: Journal, found: list[Bar] | Exception, numbers: tuple[int, ...]
) -> tuple[LiveActor, NodeDesk]:
    """Return a warm actor after bars of these numbers have come."""
    settings = load_settings(CONFIG, {"data.instruments": [BTC], "regime.symbol": BTC})
    past = Past(settings, StatisticsHttp("http://127.0.0.1:9", time.time_ns), print)
    past.found = found
    node = NodeDesk(HaltFile(Path(journal.path)), replayed=False)
    config = OCWActorConfig(settings=settings.model_dump(mode="json"), run_id="gap")
    actor = LiveActor(config, node, past)
    clock = LiveClock()
    bus = MessageBus(TraderId("OCW-001"), clock)
    cache = Cache()
    actor.register_base(Portfolio(bus, cache, clock), bus, cache, clock)
    actor.start()
    for number in numbers:
        await asyncio.sleep(0.05)  # what was begun comes to its end
        actor.on_bar(bar(number))
    await asyncio.sleep(0.05)
    actor.stop()
    actor.dispose()
    return actor, node


def events(journal: Journal) -> list[tuple[str, str]]:
    return [(row.kind, row.detail) for row in journal.rows(Event)]


def test_a_gap_is_filled_and_what_waited_follows(journal: Journal) -> None:
    actor, node = asyncio.run(lived(journal, [bar(1), bar(2), bar(3)], (1, 3, 4)))
    assert actor._closes == {BTC: bar(4).ts_event}
    assert [kind for kind, _ in events(journal)] == ["bars_missed"]
    assert node.blocks == {}


def test_bars_that_cannot_be_had_are_gone_and_what_waited_follows(journal: Journal) -> None:
    actor, node = asyncio.run(lived(journal, TimeoutError("no answer"), (1, 3, 4)))
    assert actor._closes == {BTC: bar(4).ts_event}
    assert "not filled: TimeoutError('no answer')" in [detail for _, detail in events(journal)]
    assert node.blocks == {}


def test_a_fault_in_the_filling_is_told_and_later_bars_are_taken_in(journal: Journal) -> None:
    stranger = bar(2, "XRPUSDT-PERP")  # of an instrument that is not watched
    actor, node = asyncio.run(lived(journal, [stranger], (1, 3, 4, 5)))
    assert any(kind == "fault:gap" for kind, _ in events(journal))
    assert list(node.blocks) == ["fault:gap"]
    assert actor._closes == {BTC: bar(5).ts_event}
    assert not actor._desk.warming, "what is held is reviewed again"
