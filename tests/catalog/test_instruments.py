import gzip
import json
from decimal import Decimal

import pytest

from ocw_strategy.catalog.instruments import SYMBOLS, bar_type, instrument_id, perpetual
from ocw_strategy.errors import CatalogError
from tests.shared import shared_data


def test_unknown_symbol_is_refused_with_the_known_ones():
    with pytest.raises(CatalogError, match="'DOGEUSDT'; use one of BTCUSDT, ETHUSDT, SOLUSDT"):
        perpetual("DOGEUSDT")


def test_fees_are_the_callers_to_change():
    assert perpetual("BTCUSDT").taker_fee == Decimal("0.0005")
    assert perpetual("BTCUSDT", taker_fee=Decimal("0.0003")).taker_fee == Decimal("0.0003")


@pytest.mark.parametrize(
    ("minutes", "step"), [(1, "1-MINUTE"), (15, "15-MINUTE"), (60, "1-HOUR"), (240, "4-HOUR")]
)
def test_bar_type_writes_whole_hours_as_hours(minutes, step):
    assert str(bar_type("ETHUSDT", minutes)) == f"ETHUSDT-PERP.BINANCE-{step}-LAST-EXTERNAL"


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_rules_are_the_venues_own(symbol):
    folder = shared_data().parent / "payloads" / "noahark_fapi_2026"
    answer = json.loads(gzip.decompress((folder / "fapi-v1-exchangeInfo.json.gz").read_bytes()))
    listed = next(entry for entry in answer["symbols"] if entry["symbol"] == symbol)
    rules = {rule["filterType"]: rule for rule in listed["filters"]}
    ours = perpetual(symbol)
    assert ours.id == instrument_id(symbol)
    assert ours.price_increment.as_decimal() == Decimal(rules["PRICE_FILTER"]["tickSize"])
    assert ours.size_increment.as_decimal() == Decimal(rules["LOT_SIZE"]["stepSize"])
    assert ours.min_quantity.as_decimal() == Decimal(rules["LOT_SIZE"]["minQty"])
    assert ours.max_quantity.as_decimal() == Decimal(rules["LOT_SIZE"]["maxQty"])
    assert ours.min_notional.as_decimal() == Decimal(rules["MIN_NOTIONAL"]["notional"])
    assert ours.margin_init * 100 == Decimal(listed["requiredMarginPercent"])
    assert ours.margin_maint * 100 == Decimal(listed["maintMarginPercent"])
