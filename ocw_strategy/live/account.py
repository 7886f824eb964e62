"""What the execution venue says of the account: positions, executions, orders, marks.

Asked by REST beside the engine's own client, because the engine tells nothing of what happened
while it was not there: what filled while the node was down is found here, by client order id. A
read is whole or an error, never half. No message of it holds a key or a signature.
"""

import asyncio
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from ocw_strategy.errors import OcwError
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, MILLISECOND_NS

_TIMEOUT_S: Final = 10.0
_WEEK_MS: Final = 7 * DAY_NS // MILLISECOND_NS
_TRADES: Final = 1000
LOOK_BACK_NS: Final = 6 * DAY_NS
"""How far back a start looks for what happened while no node ran."""


class AccountError(OcwError):
    """The account could not be read."""


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One execution, with the client id of its order; empty where that is not known."""

    symbol: str
    """The venue's name of the perpetual."""
    client_id: str
    trade_id: str
    ts_ns: int
    quantity: Decimal
    price: Decimal
    fee_usd: Decimal
    maker: bool


@dataclass(frozen=True, slots=True)
class VenuePayment:
    """One funding payment; negative when the account paid."""

    symbol: str
    payment_id: str
    ts_ns: int
    amount_usd: Decimal


@dataclass(frozen=True, slots=True)
class AccountTruth:
    """The account at one moment; symbols are the venue's."""

    positions: dict[str, Decimal]
    entries: dict[str, Decimal]
    """Mean entry price of each position; zero without one."""
    marks: dict[str, Decimal]
    fills: tuple[VenueFill, ...]
    """Oldest first."""
    open_orders: dict[str, int]
    """How many orders of each instrument are open, conditional ones included."""
    payments: tuple[VenuePayment, ...]
    """Oldest first."""
    open_ids: frozenset[str]
    """Client ids of every open order, conditional ones included."""
    known_ids: frozenset[str]
    """Client ids of every order of the time asked about, open or not."""

    @property
    def flat(self) -> bool:
        """Whether nothing is held and no order is open in any of the instruments."""
        return not any(self.positions.values()) and not any(self.open_orders.values())


@dataclass(frozen=True, slots=True)
class Margin:
    """How the positions in an instrument are margined."""

    leverage: int
    kind: str
    """``CROSSED`` or ``ISOLATED``."""

    def __str__(self) -> str:
        return f"{self.leverage}x {self.kind}"


def wanted_margin(live: LiveSettings, settings: Settings) -> Margin:
    """Return the margin that a start sets for every instrument."""
    return Margin(int(settings.risk.venue_leverage), live.margin_type)


class AccountHttp:
    """Signed reads of the account of Binance USDT-margined futures.

    Parameters
    ----------
    base_url, key, secret : str
        Address of the REST interface and the account's key.
    """

    def __init__(self, base_url: str, key: str, secret: str) -> None:
        self._base_url, self._key, self._secret = base_url.rstrip("/"), key, secret
        self._session: aiohttp.ClientSession | None = None

    async def read(self, symbols: Sequence[str], since_ns: int) -> AccountTruth:
        """Return the account; fills and closed orders since a moment, at most a week ago.

        Raises
        ------
        AccountError
            If any part of it cannot be read.
        """
        now_ms = time.time_ns() // MILLISECOND_NS
        since_ms = max(since_ns // MILLISECOND_NS, now_ms - _WEEK_MS + 60_000)
        risks = await self.get("/fapi/v3/positionRisk")
        waiting = await self.get("/fapi/v1/openAlgoOrders")
        positions = dict.fromkeys(symbols, Decimal(0))
        entries = dict.fromkeys(symbols, Decimal(0))
        for risk in risks:
            if risk["symbol"] in positions and Decimal(risk["positionAmt"]):
                positions[risk["symbol"]] += Decimal(risk["positionAmt"])
                entries[risk["symbol"]] = Decimal(risk["entryPrice"])
        open_orders = Counter(dict.fromkeys(symbols, 0))
        open_orders.update(order["symbol"] for order in waiting if order["symbol"] in positions)
        open_ids = {order["clientAlgoId"] for order in waiting}
        known_ids = set(open_ids)
        fills: list[VenueFill] = []
        for symbol in symbols:
            orders = await self.get(
                "/fapi/v1/allOrders", symbol=symbol, startTime=since_ms, limit=1000
            )
            resting = await self.get("/fapi/v1/openOrders", symbol=symbol)
            conditional = await self.get(
                "/fapi/v1/allAlgoOrders", symbol=symbol, startTime=since_ms, limit=1000
            )
            open_orders[symbol] += len(resting)
            open_ids |= {order["clientOrderId"] for order in resting}
            known_ids |= {order["clientOrderId"] for order in (*orders, *resting)}
            known_ids |= {order["clientAlgoId"] for order in conditional}
            names = {order["orderId"]: order["clientOrderId"] for order in (*orders, *resting)}
            fills += [
                _fill(symbol, trade, names.get(trade["orderId"], ""))
                for trade in await self._trades(symbol, since_ms)
            ]
        fills.sort(key=lambda fill: (fill.ts_ns, int(fill.trade_id)))
        return AccountTruth(
            positions=positions,
            entries=entries,
            marks=await self.marks(symbols),
            fills=tuple(fills),
            payments=await self._payments(symbols, since_ms),
            open_orders=dict(open_orders),
            open_ids=frozenset(open_ids),
            known_ids=frozenset(known_ids),
        )

    async def marks(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        """Return the execution venue's mark prices.

        Raises
        ------
        AccountError
            If one cannot be read.
        """
        found = {}
        for symbol in symbols:
            mark = await self.get("/fapi/v1/premiumIndex", signed=False, symbol=symbol)
            found[symbol] = Decimal(mark["markPrice"])
        return found

    async def other_margins(
        self, symbols: Sequence[str], wanted: Margin
    ) -> dict[str, Margin | None]:
        """Return the margins that are not as wanted, by instrument; None of one it says nothing of.

        Raises
        ------
        AccountError
            If they cannot be read.
        """
        margins = {
            row["symbol"]: Margin(int(row["leverage"]), row["marginType"])
            for row in await self.get("/fapi/v1/symbolConfig")
            if row["symbol"] in symbols
        }
        return {name: margins.get(name) for name in symbols if margins.get(name) != wanted}

    async def unlike(self, symbols: Sequence[str], wanted: Margin) -> list[str]:
        """Return how the account's settings differ from those wanted, in words; empty if not.

        Raises
        ------
        AccountError
            If they cannot be read.
        """
        dual = (await self.get("/fapi/v1/positionSide/dual"))["dualSidePosition"]
        found = ["positions are hedged, not one-way"] if dual else []
        others = await self.other_margins(symbols, wanted)
        return found + [f"{name} is {other}, not {wanted}" for name, other in others.items()]

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)

    async def _payments(self, symbols: Sequence[str], since_ms: int) -> tuple[VenuePayment, ...]:
        rows = await self.get(
            "/fapi/v1/income", incomeType="FUNDING_FEE", startTime=since_ms, limit=1000
        )
        found = [
            VenuePayment(
                symbol=row["symbol"],
                payment_id=f"{row['symbol']}:{row['tranId']}",
                ts_ns=int(row["time"]) * MILLISECOND_NS,
                amount_usd=Decimal(row["income"]),
            )
            for row in rows
            if row["symbol"] in symbols
        ]
        return tuple(sorted(found, key=lambda payment: payment.ts_ns))

    async def _trades(self, symbol: str, since_ms: int) -> list[dict[str, Any]]:
        found = await self.get(
            "/fapi/v1/userTrades", symbol=symbol, startTime=since_ms, limit=_TRADES
        )
        page = found
        while len(page) == _TRADES:
            page = await self.get(
                "/fapi/v1/userTrades", symbol=symbol, fromId=page[-1]["id"] + 1, limit=_TRADES
            )
            found += page
        return found

    async def get(self, path: str, *, signed: bool = True, **params: str | int) -> Any:
        """Return the JSON of an answer.

        Raises
        ------
        AccountError
            If there is no answer, or not one of JSON with status 200.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_TIMEOUT_S))
        given: dict[str, str | int] = dict(params)
        headers = {}
        if signed:
            given |= {"recvWindow": 5000, "timestamp": time.time_ns() // MILLISECOND_NS}
            text = urlencode(given)
            seal = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
            given["signature"] = seal
            headers["X-MBX-APIKEY"] = self._key
        try:
            url = f"{self._base_url}{path}"
            async with self._session.get(url, params=given, headers=headers) as answer:
                if answer.status != 200:
                    body = (await answer.text())[:200]
                    raise AccountError(path, f"HTTP {answer.status} {body}", "it is asked again")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            # the text of the fault may hold the signed address
            raise AccountError(path, type(fault).__name__, "it is asked again") from None


def _fill(symbol: str, trade: dict[str, Any], client_id: str) -> VenueFill:
    return VenueFill(
        symbol=symbol,
        client_id=client_id,
        trade_id=str(trade["id"]),
        ts_ns=int(trade["time"]) * MILLISECOND_NS,
        quantity=Decimal(trade["qty"]),
        price=Decimal(trade["price"]),
        fee_usd=Decimal(trade["commission"]),
        maker=bool(trade["maker"]),
    )
