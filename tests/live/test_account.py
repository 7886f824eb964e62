"""What is read of the account, beside the engine: all of it or an error, and no secret in it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from ocw_strategy.live.account import AccountError, AccountHttp, Margin
from ocw_strategy.units import HOUR_NS
from tests.venue import Venue

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def asked[T](venue: Venue, question: Callable[[AccountHttp], Coroutine[Any, Any, T]]) -> T:
    async def ask() -> T:
        account = AccountHttp(venue.http_url, venue.api_key, venue.api_secret)
        try:
            return await question(account)
        finally:
            await account.close()

    return asyncio.run(ask())


def since_ns() -> int:
    return time.time_ns() - HOUR_NS


def test_the_account_is_read_whole() -> None:
    with Venue() as venue:
        venue.place("BTCUSDT", "BUY", "0.010", "OCW-entry")
        venue.place("SOLUSDT", "BUY", "1")
        venue.market.settle("BTCUSDT", "0.0001")
        truth = asked(venue, lambda account: account.read(SYMBOLS, since_ns()))
        (trade,) = venue.state.trades("BTCUSDT")
        (paid,) = (e.amount for e in venue.state.incomes("FUNDING_FEE") if e.symbol == "BTCUSDT")
    assert truth.positions == {"BTCUSDT": Decimal("0.010"), "ETHUSDT": Decimal(0)}
    assert truth.entries["BTCUSDT"] == trade.price
    (fill,) = truth.fills
    assert (fill.client_id, fill.trade_id) == ("OCW-entry", str(trade.id))
    assert (fill.quantity, fill.price, fill.fee_usd) == (
        trade.quantity, trade.price, trade.commission
    )  # fmt: skip
    (payment,) = truth.payments
    assert (payment.symbol, payment.amount_usd) == ("BTCUSDT", paid)
    assert set(truth.marks) == set(SYMBOLS)
    assert "OCW-entry" in truth.known_ids
    assert not truth.open_ids


def test_settings_of_the_account_that_are_not_as_wanted_are_named() -> None:
    with Venue() as venue:
        leverage = venue.state.leverage("BTCUSDT")
        wanted = Margin(leverage + 1, "ISOLATED")
        same = asked(venue, lambda account: account.unlike(SYMBOLS, Margin(leverage, "CROSSED")))
        other = asked(venue, lambda account: account.unlike(SYMBOLS, wanted))
    assert same == []
    said = f"is {leverage}x CROSSED, not {leverage + 1}x ISOLATED"
    assert other == [f"BTCUSDT {said}", f"ETHUSDT {said}"]


def test_an_instrument_the_account_says_nothing_of_is_not_as_wanted() -> None:
    with Venue() as venue:
        wanted = Margin(venue.state.leverage("BTCUSDT"), "CROSSED")
        names = ("BTCUSDT", "NEWUSDT")
        found = asked(venue, lambda account: account.other_margins(names, wanted))
    assert found == {"NEWUSDT": None}


@pytest.mark.parametrize("path", ["/fapi/v3/positionRisk", "/fapi/v1/income", "/fapi/v1/allOrders"])
def test_a_part_that_cannot_be_read_is_an_error_without_the_signed_address(path: str) -> None:
    with Venue() as venue:
        venue.faults.cut_answers(path, executed=False, times=3)  # a client repeats a read
        with pytest.raises(AccountError) as caught:
            asked(venue, lambda account: account.read(SYMBOLS, since_ns()))
        text = str(caught.value)
        assert path in text
        assert "signature" not in text
        assert venue.api_key not in text
        assert venue.api_secret not in text
