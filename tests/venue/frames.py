"""Market data in the words of Binance: stream frames and the REST answers of public endpoints."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from tests.venue import checks
from tests.venue.checks import Parameters
from tests.venue.exchange import Exchange
from tests.venue.listings import LISTINGS
from tests.venue.market import INTERVALS, Kline, Market
from tests.venue.payloads import Message, lots, money, priced
from tests.venue.refusals import Refusal

_RATIOS: Final = {
    "globalLongShortAccountRatio": "global_account_ls_ratio",
    "topLongShortAccountRatio": "toptrader_account_ls_ratio",
    "topLongShortPositionRatio": "toptrader_position_ls_ratio",
}
_TRADES_A_BAR: Final = 100


def stream_frame(market: Market, exchange: Exchange, stream: str) -> Message | None:
    """Return what a stream such as ``btcusdt@kline_1m`` says at this moment."""
    name, _, topic = stream.partition("@")
    symbol = name.upper()
    if symbol not in exchange.quotes:
        return None
    quote = exchange.quotes[symbol]
    if topic.startswith("kline_"):
        interval = topic.removeprefix("kline_")
        kline = market.kline(symbol, interval) if interval in INTERVALS else None
        return None if kline is None else _kline(symbol, interval, kline, market.now_ms)
    if topic.startswith("markPrice"):
        next_ms, rate = market.next_funding(symbol)
        return {
            "e": "markPriceUpdate",
            "E": market.now_ms,
            "s": symbol,
            "p": money(quote.mark),
            "i": money(quote.mark),
            "P": money(quote.mark),
            "r": f"{rate:.8f}",
            "T": next_ms,
            "st": 1,
        }
    tick = LISTINGS[symbol].tick
    number = market.now_ms  # ids count with the market's clock
    if topic == "bookTicker":
        return {
            "e": "bookTicker",
            "u": number,
            "s": symbol,
            "b": priced(symbol, quote.last - tick),
            "B": lots(symbol, Decimal(10)),
            "a": priced(symbol, quote.last + tick),
            "A": lots(symbol, Decimal(10)),
            "T": market.now_ms,
            "E": market.now_ms,
            "st": 1,
            "ps": symbol,
        }
    if topic == "aggTrade":
        return {
            "e": "aggTrade",
            "E": market.now_ms,
            "a": number,
            "s": symbol,
            "p": priced(symbol, quote.last),
            "q": lots(symbol, Decimal(1)),
            "f": number,
            "l": number,
            "T": market.now_ms,
            "m": False,
            "st": 1,
        }
    return None


def _kline(symbol: str, interval: str, kline: Kline, now_ms: int) -> Message:
    opened, high, low, close = (priced(symbol, Decimal(repr(p))) for p in kline.prices)
    mean = sum(kline.prices) / 4
    first = kline.open_ms // 1000
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol,
        "k": {
            "t": kline.open_ms,
            "T": kline.close_ms,
            "s": symbol,
            "i": interval,
            "f": first,
            "L": first + _TRADES_A_BAR * kline.bars - 1,
            "o": opened,
            "c": close,
            "h": high,
            "l": low,
            "v": _volume(symbol, kline.volume),
            "n": _TRADES_A_BAR * kline.bars,
            "x": kline.closed,
            "q": f"{kline.volume * mean:.5f}",
            "V": _volume(symbol, kline.taker_buy_volume),
            "Q": f"{kline.taker_buy_volume * mean:.5f}",
            "B": "0",
        },
    }


def _volume(symbol: str, value: float) -> str:
    return f"{value:.{LISTINGS[symbol].quantity_digits}f}"


def _window(params: Parameters, default: int, largest: int) -> tuple[int | None, int | None, int]:
    start = checks.integer(params, "startTime", -1)
    end = checks.integer(params, "endTime", -1)
    limit = min(checks.integer(params, "limit", default), largest)
    return (None if start < 0 else start), (None if end < 0 else end), limit


def klines(market: Market, params: Parameters) -> list[list[Any]]:
    """Answer ``GET /fapi/v1/klines``."""
    symbol, interval = checks.listing(params).symbol, checks.text(params, "interval")
    if interval not in INTERVALS:
        raise Refusal(-1120)
    rows = []
    for kline in market.klines(symbol, interval, *_window(params, 500, 1500)):
        body = _kline(symbol, interval, kline, market.now_ms)["k"]
        rows.append([body[name] for name in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V")])
        rows[-1] += [body["Q"], "0"]
    return rows


def premium_index(market: Market, exchange: Exchange, params: Parameters) -> Any:
    """Answer ``GET /fapi/v1/premiumIndex``, of one symbol or all."""

    def one(symbol: str) -> Message:
        next_ms, rate = market.next_funding(symbol)
        mark = money(exchange.quotes[symbol].mark)
        return {
            "symbol": symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": f"{rate:.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": next_ms,
            "time": market.now_ms,
        }

    if params.get("symbol"):
        return one(checks.listing(params).symbol)
    return [one(symbol) for symbol in exchange.quotes]


def funding_rate(market: Market, params: Parameters) -> list[Message]:
    """Answer ``GET /fapi/v1/fundingRate``; the venue's stamps run some milliseconds late."""
    symbol = checks.listing(params).symbol
    return [
        {
            "symbol": symbol,
            "fundingTime": ts_ms + ts_ms // 1000 % 7,
            "fundingRate": f"{rate:.8f}",
            "markPrice": "0.00000000",
        }
        for ts_ms, rate in market.settled(symbol, *_window(params, 100, 1000))
    ]


def open_interest(market: Market, params: Parameters) -> Message:
    """Answer ``GET /fapi/v1/openInterest``."""
    symbol = checks.listing(params).symbol
    value = f"{market.open_interest(symbol):.3f}"
    return {"symbol": symbol, "openInterest": value, "time": market.now_ms}


def statistics(market: Market, endpoint: str, params: Parameters) -> list[Message]:
    """Answer one of the ``GET /futures/data/`` endpoints; only five minutes are kept."""
    symbol = checks.listing(params).symbol
    if checks.text(params, "period") != "5m":
        raise Refusal(-1120)
    rows = market.statistics(symbol, *_window(params, 30, 500))
    return [_STATISTICS[endpoint](symbol, row) for row in rows]


def _interest(symbol: str, row: dict[str, Any]) -> Message:
    return {
        "symbol": symbol,
        "sumOpenInterest": _number(row["open_interest"]),
        "sumOpenInterestValue": _number(row["open_interest_value"]),
        "CMCCirculatingSupply": "0",
        "timestamp": row["ts"],
    }


def _taker(_: str, row: dict[str, Any]) -> Message:
    ratio = row["taker_buy_sell_ratio"]
    return {
        "buySellRatio": _number(ratio),
        "sellVol": _number(100.0),
        "buyVol": _number(round(100.0 * ratio, 4)),
        "timestamp": row["ts"],
    }


def _ratio(column: str) -> Callable[[str, dict[str, Any]], Message]:
    def answer(symbol: str, row: dict[str, Any]) -> Message:
        ratio = row[column]
        longs = ratio / (1 + ratio)
        return {
            "symbol": symbol,
            "longAccount": f"{longs:.4f}",
            "longShortRatio": _number(ratio),
            "shortAccount": f"{1 - longs:.4f}",
            "timestamp": row["ts"],
        }

    return answer


def _number(value: float) -> str:
    # the venue prints 0 for what it did not measure
    return "0" if value != value else repr(value)


_STATISTICS: Final[dict[str, Callable[[str, dict[str, Any]], Message]]] = {
    "openInterestHist": _interest,
    "takerlongshortRatio": _taker,
    **{name: _ratio(column) for name, column in _RATIOS.items()},
}
STATISTICS_ENDPOINTS: Final = tuple(_STATISTICS)
