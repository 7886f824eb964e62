"""The command as an operator runs it: a process of its own over a journal that is being written."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ocw_strategy.alerts import AlertSettings, run_alerts
from ocw_strategy.errors import JournalError, SettingsError
from ocw_strategy.journal import WriterLock
from ocw_strategy.live.halt import HaltFile
from tests.alerts.inbox import CHAT, TOKEN, Inbox
from tests.alerts.journals import decision, event, fill, open_journal

ROOT = Path(__file__).parents[2]
HOOK_SECRET = "hook-secret-6f1d"


def write_config(folder: Path, inbox: Inbox) -> Path:
    path = folder / "node.toml"
    path.write_text(
        f'[live]\njournal = "{folder / "j.db"}"\n'
        f'[alerts]\npoll_seconds = 0.1\ntimeout_seconds = 2.0\ntelegram_url = "{inbox.url}"\n',
        encoding="utf-8",
    )
    return path


def environment(**given: str) -> dict[str, str]:
    hidden = ("TELEGRAM_", "OCW_", "BINANCE_", "ANTHROPIC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, "PYTHONPATH": str(ROOT), **given}


async def start(config: Path, *options: str, **given: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ocw_strategy.cli", "alerts", str(config), *options,
        cwd=config.parent, env=environment(**given),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


@asynccontextmanager
async def alerting(config: Path, **given: str) -> AsyncIterator[list[str]]:
    """Run `ocw alerts`, stop it as a supervisor does, and keep what it printed."""
    process, printed = await start(config, **given), []
    try:
        yield printed
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            out, _ = await process.communicate()
        printed.append(out.decode())
        assert process.returncode == 0, printed
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def test_a_halt_reaches_the_phone_and_the_phone_halts_and_nothing_shows_a_key(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        async with Inbox() as inbox:
            hook = inbox.hook_url.replace("json://", f"json://ocw:{HOOK_SECRET}@")
            given = {
                "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": CHAT, "OCW_ALERT_URLS": hook,
                "ANTHROPIC_API_KEY": "sk-ant-quite-secret",
            }  # fmt: skip
            config, path = write_config(tmp_path, inbox), tmp_path / "j.db"
            cursors = tmp_path / "j.db.alerts.json"
            journal = open_journal(path)
            async with alerting(config, **given) as printed:
                await inbox.until(cursors.exists)
                await inbox.until(lambda: cursors.read_text().count('"journal"') == 2)
                journal.append_durably(
                    event("halt:drawdown", detail=f"a detail with sk-ant-quite-secret and {TOKEN}"),
                    decision(1, outcome="decided", snapshot="{}"),
                )
                await inbox.until(lambda: len(inbox.texts) == 1 and len(inbox.hooks) == 1)
                inbox.faults.append("500")
                journal.append_durably(fill("1"))
                await inbox.until(lambda: len(inbox.texts) == 2 and len(inbox.hooks) == 2)

                inbox.write("/halt", chat="666", ts_s=int(time.time()))
                inbox.write("/halt", ts_s=int(time.time()))
                await inbox.until(lambda: "This stops entries" in "".join(inbox.texts))
                found = re.search(r"/halt (\d{4})", "".join(inbox.texts))
                assert found
                inbox.write(f"/halt {found[1]}", ts_s=int(time.time()))
                await inbox.until(HaltFile(path).halted)
                await inbox.until(lambda: any(t.startswith("Halted") for t in inbox.texts))
                await inbox.until(lambda: "OCW CRITICAL Entries halted by" in "".join(inbox.texts))
                inbox.write("/why", ts_s=int(time.time()))
                await inbox.until(lambda: "decided by claude" in "".join(inbox.texts))
            said = len(inbox.texts)
            async with alerting(config, **given) as again:
                journal.append_durably(event("node_started"))
                await inbox.until(lambda: len(inbox.texts) > said)
            assert inbox.texts[-1].startswith("OCW Node started")
            journal.close()
            everything = "".join(
                [*printed, *again, *inbox.texts, *map(str, inbox.hooks), cursors.read_text()]
            )
            assert "a detail with *** and ***" in everything
            for secret in (TOKEN, HOOK_SECRET, "sk-ant-quite-secret"):
                assert secret not in everything

    asyncio.run(play())


@pytest.mark.parametrize(("token", "code"), [(TOKEN, 0), ("1:wrong-token", 1)])
def test_a_test_message_says_whether_it_arrived(tmp_path: Path, token: str, code: int) -> None:
    async def play() -> None:
        async with Inbox() as inbox:
            process = await start(
                write_config(tmp_path, inbox), "--test",
                TELEGRAM_BOT_TOKEN=token, TELEGRAM_CHAT_ID=CHAT,
            )  # fmt: skip
            out, _ = await process.communicate()
            assert process.returncode == code, out
            assert ("Telegram: delivered" in out.decode()) is (code == 0)
            assert token not in out.decode()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "set one of them"),
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, "TELEGRAM_CHAT_ID: was None; set it too"),
        ({"OCW_ALERT_URLS": "nonsense://hidden-key"}, "give one that Apprise knows"),
    ],
)
def test_services_that_cannot_be_had_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str
) -> None:
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "OCW_ALERT_URLS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as fault:
        run_alerts(tmp_path / "j.db", AlertSettings())
    assert words in str(fault.value)
    assert "hidden-key" not in str(fault.value)


def test_one_process_tells_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCW_ALERT_URLS", "json://127.0.0.1:9/hook")
    lock = WriterLock(tmp_path / "j.db.alerts.json")
    try:
        with pytest.raises(JournalError, match="held by pid"):
            run_alerts(tmp_path / "j.db", AlertSettings())
    finally:
        lock.release()
