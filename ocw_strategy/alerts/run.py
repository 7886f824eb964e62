"""One life of the alerts: a courier a service, and the bot's ear, until told to stop.

It is a process of its own, reads the journal and the heartbeat, and writes nothing but its cursors
and, when told to twice, the halt file: it can neither slow nor stop trading.
"""

import asyncio
import logging
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ocw_strategy.alerts.apprise_service import URLS, AppriseService
from ocw_strategy.alerts.commands import Commands
from ocw_strategy.alerts.courier import LONGEST_WAIT_S, Courier
from ocw_strategy.alerts.cursor import CursorFile
from ocw_strategy.alerts.node_watch import NodeSight, look_at_node
from ocw_strategy.alerts.service import DeliveryError, Service
from ocw_strategy.alerts.settings import AlertSettings
from ocw_strategy.alerts.telegram import CHAT, TOKEN, TelegramBot
from ocw_strategy.environment import redact, secret, variable
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import WriterLock

VARIABLES: Final = (TOKEN, CHAT, URLS)
"""What the alerts read from the environment; any one service is enough."""

# httpx logs addresses, and the bot's hold its token
logging.getLogger("httpx").setLevel(logging.WARNING)


def make_services(settings: AlertSettings) -> list[Service]:
    """Return the services that the environment names.

    Raises
    ------
    SettingsError
        If it names none, or half of one.
    """
    services: list[Service] = []
    token, chat = secret(TOKEN), variable(CHAT)
    if token and chat:
        services.append(TelegramBot(token, chat, settings.telegram_url, settings.timeout_seconds))
    elif token or chat:
        raise SettingsError(CHAT if token else TOKEN, None, "set it too: a bot needs both")
    for number, url in enumerate((secret(URLS) or "").split(), start=1):
        services.append(AppriseService(number, url, settings.timeout_seconds))
    if not services:
        raise SettingsError(f"{TOKEN}, {URLS}", None, "set one of them, or run without alerts")
    return services


def run_alerts(journal: Path, settings: AlertSettings) -> None:
    """Tell what happens in a journal until SIGTERM or SIGINT.

    Raises
    ------
    SettingsError
        If the environment names no service.
    JournalError
        If alerts run for this journal already, or their cursors cannot be read or written.
    """
    services = make_services(settings)
    journal.parent.mkdir(parents=True, exist_ok=True)
    cursors = CursorFile(journal)
    lock = WriterLock(cursors.path)
    try:
        asyncio.run(_follow(journal, services, cursors, settings))
    finally:
        lock.release()


def send_test(settings: AlertSettings) -> list[tuple[str, str]]:
    """Send one message to each service; return their names, each with what was wrong, or nothing.

    Raises
    ------
    SettingsError
        If the environment names no service.
    """

    async def send_all() -> list[tuple[str, str]]:
        return [(service.name, await _tried(service)) for service in make_services(settings)]

    return asyncio.run(send_all())


async def _tried(service: Service) -> str:
    try:
        await service.send("OCW test", "Alerts arrive here.")
    except DeliveryError as error:
        return redact(str(error))
    finally:
        await service.close()
    return ""


async def _follow(
    journal: Path, services: Sequence[Service], cursors: CursorFile, settings: AlertSettings
) -> None:
    def sight(now_ns: int) -> NodeSight:
        return look_at_node(journal, now_ns)

    jobs = [
        Courier(
            journal, service, cursors, settings, sight=sight, now_ns=time.time_ns, log=_log
        ).run()
        for service in services
    ]
    jobs += [_listen(journal, s, cursors) for s in services if isinstance(s, TelegramBot)]
    tasks = [asyncio.ensure_future(job) for job in jobs]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: [task.cancel() for task in tasks])
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        _log("alerts stopped")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for service in services:
            await service.close()


async def _listen(journal: Path, bot: TelegramBot, cursors: CursorFile) -> None:
    commands = Commands(
        journal,
        bot.chat,
        now_ns=time.time_ns,
        number=lambda: 1000 + secrets.randbelow(9000),
    )
    wait_s = 1.0
    while True:
        try:
            for update in await bot.updates(cursors.telegram_offset):
                # before it is carried out: a command that kills us is not met again
                cursors.save_telegram_offset(update.update_id + 1)
                said = await asyncio.to_thread(commands.answer, update)
                if said is not None:
                    await bot.send(said, "")
            wait_s = 1.0
        except DeliveryError as error:
            _log(redact(f"commands: {error}"))
            await asyncio.sleep(max(wait_s, error.retry_after_s))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _log(line: str) -> None:
    sys.stderr.write(f"ocw alerts: {line}\n")
