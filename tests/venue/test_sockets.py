"""The sockets over the real protocol: subscriptions, frames, the listen key, order and loss."""

from typing import Any

import pytest

from tests.venue import Venue, bars_of
from tests.venue.client import Client, Listener
from tests.venue.history import MINUTE_MS

START_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000
ROWS = [(100.0 + i, 105.0 + i, 98.0 + i, 103.0 + i, 8.0) for i in range(30)]


@pytest.fixture
def venue() -> Any:
    histories = {"SOLUSDT": bars_of(ROWS, START_MS), "BTCUSDT": bars_of(ROWS, START_MS)}
    with Venue(histories, bars_shown=13) as opened:
        yield opened


def listen(venue: Venue, *streams: str) -> Listener:
    return Listener(f"{venue.ws_url}/stream?streams={'/'.join(streams)}")


def user(venue: Venue, key: str) -> Listener:
    return Listener(f"{venue.ws_url}/ws?listenKey={key}")


def test_klines_are_told_while_they_form_and_when_they_close(venue: Venue) -> None:
    with listen(venue, "solusdt@kline_1m", "solusdt@kline_5m") as heard:
        venue.market.advance(2)
        frames = [message["data"]["k"] for message in heard.hear(16)]
    minute = [frame for frame in frames if frame["i"] == "1m"]
    assert [frame["x"] for frame in minute] == 2 * [False, False, False, True]
    five = [frame for frame in frames if frame["i"] == "5m"]
    assert [frame["x"] for frame in five].count(True) == 1
    closed = five[-1]
    assert (closed["t"], closed["T"]) == (START_MS + 10 * MINUTE_MS, START_MS + 15 * MINUTE_MS - 1)
    assert (closed["o"], closed["h"], closed["l"], closed["c"]) == (
        "110.0000",
        "119.0000",
        "108.0000",
        "117.0000",
    )


def test_every_stream_of_the_adapter_is_told(venue: Venue) -> None:
    names = ("markPrice@1s", "bookTicker", "aggTrade", "kline_1m")
    with listen(venue, *(f"solusdt@{name}" for name in names)) as heard:
        venue.market.step()
        kinds = {message["stream"]: message["data"] for message in heard.hear(4)}
    assert {frame["e"] for frame in kinds.values()} == {
        "markPriceUpdate",
        "bookTicker",
        "aggTrade",
        "kline",
    }
    book = kinds["solusdt@bookTicker"]
    assert (book["b"], book["a"]) == ("112.9900", "113.0100")
    assert kinds["solusdt@markPrice@1s"]["E"] == venue.market.now_ms


def test_streams_are_subscribed_and_left_by_message(venue: Venue) -> None:
    with listen(venue) as heard:
        heard.send({"method": "SUBSCRIBE", "params": ["solusdt@aggTrade"], "id": 1})
        assert heard.hear() == [{"result": None, "id": 1}]
        venue.market.step()
        assert heard.hear()[0]["stream"] == "solusdt@aggTrade"
        heard.send({"method": "UNSUBSCRIBE", "params": ["solusdt@aggTrade"], "id": 2})
        heard.send({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        heard.send({"method": "SING", "id": 4})
        answers = heard.hear(3)
        assert answers[1] == {"result": [], "id": 3}
        assert answers[2]["error"]["code"] == 2
        venue.market.step()
        assert heard.all_within(0.1) == []


def test_a_price_between_the_bars_is_told(venue: Venue) -> None:
    with listen(venue, "solusdt@markPrice@1s") as heard:
        venue.market.price("SOLUSDT", 120, mark="119.5")
        assert heard.hear()[0]["data"]["p"] == "119.50000000"


def test_the_account_is_told_on_the_user_stream_in_order(venue: Venue) -> None:
    with Client(venue) as client:
        key = client.post("/fapi/v1/listenKey", signed=False)["listenKey"]
        with user(venue, key) as heard:
            client.market("BUY", "1.00", symbol="SOLUSDT")
            events = heard.hear(3)
    assert [event["e"] for event in events] == [
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
        "ORDER_TRADE_UPDATE",
    ]
    assert [event["o"]["x"] for event in events[::2]] == ["NEW", "TRADE"]
    assert abs(events[0]["T"] - venue.now_ms()) < 5000  # the account's time is the wall's


def test_a_key_is_the_same_while_it_lives_and_can_be_extended(venue: Venue) -> None:
    with Client(venue) as client:
        first = client.post("/fapi/v1/listenKey", signed=False)["listenKey"]
        assert client.post("/fapi/v1/listenKey", signed=False)["listenKey"] == first
        assert client.put("/fapi/v1/listenKey", signed=False)["listenKey"] == first
        client.delete("/fapi/v1/listenKey", signed=False)
        assert client.code("PUT", "/fapi/v1/listenKey", signed=False) == -1125
        assert client.post("/fapi/v1/listenKey", signed=False)["listenKey"] != first


def test_an_expired_key_says_so_and_hears_no_more(venue: Venue) -> None:
    with Client(venue) as client:
        key = client.post("/fapi/v1/listenKey", signed=False)["listenKey"]
        with user(venue, key) as heard:
            client.market("BUY", "1.00", symbol="SOLUSDT")
            heard.hear(3)
            venue.faults.expire_listen_key()
            assert heard.hear()[0]["e"] == "listenKeyExpired"
            client.market("SELL", "1.00", symbol="SOLUSDT")
            assert heard.all_within(0.2) == []
            assert venue.listeners == 0


def test_an_unknown_key_is_let_in_and_hears_nothing(venue: Venue) -> None:
    with Client(venue) as client:
        client.post("/fapi/v1/listenKey", signed=False)
        with user(venue, "nonsense") as heard:
            client.market("BUY", "1.00", symbol="SOLUSDT")
            assert heard.all_within(0.2) == []


def test_what_happens_while_nobody_listens_is_lost(venue: Venue) -> None:
    with Client(venue) as client:
        key = client.post("/fapi/v1/listenKey", signed=False)["listenKey"]
        client.market("BUY", "1.00", symbol="SOLUSDT")
        with user(venue, key) as heard:
            assert heard.all_within(0.2) == []
            client.market("SELL", "1.00", symbol="SOLUSDT")
            assert len(heard.hear(3)) == 3


def test_the_market_plays_at_a_speed(venue: Venue) -> None:
    with listen(venue, "solusdt@kline_1m") as heard:
        venue.market.play(6000)
        heard.hear(12)
        venue.market.pause()
        heard.all_within(0.1)
        stood_ms = venue.market.now_ms
        assert heard.all_within(0.1) == []
        assert venue.market.now_ms == stood_ms > START_MS + 15 * MINUTE_MS


def test_forming_klines_can_be_left_out(venue: Venue) -> None:
    venue.market.tells_forming = False
    with listen(venue, "solusdt@kline_1m", "solusdt@aggTrade") as heard:
        venue.market.advance()
        kinds = [message["data"]["e"] for message in heard.hear(5)]
    assert (kinds.count("kline"), kinds.count("aggTrade")) == (1, 4)
