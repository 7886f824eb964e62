"""What the actor is told about a perpetual besides its bars, as registered Nautilus custom data.

The engine's own funding type cannot be streamed in chunks and has no sibling for open interest or
ratios, so these three travel instead, the same live and in backtests. ``ts_event`` is the moment a
row speaks of, ``ts_init`` the moment it became known. NaN means *not published*; it is never zero.

A class name is registered once per process: importing this module again (a notebook reloading it)
yields the classes already registered. Postponed annotations must stay off here, the engine reads
the annotations as types.
"""

import math
from typing import Any

from nautilus_trader.core.data import Data
from nautilus_trader.core.nautilus_pyo3.model import register_custom_data_class
from nautilus_trader.model.custom import customdataclass_pyo3
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.serialization.arrow.serializer import list_schemas

_UNSET = InstrumentId.from_str("UNSET.BINANCE")


def _from_arrow(cls: Any, table: Any) -> list[Any]:
    # by column and past the generated constructor: a third of the engine's time a row
    texts = table.column("instrument_id").to_pylist()
    ids = {text: InstrumentId.from_str(text) for text in set(texts)}
    columns = {
        "instrument_id": [ids[text] for text in texts],
        "_ts_event": table.column("ts_event").to_pylist(),
        "_ts_init": table.column("ts_init").to_pylist(),
    }
    for name in table.schema.names:
        if name not in {"instrument_id", "type", "ts_event", "ts_init"}:
            columns[name] = table.column(name).to_pylist()
    items = []
    for row in zip(*columns.values(), strict=True):
        item = cls.__new__(cls)
        item.__dict__.update(zip(columns, row, strict=True))
        items.append(item)
    return items


def _registered(cls: Any) -> Any:
    known = {registered.__name__: registered for registered in list_schemas()}
    if cls.__name__ in known:
        return known[cls.__name__]
    cls.from_arrow = classmethod(_from_arrow)
    cls.decode_record_batch_py = classmethod(lambda cls, _metadata, batch: _from_arrow(cls, batch))
    cls = customdataclass_pyo3()(cls)
    register_custom_data_class(cls)
    return cls


@_registered
class OcwFundingRate(Data):
    """The funding rate settled at ``ts_event``, a fraction of the position's notional.

    Positive: longs pay shorts.
    """

    instrument_id: InstrumentId = _UNSET
    rate: float = math.nan


@_registered
class OcwDerivatives(Data):
    """Open interest at ``ts_event`` and the ratios of the five minutes before it.

    Open interest is in base units, its value in the quote currency; a ratio is longs over shorts
    (or taker buys over taker sells) and positive.
    """

    instrument_id: InstrumentId = _UNSET
    open_interest: float = math.nan
    open_interest_value: float = math.nan
    toptrader_account_ls_ratio: float = math.nan
    toptrader_position_ls_ratio: float = math.nan
    global_account_ls_ratio: float = math.nan
    taker_buy_sell_ratio: float = math.nan


@_registered
class OcwTakerFlow(Data):
    """The part of a bar's volume that takers bought, in base units; ``ts_event`` is its close.

    ``minutes`` is the length of the bar: a catalog can hold several. (The adapter's own bar with
    taker volume cannot be streamed in chunks.)
    """

    instrument_id: InstrumentId = _UNSET
    minutes: int = 0
    buy_volume: float = math.nan
    volume: float = math.nan
