"""What `ocw doctor` asks of the two venues: reach, clocks, key, listings, leverage, prices, stream.

Every function looks at one thing and returns a line on it; one that cannot look says why. Nothing
at the venue is changed, and no order is sent.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

import aiohttp
from nautilus_trader.adapters.binance import BinanceAccountType
from nautilus_trader.adapters.binance.common.enums import BinanceEnvironment
from nautilus_trader.adapters.binance.common.urls import get_ws_base_url

from ocw_strategy.doctor import Check
from ocw_strategy.engine import venue_symbol
from ocw_strategy.errors import OcwError
from ocw_strategy.live.account import AccountHttp, wanted_margin
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.settings import Settings

SKEW_WARN_MS: Final = 300
SKEW_FAIL_MS: Final = 1000
"""Binance refuses what is signed further ahead of its clock."""
_FAULTS: Final = (OcwError, KeyError, TypeError, ValueError)
_FEW_TICKS: Final = 10
_REFUSED_KEY: Final = ("-1022", "-2014", "-2015")


async def looked(name: str, look: Callable[[], Awaitable[Check]]) -> Check:
    """Return a line, also where the look itself failed."""
    try:
        return await look()
    except _FAULTS as error:
        return _untold(name, error)


def _untold(name: str, error: Exception) -> Check:
    if isinstance(error, OcwError):
        return Check(name, False, f"{error.field} gave {error.value}; see to that first")
    return Check(name, False, f"an answer that is not understood: {error!r}")


async def host(name: str, http: StatisticsHttp, address: str) -> Check:
    """Tell whether a host answers, and how far its clock is from ours."""
    try:
        await http.get("/fapi/v1/ping")  # the connection's own time is none of the clock's
        before_ns = time.time_ns()
        server_ms = int((await http.get("/fapi/v1/time"))["serverTime"])
        after_ns = time.time_ns()
    except OcwError as error:
        return Check(
            name, False,
            f"{address} does not answer ({error.value}); see to the network, a proxy or a ban",
        )  # fmt: skip
    skew_ms = server_ms - (before_ns + after_ns) / 2e6
    said = f"{address} answers in {(after_ns - before_ns) / 1e6:.0f} ms, clock {skew_ms:+.0f} ms"
    if abs(skew_ms) >= SKEW_FAIL_MS:
        return Check(name, False, f"{said} from ours: let NTP set this machine's clock")
    if abs(skew_ms) >= SKEW_WARN_MS:
        return Check(name, False, f"{said} from ours: NTP would keep it closer", grave=False)
    return Check(name, True, f"{said} from ours")


async def key(account: AccountHttp, variable: str) -> Check:
    """Tell whether the key signs and may trade."""
    try:
        config = await account.get("/fapi/v1/accountConfig")
    except OcwError as error:
        known = any(code in str(error.value) for code in _REFUSED_KEY)
        remedy = f"make a new key and put it in {variable}" if known else "see to that first"
        return Check("account key", False, f"{error.value}; {remedy}")
    if not config["canTrade"]:
        return Check("account key", False, "the account may not trade; see its page at the venue")
    return Check("account key", True, "it signs, and the account may trade futures")


async def withdrawal(account: AccountHttp | None, live: LiveSettings) -> Check:
    """Tell whether the key could take money away; `account` asks the host that knows."""
    if account is None:
        said = "cannot be told for a demo key: futures do not say; it holds play money"
        return Check("withdrawal", True, said)
    found = await account.get("/sapi/v1/account/apiRestrictions")
    if found["enableWithdrawals"]:
        said = "the key MAY WITHDRAW: take that right from it at the venue"
        return Check("withdrawal", False, said, grave=live.account == "real")
    if not found["enableFutures"]:
        return Check("withdrawal", False, "the key may not trade futures: give it that right")
    bound = "bound to addresses" if found["ipRestrict"] else "from ANY address: bind it to yours"
    return Check("withdrawal", bool(found["ipRestrict"]), f"none; usable {bound}", grave=False)


async def position_mode(account: AccountHttp) -> Check:
    """Tell whether positions are one-way, and margined by USDT alone."""
    config = await account.get("/fapi/v1/accountConfig")
    if (await account.get("/fapi/v1/positionSide/dual"))["dualSidePosition"]:
        said = "hedge mode: set the account to one-way mode at the venue, while it is flat"
        return Check("position mode", False, said)
    if config["multiAssetsMargin"]:
        said = "one-way, but margined by several assets: equity is read in USDT alone"
        return Check("position mode", False, said, grave=False)
    return Check("position mode", True, "one-way, margined by USDT")


async def listings(http: StatisticsHttp, account: AccountHttp, settings: Settings) -> list[Check]:
    """Tell of each instrument whether the config's sizes and stops fit the venue's filters."""
    try:
        info = await http.get("/fapi/v1/exchangeInfo")
        rows = {row["symbol"]: row for row in info["symbols"]}
        equity = float((await account.get("/fapi/v3/account"))["totalMarginBalance"])
    except _FAULTS as error:
        return [_untold("instruments", error)]

    async def listed(name: str) -> Check:
        mark = await http.get("/fapi/v1/premiumIndex", symbol=name)
        return _listing(name, rows.get(name), equity, float(mark["markPrice"]), settings)

    names = sorted(map(venue_symbol, settings.data.instruments))
    return [await looked(name, partial(listed, name)) for name in names]


def _listing(
    name: str, row: Mapping[str, Any] | None, equity: float, mark: float, settings: Settings
) -> Check:
    if row is None or row["status"] != "TRADING":
        status = "is not listed" if row is None else f"is {row['status']}"
        return Check(name, False, f"it {status}: take it out of data.instruments")
    filters = {entry["filterType"]: entry for entry in row["filters"]}
    tick = float(filters["PRICE_FILTER"]["tickSize"])
    lots = filters.get("MARKET_LOT_SIZE") or filters["LOT_SIZE"]
    smallest = max(
        float(filters["MIN_NOTIONAL"]["notional"]),
        mark * max(float(filters["LOT_SIZE"]["stepSize"]), float(lots["minQty"])),
    )
    risk = settings.risk
    allowed = equity * risk.max_position_fraction
    said = (
        f"tick {tick:g}, lot {filters['LOT_SIZE']['stepSize']}, smallest order {smallest:,.2f} USD "
        f"of {allowed:,.2f} USD allowed"
    )
    if allowed < smallest:
        return Check(name, False, f"{said}: nothing can be entered; it takes more equity")
    if allowed > mark * float(lots["maxQty"]):
        return Check(name, False, f"{said}: more than one market order may be", grave=False)
    if allowed * risk.rebalance_band_fraction < smallest:
        said = f"{said}: smaller changes are dropped as dust"
        return Check(name, False, said, grave=False)
    if mark * risk.exits.trailing_step_fraction < _FEW_TICKS * tick:
        said = f"{said}: a trailing step is only a few ticks"
        return Check(name, False, said, grave=False)
    return Check(name, True, said)


async def leverage(account: AccountHttp, live: LiveSettings, settings: Settings) -> Check:
    """Tell what each instrument's leverage and margin type are, and what a start makes of them."""
    wanted = wanted_margin(live, settings)
    names = sorted(map(venue_symbol, settings.data.instruments))
    others = await account.other_margins(names, wanted)
    if not others:
        return Check("leverage", True, f"{wanted} everywhere")
    told = ", ".join(f"{name} is {found}" for name, found in others.items())
    said = f"{told}: a start sets {wanted}"
    if all(found is not None and found.kind == wanted.kind for found in others.values()):
        return Check("leverage", True, said)
    said = f"{said}, and the venue refuses another margin type while anything is open"
    return Check("leverage", False, said, grave=False)


async def prices(
    market: StatisticsHttp, execution: StatisticsHttp, live: LiveSettings, symbols: Sequence[str]
) -> Check:
    """Tell both venues' mark prices side by side."""
    told, worst = [], Decimal(0)
    for name in map(venue_symbol, symbols):
        rows = await asyncio.gather(
            *(http.get("/fapi/v1/premiumIndex", symbol=name) for http in (market, execution))
        )
        ours, theirs = (Decimal(row["markPrice"]) for row in rows)
        points = (theirs / ours - 1) * 10_000
        worst = max(worst, abs(points))
        told.append(f"{name} {ours:.8g} / {theirs:.8g} = {points:+.1f} bp")
    said = f"market / execution: {', '.join(told)}"
    if worst > Decimal(str(live.max_basis_points)):
        said = f"{said}; nothing is entered while more than {live.max_basis_points:g} bp apart"
        return Check("prices", False, said, grave=False)
    return Check("prices", True, said)


async def stream(live: LiveSettings, symbols: Sequence[str], within_s: float) -> Check:
    """Tell whether mark prices arrive over the market's socket in time."""
    base = live.venue_ws or get_ws_base_url(
        BinanceAccountType.USDT_FUTURES, BinanceEnvironment.LIVE, is_us=False
    )
    waiting = set(map(venue_symbol, symbols))
    topics = "/".join(f"{name.lower()}@markPrice@1s" for name in sorted(waiting))
    begun = time.monotonic()
    try:
        async with (
            asyncio.timeout(within_s),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{base}/stream?streams={topics}") as socket,
        ):
            while waiting:
                waiting.discard(json.loads(await socket.receive_str())["data"]["s"])
    except (TimeoutError, aiohttp.ClientError, TypeError, ValueError, KeyError) as fault:
        why = type(fault).__name__ if not isinstance(fault, TimeoutError) else "silence"
        missing = ", ".join(sorted(waiting))
        said = f"no mark price of {missing} from {base} within {within_s:g} s ({why})"
        return Check("stream", False, f"{said}; see to a proxy or firewall that cuts websockets")
    took_s = time.monotonic() - begun
    return Check("stream", True, f"a mark price of every instrument within {took_s:.1f} s")
