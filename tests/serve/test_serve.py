"""`ocw serve` as a host runs it: a node on the loopback venue, with its companions beside it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ocw_strategy.environment import PLAIN, SECRETS
from ocw_strategy.journal import Event, Journal
from tests.alerts.inbox import CHAT, TOKEN, Inbox
from tests.alerts.test_run import environment
from tests.live.process import CONFIG, sample_venue
from tests.venue import Venue

BESIDE = """
[serve]
dashboard_port = {page}
first_wait_seconds = 0.2

[alerts]
poll_seconds = 0.2
telegram_url = "{url}"
"""
PAGE_TOKEN = "a-token-of-the-page-0123456789"
PATIENCE_S = 90.0
PROC = Path("/proc")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A supervisor at work, and what it is seen to do."""

    def __init__(self, folder: Path, venue: Venue, inbox: Inbox) -> None:
        self.journal, self.inbox, self.port = folder / "node.db", inbox, free_port()
        self.page = free_port()
        self.config, self.output = folder / "node.toml", folder / "output"
        text = CONFIG.format(
            journal=self.journal, port=self.port, http=venue.http_url, ws=venue.ws_url
        )
        self.config.write_text(
            text + BESIDE.format(url=inbox.url, page=self.page), encoding="utf-8"
        )
        self.environment = environment(
            BINANCE_DEMO_API_KEY=venue.api_key, BINANCE_DEMO_API_SECRET=venue.api_secret,
            TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_CHAT_ID=CHAT, OCW_DASHBOARD_TOKEN=PAGE_TOKEN,
        )  # fmt: skip
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        with self.output.open("wb") as file:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ocw_strategy.cli", "serve", str(self.config),
                cwd=self.config.parent, env=self.environment, stdout=file, stderr=file,
            )  # fmt: skip

    async def until_healthy(self) -> None:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{self.port}/health")
                    if answer.status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                assert self.process.returncode is None, self.said()
                await asyncio.sleep(0.2)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    async def end(self) -> None:
        """Kill whatever is left."""
        left = [self.child(command) for command in ("live", "dashboard", "alerts")]
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
            for pid in filter(None, left):
                os.kill(pid, signal.SIGKILL)

    def child(self, command: str) -> int | None:
        """Return the process id of a child by its command, None while there is none."""
        for path in PROC.glob("[0-9]*"):
            try:
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                line = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(parent) == self.process.pid and command.encode() in line:
                return int(path.name)
        return None

    def secrets_of(self, command: str) -> set[str]:
        rows = (PROC / str(self.child(command)) / "environ").read_bytes().split(b"\0")
        given = {*SECRETS, *PLAIN} & set(self.environment) - set(os.environ)
        return {row.split(b"=")[0].decode() for row in rows} & given


@asynccontextmanager
async def serving(folder: Path, venue: Venue) -> AsyncIterator[Served]:
    async with Inbox() as inbox:
        served = Served(folder, venue, inbox)
        await served.start()
        try:
            await served.until_healthy()
            yield served
        finally:
            await served.end()


@pytest.mark.skipif(not PROC.is_dir(), reason="looks at processes in /proc")
def test_a_node_is_served_its_companions_mended_and_all_stopped_in_order(tmp_path: Path) -> None:
    async def play(venue: Venue) -> None:
        async with serving(tmp_path, venue) as served:
            await served.inbox.until(lambda: bool(served.inbox.texts), PATIENCE_S)
            async with httpx.AsyncClient() as client:
                overview = await client.get(
                    f"http://127.0.0.1:{served.page}/api/overview",
                    headers={"Authorization": f"Bearer {PAGE_TOKEN}"},
                )
            assert overview.json()["node"]["well"] is True
            assert served.inbox.texts[0].startswith("OCW Node started")
            assert served.secrets_of("live") == {"BINANCE_DEMO_API_KEY", "BINANCE_DEMO_API_SECRET"}
            assert served.secrets_of("dashboard") == {"OCW_DASHBOARD_TOKEN"}
            assert served.secrets_of("alerts") == {"TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"}

            node, alerts = served.child("live"), served.child("alerts")
            assert alerts is not None
            os.kill(alerts, signal.SIGKILL)
            await served.inbox.until(lambda: served.child("alerts") not in {None, alerts})
            assert served.child("live") == node

            served.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await served.process.wait() == 0, served.said()
            assert not (PROC / str(node)).exists()
            with Journal.read_only(served.journal) as journal:
                assert [e.kind for e in journal.rows(Event)][-1] == "node_stopped"
            for secret in (TOKEN, PAGE_TOKEN, venue.api_key, venue.api_secret):
                assert secret not in served.said()

    with sample_venue() as venue:
        venue.market.play(60.0)  # a market that stands still is a lost connection
        asyncio.run(play(venue))


@pytest.mark.slow
@pytest.mark.skipif(not PROC.is_dir(), reason="looks at processes in /proc")
def test_all_ends_when_the_node_dies(tmp_path: Path) -> None:
    async def play(venue: Venue) -> None:
        async with serving(tmp_path, venue) as served:
            await served.inbox.until(lambda: served.child("alerts") is not None)
            node, alerts = served.child("live"), served.child("alerts")
            assert node is not None
            os.kill(node, signal.SIGKILL)
            async with asyncio.timeout(30):
                assert await served.process.wait() == 128 + signal.SIGKILL
            assert not (PROC / str(alerts)).exists()

    with sample_venue() as venue:
        venue.market.play(60.0)  # a market that stands still is a lost connection
        asyncio.run(play(venue))
