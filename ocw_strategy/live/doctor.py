"""Whether a live node would do well here and now, a line for each thing that was looked at.

Local things first (keys, journal, disk, halt, budget), then the two venues. Nothing is changed, no
order is sent, no decision is bought; a node may run meanwhile.
"""

import asyncio
import os
import shutil
import time
from decimal import Decimal
from pathlib import Path
from typing import Final

from ocw_strategy.advisor.budget import utc_day
from ocw_strategy.doctor import Check, model_checks
from ocw_strategy.errors import OcwError
from ocw_strategy.journal import Journal, lock_holder
from ocw_strategy.journal.ledger import read_ledger
from ocw_strategy.live import venue_checks
from ocw_strategy.live.account import AccountHttp
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.node import MARKET_HOST, Keys, execution_host
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.live.statistics_http import StatisticsHttp
from ocw_strategy.settings import Settings

STREAM_WITHIN_S: Final = 10.0
SPOT_HOST: Final = "https://api.binance.com"
"""The host that knows what a key may do."""
_LITTLE_BYTES: Final = 2 * 1024**3
_TOO_LITTLE_BYTES: Final = 200 * 1024**2


def live_checks(
    live: LiveSettings, settings: Settings, keys: Keys | None, variable: str
) -> list[Check]:
    """Return what stands in the way of a live node.

    Parameters
    ----------
    keys : Keys or None
        The account's; without them what needs them is left out.
    variable : str
        The name of the variable that holds the key.
    """
    path = Path(live.journal)
    checks = [_journal(path), _disk(path), _halt(path)]
    if settings.advisor.kind == "claude":
        checks += [*model_checks(settings), _budget(settings, path, time.time_ns())]
    return checks + asyncio.run(_venues(live, settings, keys, variable))


async def _venues(
    live: LiveSettings, settings: Settings, keys: Keys | None, variable: str
) -> list[Check]:
    market_address, address = live.venue_http or MARKET_HOST, execution_host(live)
    market = StatisticsHttp(market_address, time.time_ns)
    execution = StatisticsHttp(address, time.time_ns)
    symbols = settings.data.instruments
    try:
        checks = [await venue_checks.host("market", market, market_address)]
        if live.account != "paper":  # there the node makes the account, at the market's own prices
            checks.append(await venue_checks.host("execution", execution, address))
            if keys is None:
                said = f"{variable} or its secret is not set; put both in the environment or .env"
                checks.append(Check("account key", False, said))
            else:
                checks += await _account(live, settings, keys, execution, variable)
            checks.append(
                await venue_checks.looked(
                    "prices", lambda: venue_checks.prices(market, execution, live, symbols)
                )
            )
        checks.append(await venue_checks.stream(live, symbols, STREAM_WITHIN_S))
        return checks
    finally:
        await market.close()
        await execution.close()


async def _account(
    live: LiveSettings,
    settings: Settings,
    keys: Keys,
    execution: StatisticsHttp,
    variable: str,
) -> list[Check]:
    account = AccountHttp(execution_host(live), keys.key, keys.secret)
    spot_host = live.venue_http or (SPOT_HOST if live.account == "real" else "")
    spot = AccountHttp(spot_host, keys.key, keys.secret) if spot_host else None
    try:
        found = await venue_checks.looked(
            "account key", lambda: venue_checks.key(account, variable)
        )
        if not found.well:
            return [found]
        checks = [found]
        for name, look in (
            ("withdrawal", lambda: venue_checks.withdrawal(spot, live)),
            ("position mode", lambda: venue_checks.position_mode(account)),
            ("leverage", lambda: venue_checks.leverage(account, live, settings)),
        ):
            checks.append(await venue_checks.looked(name, look))
        return checks + await venue_checks.listings(execution, account, settings)
    finally:
        await account.close()
        if spot is not None:
            await spot.close()


def _journal(path: Path) -> Check:
    holder = lock_holder(path)
    if holder is not None:
        said = f"a node runs on {path} (pid {holder}): no other can, look at it with `ocw status`"
        return Check("journal", False, said, grave=False)
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Check("journal", False, f"{folder} cannot be written: let this user write there")
    if not path.exists():
        return Check("journal", True, f"{path} is made by the first start")
    try:
        with Journal.read_only(path):
            return Check("journal", True, f"{path}, no node runs on it")
    except OcwError as error:
        return Check("journal", False, str(error))


def _disk(path: Path) -> Check:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1024**3:,.1f} GiB free beside the journal"
    if free < _TOO_LITTLE_BYTES:
        return Check("disk", False, f"{said}: make room, a full disk ends the node")
    return Check("disk", free >= _LITTLE_BYTES, said, grave=False)


def _halt(path: Path) -> Check:
    file = HaltFile(path)
    if not file.halted():
        return Check("halt", True, "none")
    note = file.note()
    why = "no reason that can be read" if note is None else note.reason
    flat = ", and all is closed" if note is not None and note.flatten else ""
    said = f"nothing is entered{flat}: {why}; `ocw resume` ends it"
    return Check("halt", False, said, grave=False)


def _budget(settings: Settings, path: Path, now_ns: int) -> Check:
    claude = settings.advisor.claude
    day_usd, month_usd = claude.budget_usd_per_day, claude.budget_usd_per_month
    today, spent_day, spent_month = utc_day(now_ns), Decimal(0), Decimal(0)
    if path.is_file():
        try:
            with Journal.read_only(path) as journal:
                ledger = read_ledger(journal)
        except OcwError as error:
            return Check("budget", False, str(error))
        for entry in ledger:
            spent_day += entry.counted_usd if entry.spend.day == today else 0
            spent_month += entry.counted_usd if entry.spend.day[:7] == today[:7] else 0
    said = f"{spent_day} of {day_usd} USD spent today, {spent_month} of {month_usd} USD this month"
    if spent_day >= day_usd or spent_month >= month_usd:
        return Check("budget", False, f"{said}: Claude is not asked until it is over", grave=False)
    return Check("budget", True, said)
