import importlib
import math
import sys
from collections import Counter
from pathlib import Path

import pytest
from nautilus_trader.backtest.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
)
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ImportableActorConfig, LoggingConfig
from nautilus_trader.config import ActorConfig, DataEngineConfig
from nautilus_trader.model.data import Bar, BarType, DataType
from nautilus_trader.model.identifiers import ClientId

import ocw_strategy.catalog.types
from ocw_strategy.catalog.instruments import bar_type, instrument_id
from ocw_strategy.catalog.types import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.catalog.writer import write_frame
from ocw_strategy.units import SECOND_NS
from tests.catalog import market

CUSTOM = (OcwFundingRate, OcwDerivatives, OcwTakerFlow)
received: list[tuple] = []


class ListenerConfig(ActorConfig, frozen=True):
    bars: str


class Listener(Actor):
    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(self.config.bars))
        for data_class in CUSTOM:
            self.subscribe_data(DataType(data_class), client_id=ClientId("OCW"))

    def on_bar(self, bar: Bar) -> None:
        received.append((bar.ts_init, "Bar", bar.ts_event, str(bar.close)))

    def on_data(self, data) -> None:
        received.append((data.ts_init, type(data).__name__, data.ts_event, repr(data)))


@pytest.fixture(scope="module")
def catalog_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    write_frame(folder, "bars_5m", "BTCUSDT", market.bars(600, taker=True), source="bars")
    write_frame(folder, "metrics_5m", "BTCUSDT", market.metrics(600), source="metrics")
    write_frame(folder, "funding", "BTCUSDT", market.funding(6), source="funding")
    return folder


def run(catalog_dir: Path, chunk_size: int | None) -> list[tuple]:
    received.clear()
    bars, instrument = str(bar_type("BTCUSDT", 5)), instrument_id("BTCUSDT").value
    config = BacktestRunConfig(
        engine=BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            data_engine=DataEngineConfig(external_clients=[ClientId("OCW")]),
            actors=[
                ImportableActorConfig(
                    actor_path=f"{__name__}:Listener",
                    config_path=f"{__name__}:ListenerConfig",
                    config={"bars": bars},
                )
            ],
        ),
        venues=[
            BacktestVenueConfig(
                name="BINANCE",
                oms_type="NETTING",
                account_type="MARGIN",
                starting_balances=["10000 USDT"],
            )
        ],
        data=[
            BacktestDataConfig(catalog_path=str(catalog_dir), data_cls=Bar, bar_types=[bars]),
            *(
                BacktestDataConfig(
                    catalog_path=str(catalog_dir),
                    data_cls=data_class,
                    instrument_ids=[instrument],
                    client_id="OCW",
                )
                for data_class in CUSTOM
            ),
        ],
        chunk_size=chunk_size,
        raise_exception=True,
    )
    BacktestNode([config]).run()
    return list(received)


@pytest.mark.parametrize("chunk_size", [None, 100, 10_000])
def test_actor_receives_every_row_in_order_of_knowledge_chunked_or_not(catalog_dir, chunk_size):
    rows = run(catalog_dir, chunk_size)
    counts = Counter(row[1] for row in rows)
    assert counts == {
        "Bar": 600,
        "OcwTakerFlow": 600,
        "OcwDerivatives": 600,
        "OcwFundingRate": 6,
    }
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    known_later = {
        row[0] - row[2] for row in rows if row[1] in {"OcwDerivatives", "OcwFundingRate"}
    }
    assert known_later == {300 * SECOND_NS}


def test_chunks_change_no_value(catalog_dir):
    assert sorted(run(catalog_dir, 100)) == sorted(run(catalog_dir, None))


def test_what_was_not_published_arrives_as_nan(catalog_dir):
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

    first, second = (
        item.data for item in ParquetDataCatalog(str(catalog_dir)).query(OcwDerivatives)[:2]
    )
    assert math.isnan(first.toptrader_account_ls_ratio)
    assert second.toptrader_account_ls_ratio == 1.001


@pytest.mark.parametrize("data_class", CUSTOM)
def test_column_decoder_gives_what_the_generated_one_gives(data_class):
    table = data_class(instrument_id=instrument_id("BTCUSDT"), ts_event=5, ts_init=7).to_arrow()
    (decoded,) = data_class.from_arrow(table)
    assert repr(decoded) == repr(data_class.from_dict(table.to_pylist()[0]))
    assert (decoded.ts_event, decoded.ts_init) == (5, 7)


def test_importing_again_keeps_the_registered_classes():
    assert importlib.reload(ocw_strategy.catalog.types).OcwDerivatives is OcwDerivatives
    held = sys.modules.pop("ocw_strategy.catalog.types")
    try:
        fresh = importlib.import_module("ocw_strategy.catalog.types")
        assert fresh is not held
        assert fresh.OcwFundingRate is OcwFundingRate
    finally:
        sys.modules["ocw_strategy.catalog.types"] = held
