"""Our messages against those that were recorded: every key that counts, of the same JSON type.

Keys that are left out on purpose are named here with the reason; everything else must be there.
"""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.shared import shared_payloads
from tests.venue import Venue
from tests.venue.client import Client
from tests.venue.frames import stream_frame
from tests.venue.history import midnight_before_ns, sampled

STREAMS = "nautilus_trader/crates/adapters/binance/test_data/futures/market_data_json"
USER = "nautilus_trader/crates/adapters/binance/test_data/futures/user_data_json"
HTTP = "nautilus_trader/crates/adapters/binance/test_data/futures/http_json"
RESPONSES = (
    "nautilus_trader/tests/integration_tests/adapters/binance/resources/http_responses/http_futures"
)
DOCUMENTED = "binance_net_examples/rest"

# of trailing stops, of orders that are matched to the book, of positions with two sides
ABSENT = {"AP", "cr", "activatePrice", "priceRate", "callbackRate"}
# version 2 of what we answer in version 3, and what other assets have
OTHER = {
    "marginAsset",
    "marginType",
    "isAutoAddMargin",
    "leverage",
    "maxNotionalValue",
    "cumBase",
    "pair",
}


def missing(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Return where ours lacks a key of the recorded message or has another type."""
    if isinstance(recorded, dict):
        if not isinstance(ours, dict):
            return [f"{path}: not an object"]
        found = []
        for key, value in recorded.items():
            if key in ours:
                found += missing(value, ours[key], f"{path}.{key}")
            elif key not in ABSENT | OTHER:
                found.append(f"{path}.{key}: missing")
        return found
    if isinstance(recorded, list):
        if not isinstance(ours, list):
            return [f"{path}: not a list"]
        if path.endswith("underlyingSubType") or not recorded or not ours:
            return []
        return missing(recorded[0], ours[0], f"{path}[0]")
    if recorded is None or ours is None or type(recorded) is type(ours):
        return []
    # some documents write 0 for a number that comes as text, and times as text
    return [f"{path}: {type(ours).__name__}, was {type(recorded).__name__}"]


def test_a_missing_key_and_another_type_would_be_found() -> None:
    assert missing({"a": 1, "b": [{"c": "x"}]}, {"a": "1", "b": [{}]}) == [
        ".a: str, was int",
        ".b[0].c: missing",
    ]


class Scene:
    """An account that has been through everything that is compared, and its messages."""

    def __init__(self, venue: Venue, client: Client) -> None:
        self.client = client
        client.market("BUY", "0.030", newClientOrderId="A")
        client.post(
            "/fapi/v1/order",
            symbol="BTCUSDT",
            side="SELL",
            type="LIMIT",
            timeInForce="GTC",
            quantity="0.010",
            price=str(round(venue.state.last("BTCUSDT") * type(venue.state.wallet)("1.03"))),
            newClientOrderId="L",
        )
        last = int(venue.state.last("BTCUSDT"))
        client.stop("SELL", "0.010", str(last - 100), clientAlgoId="S-1")
        client.stop("SELL", "0.010", str(last - 9000), clientAlgoId="S-2")
        client.stop("SELL", "0.010", str(last - 9500), clientAlgoId="S-3")
        client.delete("/fapi/v1/algoOrder", clientAlgoId="S-3")
        venue.market.price("BTCUSDT", last - 200)
        self.events = venue.run(lambda: list(venue.events))

    def event(self, kind: str, state: str = "") -> Any:
        for event in self.events:
            body = event.get("o", {})
            if event["e"] == kind and state in {"", body.get("x"), body.get("X")}:
                return event
        raise AssertionError(f"no {kind} {state}")


@pytest.fixture(scope="module")
def scene() -> Any:
    histories = sampled(1, midnight_before_ns(time.time_ns(), 3), 2, 1)
    with Venue(histories, bars_shown=2000) as venue, Client(venue) as client:
        yield Scene(venue, client)


def recorded(name: str) -> Any:
    text = (shared_payloads() / name).read_text(encoding="utf-8")
    if name.endswith(".txt"):  # method, path, whether signed, then the answer
        text = text.replace("\r", "")
        text = text[min(text.index(mark) for mark in "[{" if mark in text) :]
    return json.loads(text)


EVENTS: dict[str, tuple[str, str]] = {
    f"{USER}/account_update.json": ("ACCOUNT_UPDATE", ""),
    f"{USER}/order_update_new.json": ("ORDER_TRADE_UPDATE", "NEW"),
    f"{USER}/order_update_trade.json": ("ORDER_TRADE_UPDATE", "TRADE"),
    f"{USER}/algo_update_new.json": ("ALGO_UPDATE", "NEW"),
    f"{USER}/algo_update_canceled.json": ("ALGO_UPDATE", "CANCELED"),
}
SOMETIMES = {"N", "n", "rm"}  # of executions and rejections only


@pytest.mark.parametrize("name", EVENTS)
def test_events_of_the_account_have_the_recorded_shape(scene: Scene, name: str) -> None:
    kept = recorded(name)
    if not name.endswith("order_update_trade.json"):
        kept["o"] = {k: v for k, v in kept.get("o", {}).items() if k not in SOMETIMES}
        if not kept["o"]:
            del kept["o"]
    assert missing(kept, scene.event(*EVENTS[name])) == []


@pytest.mark.parametrize("state", ["TRIGGERING", "TRIGGERED", "FINISHED"])
def test_states_of_a_stop_have_the_recorded_shape(scene: Scene, state: str) -> None:
    folder = "nautilus_trader/tests/integration_tests/adapters/binance/resources/ws_messages"
    name = f"{folder}/ws_futures_algo_update_{state.lower()}.json"
    kept = recorded(name)
    assert missing(kept.get("data", kept), scene.event("ALGO_UPDATE", state)) == []


SIGNED: dict[str, Callable[[Client], Any]] = {
    f"{HTTP}/account_info_v2.json": lambda c: c.get("/fapi/v2/account"),
    f"{HTTP}/balance.json": lambda c: c.get("/fapi/v2/balance"),
    f"{HTTP}/position_risk.json": lambda c: c.get("/fapi/v3/positionRisk"),
    f"{HTTP}/order_response.json": lambda c: c.get(
        "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="L"
    ),
    f"{RESPONSES}_account_orders.json": lambda c: c.get("/fapi/v1/allOrders", symbol="BTCUSDT"),
    f"{RESPONSES}_account_trades.json": lambda c: c.get("/fapi/v1/userTrades", symbol="BTCUSDT"),
    f"{RESPONSES}_account_position_side_dual.json": lambda c: c.get("/fapi/v1/positionSide/dual"),
    f"{RESPONSES}_wallet_commission_rate_btcusdt.json": lambda c: c.get(
        "/fapi/v1/commissionRate", symbol="BTCUSDT"
    ),
    f"{DOCUMENTED}/Account/GetAccountInfoV3.txt": lambda c: c.get("/fapi/v3/account"),
    f"{DOCUMENTED}/Account/GetAccountConfiguration.txt": lambda c: c.get("/fapi/v1/accountConfig"),
    f"{DOCUMENTED}/Trading/GetConditionalOrder.txt": lambda c: c.get(
        "/fapi/v1/algoOrder", clientAlgoId="S-1"
    ),
    f"{DOCUMENTED}/Trading/GetOpenConditionalOrders.txt": lambda c: c.get(
        "/fapi/v1/openAlgoOrders"
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_answers_about_the_account_have_the_recorded_shape(scene: Scene, name: str) -> None:
    assert missing(recorded(name), SIGNED[name](scene.client)) == []


def statistics(endpoint: str) -> Callable[[Client], Any]:
    return lambda c: c.get(f"/futures/data/{endpoint}", symbol="BTCUSDT", period="5m")


PUBLIC: dict[str, Callable[[Client], Any]] = {
    "noahark_fapi_2026/fapi-v1-exchangeInfo_BTC_ETH_SOL.json": lambda c: c.get(
        "/fapi/v1/exchangeInfo"
    ),
    "noahark_fapi_2026/fapi-v1-premiumIndex_BTC_ETH_SOL.json": lambda c: c.get(
        "/fapi/v1/premiumIndex"
    ),
    f"{RESPONSES}_market_funding_rate.json": lambda c: c.get(
        "/fapi/v1/fundingRate", symbol="BTCUSDT"
    ),
    f"{RESPONSES}_market_open_interest.json": lambda c: c.get(
        "/fapi/v1/openInterest", symbol="BTCUSDT"
    ),
    f"{RESPONSES}_market_klines.json": lambda c: c.get(
        "/fapi/v1/klines", symbol="BTCUSDT", interval="1m"
    ),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_answers_have_the_recorded_shape(scene: Scene, name: str) -> None:
    assert missing(recorded(name), PUBLIC[name](scene.client)) == []


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("open_interest_historical", "openInterestHist"),
        ("global_long_short_account_ratio", "globalLongShortAccountRatio"),
        ("top_long_short_account_ratio", "topLongShortAccountRatio"),
        ("top_long_short_position_ratio", "topLongShortPositionRatio"),
        ("taker_long_short_ratio", "takerlongshortRatio"),
    ],
)
def test_statistics_have_the_recorded_shape(scene: Scene, name: str, endpoint: str) -> None:
    kept = recorded(f"{RESPONSES}_market_{name}.json")
    ours = statistics(endpoint)(scene.client)
    # documents write times of statistics as text, the venue answers numbers
    wrong = [text for text in missing(kept, ours) if not text.startswith("[0].timestamp: int")]
    assert wrong == []


def test_every_kline_has_twelve_fields_of_the_recorded_types(scene: Scene) -> None:
    path = shared_payloads() / "rest_klines" / "api-v3-klines_BTCUSDT_15m_20241230_head.json"
    first = path.read_text(encoding="utf-8").splitlines()[1]  # the file is the head of an answer
    kept = json.loads(first.rstrip(","))
    ours = scene.client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m")[0]
    assert [type(value) for value in ours] == [type(value) for value in kept]


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("kline_stream_closed", "btcusdt@kline_1m"),
        ("kline_stream_open", "btcusdt@kline_1m"),
        ("mark_price_stream", "btcusdt@markPrice@1s"),
        ("book_ticker_stream", "btcusdt@bookTicker"),
        ("agg_trade_stream", "btcusdt@aggTrade"),
    ],
)
def test_stream_frames_have_the_recorded_shape(scene: Scene, name: str, stream: str) -> None:
    assert missing(recorded(f"{STREAMS}/{name}.json"), frame(scene, stream)) == []


def frame(scene: Scene, stream: str) -> Any:
    venue = scene.client._venue
    return venue.run(lambda: stream_frame(venue._market, venue._exchange, stream))


def test_a_book_ticker_has_the_shape_of_one_off_the_wire(scene: Scene) -> None:
    path: Path = shared_payloads() / "hftbacktest_ws_usdm" / "btcusdt_20240808_first6000.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        messages = (json.loads(line.split(" ", 1)[1]) for line in lines)
        kept = next(m["data"] for m in messages if m.get("stream", "").endswith("bookTicker"))
    assert missing(kept, frame(scene, "btcusdt@bookTicker")) == []


def test_the_filters_are_those_of_the_venue(scene: Scene) -> None:
    kept = recorded("noahark_fapi_2026/fapi-v1-exchangeInfo_BTC_ETH_SOL.json")
    ours = scene.client.get("/fapi/v1/exchangeInfo")

    def filters(answer: Any) -> dict[str, dict[str, Any]]:
        return {
            symbol["symbol"]: {entry.pop("filterType"): entry for entry in symbol["filters"]}
            for symbol in answer["symbols"]
        }

    assert filters(ours) == filters(kept)
    for name in ("pricePrecision", "quantityPrecision", "orderTypes", "timeInForce"):
        assert [s[name] for s in ours["symbols"]] == [s[name] for s in kept["symbols"]]
