"""Each fault does what it says, as often as it says, and then is over."""

import time
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest

from tests.venue import Venue
from tests.venue.client import Client, Listener, stop_params
from tests.venue.faults import Faults

BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}


@pytest.fixture
def venue() -> Any:
    with Venue() as opened:
        yield opened


@pytest.fixture
def client(venue: Venue) -> Any:
    with Client(venue) as asks:
        yield asks


@pytest.fixture
def heard(venue: Venue, client: Client) -> Any:
    key = client.post("/fapi/v1/listenKey", signed=False)["listenKey"]
    with Listener(f"{venue.ws_url}/ws?listenKey={key}") as listener:
        yield listener


@pytest.mark.parametrize(("executed", "held"), [(True, "0.010"), (False, "0")])
def test_an_unknown_outcome_was_carried_out_or_not(
    venue: Venue, client: Client, executed: bool, held: str
) -> None:
    venue.faults.unknown_outcome(executed=executed)
    answer = client.ask("POST", "/fapi/v1/order", **BUY)
    assert (answer.status_code, answer.json()["code"]) == (503, -1007)
    assert venue.state.position("BTCUSDT") == Decimal(held)
    client.post("/fapi/v1/order", **BUY)


def test_a_refusal_of_a_request_that_is_wrong_anyway_is_its_own(
    venue: Venue, client: Client
) -> None:
    venue.faults.unknown_outcome(executed=True)
    assert client.code("POST", "/fapi/v1/order", **BUY | {"quantity": "0.0001"}) == -1111


def test_stops_are_rejected_as_often_as_told(venue: Venue, client: Client) -> None:
    client.post("/fapi/v1/order", **BUY)
    venue.faults.reject_stops(times=2)
    params = stop_params("SELL", "0.010", "99000")
    codes = [client.ask("POST", "/fapi/v1/algoOrder", **params).json() for _ in range(3)]
    assert [answer.get("code") for answer in codes] == [-2021, -2021, None]
    assert len(venue.state.stops()) == 1


def test_a_rate_limit_names_its_pause_and_a_ban_lasts(venue: Venue, client: Client) -> None:
    venue.faults.rate_limit("/fapi/v1/time", retry_after_s=7)
    answer = client.ask("GET", "/fapi/v1/time")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert client.get("/fapi/v1/time")
    venue.faults.ban(0.5)
    for path in ("/fapi/v1/time", "/fapi/v2/account"):
        answer = client.ask("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (418, -1003)
        assert int(answer.headers["Retry-After"]) == 1
    time.sleep(0.6)
    assert client.get("/fapi/v1/time")


def test_faults_of_a_path_leave_longer_paths_alone(venue: Venue, client: Client) -> None:
    venue.faults.answer("/fapi/v1/order", -1000, status=503)
    assert client.get("/fapi/v1/openOrders") == []
    venue.faults.answer("/fapi/", -1000, status=503)
    assert client.ask("GET", "/fapi/v1/openOrders").status_code == 503


def test_answers_come_late_cut_or_garbled(venue: Venue, client: Client) -> None:
    venue.faults.delay_answers("/fapi/v1/order", 0.3, method="POST")
    began = time.monotonic()
    client.post("/fapi/v1/order", **BUY)
    assert time.monotonic() - began > 0.3
    venue.faults.cut_answers("/fapi/v1/order", executed=True)
    with pytest.raises(httpx.TransportError):
        client.post("/fapi/v1/order", **BUY)
    assert venue.state.position("BTCUSDT") == Decimal("0.020")
    assert venue.calls.to("/order")[-1].status == 0
    venue.faults.garble_answers("/fapi/v1/order")
    answer = client.ask("POST", "/fapi/v1/order", **BUY)
    assert (answer.status_code, answer.text) == (200, "<html>502</html>")


def test_a_symbol_can_be_hidden_from_a_report(venue: Venue, client: Client) -> None:
    client.post("/fapi/v1/order", **BUY)
    venue.faults.hide_symbol("/fapi/v3/positionRisk", "BTCUSDT", times=1)
    assert client.get("/fapi/v3/positionRisk") == []
    assert len(client.get("/fapi/v3/positionRisk")) == 1


def test_an_outage_answers_nothing_and_ends(venue: Venue, client: Client, heard: Listener) -> None:
    venue.faults.outage(0.5)
    assert heard.is_cut()
    with pytest.raises(httpx.TransportError):
        client.get("/fapi/v1/time")
    time.sleep(0.6)
    assert client.get("/fapi/v1/time")


def test_sockets_are_dropped_and_refused(venue: Venue, heard: Listener) -> None:
    venue.faults.drop_sockets("market")
    assert venue.listeners == 1
    venue.faults.refuse_sockets(30)
    venue.faults.drop_sockets("user")
    assert heard.is_cut()
    with pytest.raises(aiohttp.ClientError), Listener(f"{venue.ws_url}/stream"):
        pass
    venue.faults.end_outage()
    with Listener(f"{venue.ws_url}/stream"):
        pass


def test_listen_keys_are_refused(venue: Venue, client: Client) -> None:
    venue.faults.refuse_listen_key(times=1)
    assert client.ask("POST", "/fapi/v1/listenKey", signed=False).status_code == 503
    assert client.post("/fapi/v1/listenKey", signed=False)


def test_fills_come_in_parts(venue: Venue, client: Client, heard: Listener) -> None:
    venue.faults.split_fills(0.33, 0.67)
    client.post("/fapi/v1/order", **BUY)
    fills = [e["o"] for e in heard.hear(5) if e["e"] == "ORDER_TRADE_UPDATE"][1:]
    assert [(fill["l"], fill["z"], fill["X"]) for fill in fills] == [
        ("0.003", "0.003", "PARTIALLY_FILLED"),
        ("0.007", "0.010", "FILLED"),
    ]
    venue.faults.split_fills(0.5, 0.5, gap_s=0.3)
    client.post("/fapi/v1/order", **BUY)
    assert venue.state.position("BTCUSDT") == Decimal("0.015")
    time.sleep(0.5)
    assert venue.state.position("BTCUSDT") == Decimal("0.020")
    venue.faults.delay_fills(0.3)
    client.post("/fapi/v1/order", **BUY)
    assert venue.state.open_orders()[0].filled == 0
    time.sleep(0.5)
    assert venue.state.position("BTCUSDT") == Decimal("0.030")


def test_a_trigger_can_be_rejected(venue: Venue, client: Client) -> None:
    client.post("/fapi/v1/order", **BUY)
    client.stop("SELL", "0.010", "99000")
    venue.faults.reject_triggers(reason="Margin is insufficient.")
    venue.market.price("BTCUSDT", 98_000)
    (stop,) = venue.state.algo_orders()
    assert (stop.status, stop.refused) == ("REJECTED", "Margin is insufficient.")
    assert venue.state.position("BTCUSDT") == Decimal("0.010")


def test_events_are_lost_doubled_and_late(venue: Venue, client: Client, heard: Listener) -> None:
    venue.faults.lose_events("ACCOUNT_UPDATE")
    client.post("/fapi/v1/order", **BUY)
    assert [event["e"] for event in heard.hear(2)] == 2 * ["ORDER_TRADE_UPDATE"]
    venue.faults.duplicate_events("ORDER_TRADE_UPDATE")
    client.post("/fapi/v1/order", **BUY)
    first, second, *_ = heard.hear(4)
    assert first == second
    venue.faults.delay_events("ORDER_TRADE_UPDATE", 0.2)
    client.post("/fapi/v1/order", **BUY)
    assert [event.get("o", {}).get("x", "") for event in heard.hear(3)] == ["", "TRADE", "NEW"]


def test_clear_disarms_everything(venue: Venue, client: Client) -> None:
    faults = venue.faults
    faults.storm(1, faults=40)
    faults.ban(60)
    faults.unknown_words = True
    faults.clock_skew_ms = 99_999
    faults.clear()
    client.post("/fapi/v1/order", **BUY)
    assert venue.state.position("BTCUSDT") == Decimal("0.010")
    assert len(client.get("/fapi/v1/exchangeInfo")["symbols"]) == 3


def test_a_storm_is_the_same_from_the_same_seed() -> None:
    def armed(seed: int) -> str:
        faults = Faults(lambda: 0)
        faults.storm(seed, faults=30)
        return repr((faults.requests, faults.events, faults._splits))

    assert armed(5) == armed(5) != armed(6)
