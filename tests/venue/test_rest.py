"""The REST interface over real HTTP: access, endpoints, the adapter's fields, the log."""

import time
from typing import Any

import pytest

from tests.venue import Venue
from tests.venue.client import Client, stop_params
from tests.venue.history import midnight_before_ns, sampled

SYMBOLS = {"BTCUSDT", "ETHUSDT", "SOLUSDT"}


@pytest.fixture
def venue() -> Any:
    with Venue() as opened:
        yield opened


@pytest.fixture
def client(venue: Venue) -> Any:
    with Client(venue) as asks:
        yield asks


def test_public_endpoints_need_no_key(client: Client) -> None:
    for path in ("ping", "time", "exchangeInfo", "premiumIndex"):
        answer = client.ask("GET", f"/fapi/v1/{path}", signed=False, key=False)
        assert answer.status_code == 200, path


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"key": False}, 401, -2014),
        ({"signed": False}, 400, -1102),
        ({"timestamp": 1}, 400, -1021),
        ({"timestamp": time.time_ns() // 1_000_000 + 3_600_000}, 400, -1021),
    ],
)
def test_private_endpoints_need_key_signature_and_the_right_time(
    client: Client, change: dict[str, Any], status: int, code: int
) -> None:
    answer = client.ask("GET", "/fapi/v2/account", **change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_changed_request_has_the_wrong_signature(client: Client, venue: Venue) -> None:
    answer = client.ask("GET", "/fapi/v2/account", recvWindow=5000)
    url = str(answer.request.url).replace("recvWindow=5000", "recvWindow=6000")
    again = client._http.get(url, headers={"X-MBX-APIKEY": venue.api_key})
    assert again.json()["code"] == -1022


def test_an_unknown_key_is_refused(client: Client, venue: Venue) -> None:
    headers = {"X-MBX-APIKEY": "another"}
    answer = client._http.post("/fapi/v1/listenKey", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, -2015)


def test_a_window_larger_than_the_lag_lets_it_pass(client: Client) -> None:
    late = time.time_ns() // 1_000_000 - 8000
    assert client.code("GET", "/fapi/v2/account", timestamp=late) == -1021
    assert client.get("/fapi/v2/account", timestamp=late, recvWindow=20_000)["canTrade"]


def test_a_skewed_clock_is_seen_by_every_signed_request(client: Client, venue: Venue) -> None:
    venue.faults.clock_skew_ms = 10_000
    assert client.code("GET", "/fapi/v2/account") == -1021
    assert client.get("/fapi/v1/time")["serverTime"] > time.time_ns() // 1_000_000 + 9000


def test_an_order_can_be_followed_through_every_list(client: Client) -> None:
    client.market("BUY", "0.020", newClientOrderId="A")
    limit = client.post(
        "/fapi/v1/order",
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT",
        timeInForce="GTC",
        quantity="0.010",
        price="101000",
        newClientOrderId="B",
    )
    assert limit["status"] == "NEW"
    names = [o["clientOrderId"] for o in client.get("/fapi/v1/allOrders", symbol="BTCUSDT")]
    assert names == ["A", "B"]
    assert [o["clientOrderId"] for o in client.get("/fapi/v1/openOrders")] == ["B"]
    order = client.get("/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="A")
    assert (order["status"], order["executedQty"]) == ("FILLED", "0.020")
    (trade,) = client.get("/fapi/v1/userTrades", symbol="BTCUSDT", orderId=order["orderId"])
    assert (trade["price"], trade["qty"], trade["side"]) == ("100000.10", "0.020", "BUY")
    assert client.get("/fapi/v1/income", incomeType="COMMISSION")[0]["tradeId"] == str(trade["id"])
    change = {"symbol": "BTCUSDT", "orderId": limit["orderId"], "side": "SELL"}
    assert client.put("/fapi/v1/order", **change, quantity="0.020", price="102000")
    assert client.delete("/fapi/v1/order", symbol="BTCUSDT", orderId=limit["orderId"])
    assert client.code("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="B") == -2011
    (risk,) = client.get("/fapi/v3/positionRisk")
    assert (risk["symbol"], risk["positionAmt"]) == ("BTCUSDT", "0.020")
    account = client.get("/fapi/v3/account")
    assert [position["symbol"] for position in account["positions"]] == ["BTCUSDT"]
    assert float(account["totalInitialMargin"]) == pytest.approx(100)


def test_a_stop_can_be_followed_through_every_list(client: Client, venue: Venue) -> None:
    client.market("BUY", "0.020")
    first = client.stop("SELL", "0.010", "99000", clientAlgoId="S-1")
    client.stop("SELL", "0.010", "98000", clientAlgoId="S-2")
    assert first["algoStatus"] == "NEW"
    waiting = client.get("/fapi/v1/openAlgoOrders")
    assert [order["clientAlgoId"] for order in waiting] == ["S-1", "S-2"]
    venue.market.price("BTCUSDT", 98_500)
    found = client.get("/fapi/v1/algoOrder", clientAlgoId="S-1")
    assert (found["algoStatus"], found["actualQty"]) == ("FINISHED", "0.010")
    placed = client.get("/fapi/v1/order", symbol="BTCUSDT", orderId=found["actualOrderId"])
    assert (placed["clientOrderId"], placed["origType"]) == ("S-1", "STOP_MARKET")
    assert client.delete("/fapi/v1/algoOrder", clientAlgoId="S-2")["code"] == "200"
    assert client.code("DELETE", "/fapi/v1/algoOrder", clientAlgoId="S-2") == -2011
    history = client.get("/fapi/v1/allAlgoOrders", symbol="BTCUSDT")
    assert [order["algoStatus"] for order in history] == ["FINISHED", "CANCELED"]


def test_everything_can_be_cancelled_at_once(client: Client, venue: Venue) -> None:
    client.market("BUY", "0.020")
    client.stop("SELL", "0.010", "99000")
    for client_id in ("A", "B", "C"):
        client.post(
            "/fapi/v1/order",
            symbol="BTCUSDT",
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity="0.010",
            price="99000",
            newClientOrderId=client_id,
        )
    done = client.delete(
        "/fapi/v1/batchOrders", symbol="BTCUSDT", origClientOrderIdList='["A","X"]'
    )
    assert [answer.get("status", answer.get("code")) for answer in done] == ["CANCELED", -2011]
    assert client.delete("/fapi/v1/allOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert client.delete("/fapi/v1/algoOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert venue.state.open_orders() == venue.state.stops() == []


def test_settings_of_a_symbol_are_kept(client: Client, venue: Venue) -> None:
    assert client.post("/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)["leverage"] == 5
    client.post("/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    (config,) = client.get("/fapi/v1/symbolConfig", symbol="BTCUSDT")
    assert (config["leverage"], config["marginType"]) == (5, "ISOLATED")
    assert (venue.state.leverage("BTCUSDT"), venue.state.margin_type("BTCUSDT")) == (5, "isolated")
    assert {c["symbol"] for c in client.get("/fapi/v1/symbolConfig")} == SYMBOLS
    assert client.get("/fapi/v1/positionSide/dual") == {"dualSidePosition": False}


def test_a_doctor_finds_what_it_asks_for(client: Client, venue: Venue) -> None:
    rights = client.get("/sapi/v1/account/apiRestrictions")
    assert (rights["enableFutures"], rights["enableWithdrawals"]) == (True, False)
    venue.let_key_withdraw()
    assert client.get("/sapi/v1/account/apiRestrictions")["enableWithdrawals"]
    assert client.get("/fapi/v1/apiTradingStatus")["indicators"] == {}
    assert client.get("/fapi/v1/accountConfig")["canTrade"]
    rates = client.get("/fapi/v1/commissionRate", symbol="BTCUSDT")
    assert rates["takerCommissionRate"] == "0.0005"
    assert client.get("/fapi/v2/balance")[0]["balance"] == "10000.00000000"


def test_market_data_is_that_of_the_markets_moment() -> None:
    histories = sampled(1, midnight_before_ns(time.time_ns(), 3), 2)
    with Venue(histories, bars_shown=300) as venue, Client(venue) as client:
        rows = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m", limit=2)
        assert rows[-1][6] == venue.market.now_ms - 1
        venue.market.step()
        forming = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m", limit=1)[0]
        assert forming[0] == venue.market.now_ms
        wanted = {"symbol": "BTCUSDT", "period": "5m", "limit": 1}
        (row,) = client.get("/futures/data/openInterestHist", **wanted)
        ratios = [
            client.get(f"/futures/data/{name}", **wanted)[0]
            for name in (
                "globalLongShortAccountRatio",
                "topLongShortAccountRatio",
                "topLongShortPositionRatio",
                "takerlongshortRatio",
            )
        ]
        assert {found["timestamp"] for found in ratios} == {row["timestamp"]}
        assert row["timestamp"] <= venue.market.now_ms - 120_000
        funding = client.get("/fapi/v1/fundingRate", symbol="BTCUSDT")
        assert funding[-1]["fundingTime"] <= venue.market.now_ms
        index = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")
        assert index["nextFundingTime"] > venue.market.now_ms
        assert client.get("/fapi/v1/openInterest", symbol="BTCUSDT")["openInterest"]
        assert client.code("GET", "/fapi/v1/klines", symbol="BTCUSDT", interval="7m") == -1120
        assert client.code("GET", "/fapi/v1/klines", symbol="X", interval="1m") == -1121


def test_funding_is_paid_when_the_market_passes_its_hour() -> None:
    histories = sampled(1, midnight_before_ns(time.time_ns(), 3), 1)
    with Venue(histories, bars_shown=95) as venue, Client(venue) as client:
        client.market("BUY", "0.010")
        before = venue.state.wallet
        venue.market.advance()
        (paid,) = client.get("/fapi/v1/income", incomeType="FUNDING_FEE")
        assert venue.state.wallet == before + type(before)(paid["income"])


def test_unknown_places_are_not_found(client: Client) -> None:
    assert client.ask("GET", "/fapi/v9/nothing").status_code == 404


def test_calls_are_logged_without_the_signature(client: Client, venue: Venue) -> None:
    client.market("BUY", "0.010")
    client.code("POST", "/fapi/v1/algoOrder", **stop_params("SELL", "0.010", "101000"))
    order, stop = venue.calls.to("order", "POST")[0], venue.calls.to("algoOrder")[0]
    assert (order.status, order.code, order.params["quantity"]) == (200, 0, "0.010")
    assert (stop.status, stop.code) == (400, -2021)
    assert "signature" not in order.params


def test_two_venues_share_no_ids() -> None:
    ids = []
    for _ in range(2):
        with Venue() as venue, Client(venue) as client:
            ids.append(client.market("BUY", "0.010")["orderId"])
    assert ids[0] != ids[1]


def test_the_venue_can_be_driven_from_another_process(client: Client, venue: Venue) -> None:
    def control(name: str, body: Any = None) -> Any:
        return client._http.post(f"/_ctl/{name}", json=body).json()

    assert control("state")["result"]["wallet"] == "10000"
    control("price", ["BTCUSDT", 101_000])
    assert venue.state.last("BTCUSDT") == 101_000
    before_ms = venue.market.now_ms
    control("advance", {"bars": 2})
    assert venue.market.now_ms == before_ms + 120_000
    control("rate_limit", {"path": "/fapi/v1/ping", "retry_after_s": 3})
    answer = client.ask("GET", "/fapi/v1/ping")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert "known" in control("nonsense")
    assert "error" in control("advance", {"cars": 1})
