"""Checked frames as the very tables the Nautilus catalog holds, and back, without an object a row.

Prices and volumes are 128-bit integers of 1e-16 in a fixed-size binary. They are made and read by
column; a test holds each table against what the engine's own serialiser writes.
"""

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.core.nautilus_pyo3 import FIXED_PRECISION, PRECISION_BYTES
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.serialization.arrow.serializer import get_schema

from ocw_strategy.catalog.frames import PRICES, FloatArray, Frame, IntArray
from ocw_strategy.catalog.instruments import bar_type, instrument_id, perpetual
from ocw_strategy.catalog.types import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.errors import CatalogError


class Part(NamedTuple):
    """Rows of one type and one identifier, in the catalog's schema."""

    data_class: Any
    identifier: str
    table: pa.Table


def parts(frame: Frame, symbol: str, *, delay_ns: int, source: str) -> list[Part]:
    """Return what the catalog is to hold of a frame.

    Prices are rounded to the instrument's tick and volumes to its lot. Bars and marks are stamped
    at their close, a settlement at its own time for the settlement module and, as custom data, once
    more with the delay after which the actor knows it.

    Raises
    ------
    CatalogError
        If the symbol is unknown or a price rounds to zero.
    """
    build = {"bars": _bars, "mark": _marks, "funding": _funding, "metrics": _metrics}
    return build[frame.kind.family](frame, symbol, delay_ns, source)


def _bars(frame: Frame, symbol: str, _delay_ns: int, source: str) -> list[Part]:
    instrument, bars = perpetual(symbol), bar_type(symbol, frame.kind.minutes)
    close_ns = frame.ts_ns + frame.kind.interval_ns
    columns = {name: _prices(frame, name, instrument.price_precision, source) for name in PRICES}
    columns["volume"] = to_fixed(frame.columns["volume"], instrument.size_precision)
    metadata = {
        "bar_type": str(bars),
        "instrument_id": instrument.id.value,
        "price_precision": str(instrument.price_precision),
        "size_precision": str(instrument.size_precision),
    }
    found = [Part(Bar, str(bars), _table(Bar, columns, close_ns, close_ns, metadata))]
    taker = frame.columns.get("taker_buy_volume")
    if taker is not None:
        minutes = np.full(len(taker), frame.kind.minutes)
        flow = {"minutes": minutes, "buy_volume": taker, "volume": frame.columns["volume"]}
        # a nanosecond before its bar, so that it is there whichever of the two is streamed first
        found.append(_custom(OcwTakerFlow, symbol, flow, close_ns, close_ns - 1))
    return found


def _marks(frame: Frame, symbol: str, _delay_ns: int, source: str) -> list[Part]:
    instrument = perpetual(symbol)
    close_ns = frame.ts_ns + frame.kind.interval_ns
    value = _prices(frame, "close", instrument.price_precision, source)
    metadata = {
        "instrument_id": instrument.id.value,
        "price_precision": str(instrument.price_precision),
    }
    table = _table(MarkPriceUpdate, {"value": value}, close_ns, close_ns, metadata)
    return [Part(MarkPriceUpdate, instrument.id.value, table)]


def _funding(frame: Frame, symbol: str, delay_ns: int, _source: str) -> list[Part]:
    rates, identifier = frame.columns["rate"], instrument_id(symbol).value
    texts = [f'"{Decimal(repr(rate))}"'.encode() for rate in rates.tolist()]
    columns = {
        "rate": pa.array(texts, pa.binary()),
        "interval": pa.nulls(len(rates), pa.uint16()),
        "next_funding_ns": pa.nulls(len(rates), pa.uint64()),
    }
    native = _table(
        FundingRateUpdate, columns, frame.ts_ns, frame.ts_ns, {"instrument_id": identifier}
    )
    known_ns = frame.ts_ns + delay_ns
    return [
        Part(FundingRateUpdate, identifier, native),
        _custom(OcwFundingRate, symbol, {"rate": rates}, frame.ts_ns, known_ns),
    ]


def _metrics(frame: Frame, symbol: str, delay_ns: int, _source: str) -> list[Part]:
    known_ns = frame.ts_ns + delay_ns
    return [_custom(OcwDerivatives, symbol, frame.columns, frame.ts_ns, known_ns)]


def _custom(
    data_class: Any,
    symbol: str,
    columns: dict[str, Any],
    ts_event: IntArray,
    ts_init: IntArray,
) -> Part:
    identifier = instrument_id(symbol).value
    constants = {"instrument_id": identifier, "type": data_class.__name__}
    repeated = {name: pa.repeat(text, len(ts_event)) for name, text in constants.items()}
    table = _table(data_class, repeated | columns, ts_event, ts_init, None)
    return Part(data_class, identifier, table)


def _table(
    data_class: Any,
    columns: dict[str, Any],
    ts_event: IntArray,
    ts_init: IntArray,
    metadata: dict[str, str] | None,
) -> pa.Table:
    schema = get_schema(data_class)
    stamped = columns | {"ts_event": ts_event, "ts_init": ts_init}
    arrays = [pa.array(stamped[field.name]).cast(field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))


def _prices(frame: Frame, name: str, precision: int, source: str) -> pa.Array:
    values = frame.columns[name]
    vanished = values * 10**precision < 0.5
    if vanished.any():
        row = int(np.argmax(vanished))
        moment = np.datetime64(int(frame.ts_ns[row]), "ns").astype("datetime64[s]")
        raise CatalogError(
            f"{source}: {name} at {moment}", values[row].item(), "it is below half a tick"
        )
    return to_fixed(values, precision)


def to_fixed(values: FloatArray, precision: int) -> pa.Array:
    """Return values rounded to a precision as the engine's 128-bit fixed-point binaries."""
    # a 128-bit decimal and the engine's fixed point are the same sixteen bytes
    ticks = pa.array(np.rint(values * 10**precision).astype(np.int64)).cast(pa.decimal128(19))
    unit = pa.scalar(Decimal(10 ** (FIXED_PRECISION - precision)), pa.decimal128(17))
    raw = pc.multiply(ticks, unit)
    return pa.Array.from_buffers(
        pa.binary(PRECISION_BYTES), len(raw), [None, raw.buffers()[1]], offset=raw.offset
    )


def from_fixed(column: pa.ChunkedArray, precision: int) -> FloatArray:
    """Return fixed-point binaries as floats, equal to the bit to what the engine's objects give."""
    chunk = column.combine_chunks()
    wide = pa.Array.from_buffers(
        pa.decimal128(38, FIXED_PRECISION), len(chunk), chunk.buffers(), offset=chunk.offset
    ).cast(pa.decimal128(38, precision))
    words: npt.NDArray[np.int64] = np.frombuffer(wide.buffers()[1], np.int64)
    ticks = words.reshape(-1, 2)[wide.offset : wide.offset + len(wide), 0]
    floats: FloatArray = ticks * float(10 ** (FIXED_PRECISION - precision)) / 10**FIXED_PRECISION
    return floats
