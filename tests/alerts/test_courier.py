"""What happens reaches a person once, whatever the service or the process does meanwhile."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from ocw_strategy.alerts.apprise_service import AppriseService
from ocw_strategy.alerts.courier import Courier
from ocw_strategy.alerts.cursor import CursorFile
from ocw_strategy.alerts.node_watch import NodeSight
from ocw_strategy.alerts.service import Service
from ocw_strategy.alerts.settings import AlertSettings
from ocw_strategy.alerts.telegram import TelegramBot
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal
from ocw_strategy.units import SECOND_NS
from tests.alerts.inbox import CHAT, TOKEN, Inbox
from tests.alerts.journals import event, fill, open_journal, trade

SETTINGS = AlertSettings(poll_seconds=0.1, digest_above=4)


class Desk:
    """A journal being written, a courier that follows it, and what the courier says."""

    def __init__(self, folder: Path, inbox: Inbox, settings: AlertSettings = SETTINGS) -> None:
        self.path = folder / "j.db"
        self.journal = open_journal(self.path)
        self.inbox, self.settings = inbox, settings
        self.said: list[str] = []
        self.bots: list[TelegramBot] = []
        self.sight = NodeSight()
        self.now_ns = 0

    def bot(self, seconds: float = 0.5) -> TelegramBot:
        self.bots.append(TelegramBot(TOKEN, CHAT, self.inbox.url, seconds))
        return self.bots[-1]

    def courier(self, service: Service) -> Courier:
        return Courier(
            self.path, service, CursorFile(self.path), self.settings,
            sight=lambda _: self.sight, now_ns=lambda: self.now_ns, log=self.said.append,
            first_wait_s=0.05,
        )  # fmt: skip


def run(folder: Path, play: Callable[[Desk], Awaitable[None]], **settings: object) -> Desk:
    async def whole() -> Desk:
        async with Inbox() as inbox:
            desk = Desk(folder, inbox, SETTINGS.model_copy(update=settings))
            try:
                await play(desk)
            finally:
                desk.journal.close()
                for bot in desk.bots:
                    await bot.close()
            return desk

    return asyncio.run(whole())


def test_alerts_arrive_in_order_with_their_severity(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        desk.journal.append_durably(fill("1"), event("halt:drawdown", 1), trade("1", 5.0))
        await courier.look()
        await courier.look()

    texts = run(tmp_path, play).inbox.texts
    assert [text.splitlines()[0] for text in texts] == [
        "OCW Long 0.5 BTCUSDT-PERP at 60000",
        "OCW Closed long 0.5 BTCUSDT-PERP: +5.00 USD (+0.02%)",
        "OCW CRITICAL Entries halted: drawdown",
    ]
    assert texts[-1].splitlines()[1:] == ["why", "2024-10-04 12:01 UTC"]


def test_a_restart_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.courier(desk.bot()).look()
        for number in range(5):
            desk.journal.append_durably(fill(str(number), f"O-{number}"))
            await desk.courier(desk.bot()).look()  # a new life each time

    texts = run(tmp_path, play).inbox.texts
    assert len(texts) == 5
    assert not any("perhaps" in text for text in texts)


def test_a_service_that_says_when_is_left_alone_until_then(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        desk.journal.append_durably(fill("1"))
        desk.inbox.faults.append("429")
        began = asyncio.get_running_loop().time()
        await courier.look()
        assert asyncio.get_running_loop().time() - began >= 1.0

    desk = run(tmp_path, play)
    assert [text.splitlines()[0] for text in desk.inbox.texts] == [
        "OCW Long 0.5 BTCUSDT-PERP at 60000"
    ]
    assert desk.said == ["Telegram: sendMessage: HTTP 429 Too Many Requests; tried again"]


@pytest.mark.parametrize(
    ("fault", "arrivals", "marked"),
    [("500", 1, True), ("slow", 2, True), ("dropped", 2, True), ("401", 1, False)],
)
def test_what_fails_is_sent_again_and_says_so_where_it_may_have_arrived(
    tmp_path: Path, fault: str, arrivals: int, marked: bool
) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        desk.journal.append_durably(fill("1"))
        desk.inbox.faults.append(fault)
        await courier.look()
        if fault == "slow":
            await desk.inbox.until(lambda: len(desk.inbox.texts) == 2)

    texts = run(tmp_path, play).inbox.texts
    assert len(texts) == arrivals
    assert any(text.startswith("(perhaps told before) ") for text in texts) is marked


def test_a_message_that_is_never_taken_is_left_out_and_logged(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        desk.journal.append_durably(fill("1"), fill("2", "O-2"))
        desk.inbox.faults.append("400")
        await courier.look()

    desk = run(tmp_path, play)
    assert len(desk.inbox.texts) == 1
    assert "left out, sendMessage: HTTP 400" in desk.said[0]


def test_one_killed_while_sending_sends_again_and_says_so(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot(5.0))
        await courier.look()
        desk.journal.append_durably(fill("1"))
        desk.inbox.faults.append("slow")
        life = asyncio.ensure_future(courier.look())
        await desk.inbox.until(lambda: desk.inbox.tried == 1)
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
        assert CursorFile(desk.path).cursor("Telegram").in_doubt
        reborn = desk.courier(desk.bot(5.0))
        await reborn.look()
        desk.journal.append_durably(fill("2", "O-2"))
        await reborn.look()

    first, second = [t for t in run(tmp_path, play).inbox.texts if "OCW" in t][-2:]
    assert first.startswith("(perhaps told before) OCW Long")
    assert second.startswith("OCW Long")


def test_an_outage_ends_in_one_message_with_the_gravest_first(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        for number in range(40):
            desk.journal.append_durably(fill(str(number), f"O-{number}"))
        desk.journal.append_durably(event("halt:drawdown"))
        await courier.look()
        desk.journal.append_durably(fill("99", "O-99"))
        await courier.look()

    digest, single = run(tmp_path, play).inbox.texts
    lines = digest.splitlines()
    assert lines[0] == "OCW CRITICAL 41 alerts: 40 entry, 1 halt"
    assert "CRITICAL Entries halted: drawdown" in lines[1]
    assert lines[-2] == "and 21 more"
    assert single.startswith("OCW Long")


def test_a_service_hears_no_more_than_so_many_a_minute(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        await courier.look()
        desk.journal.append_durably(*(fill(str(n), f"O-{n}") for n in range(4)))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(courier.look(), 1.0)

    assert len(run(tmp_path, play, max_per_minute=3).inbox.texts) == 3


def test_a_webhook_gets_the_same_after_a_failure(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(AppriseService(1, desk.inbox.hook_url, 2.0))
        await courier.look()
        desk.journal.append_durably(event("halt:drawdown"))
        desk.inbox.faults.append("500")
        await courier.look()

    [hook] = run(tmp_path, play).inbox.hooks
    assert hook["title"] == "(perhaps told before) OCW CRITICAL Entries halted: drawdown"
    assert hook["message"].splitlines() == ["why", "2024-10-04 12:00 UTC"]


def test_two_services_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        cursors = CursorFile(desk.path)
        lost = AppriseService(1, "json://127.0.0.1:9/hook", 0.2)
        couriers = [
            Courier(
                desk.path, service, cursors, desk.settings, sight=lambda _: NodeSight(),
                now_ns=lambda: 0, log=desk.said.append, first_wait_s=60.0,
            )
            for service in (lost, desk.bot())
        ]  # fmt: skip
        for courier in couriers:
            await courier.look()
        desk.journal.append_durably(fill("1"))
        tasks = [asyncio.ensure_future(courier.run()) for courier in couriers]
        await desk.inbox.until(lambda: len(desk.inbox.texts) == 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(tmp_path, play)


def test_a_node_that_stays_unwell_is_told_once_and_when_it_is_well(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        courier = desk.courier(desk.bot())
        for second, problem in enumerate(["", "dead", "", "dead", *["dead"] * 200, "", ""]):
            desk.now_ns = second * SECOND_NS
            desk.sight = NodeSight((problem,) if problem else ())
            await courier.look()

    texts = run(tmp_path, play, unwell_seconds=120.0).inbox.texts
    assert [text.splitlines()[:2] for text in texts] == [
        ["OCW CRITICAL The node is unwell", "dead"],
        ["OCW The node is well again", "1970-01-01 00:03 UTC"],
    ]


def test_a_journal_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        desk.path = tmp_path / "later.db"
        courier = desk.courier(desk.bot())
        await courier.look()
        await courier.look()
        with Journal.open(desk.path, run_id="later") as journal:
            journal.append_durably(event("node_started"))
            await courier.look()
            journal.append_durably(fill("1"))
            await courier.look()

    desk = run(tmp_path, play)
    assert [text.split()[1] for text in desk.inbox.texts] == ["Node", "Long"]
    assert len(desk.said) == 1  # said once, not at every look


def test_a_journal_that_is_being_made_is_waited_for(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        with closing(sqlite3.connect(desk.path)) as file:
            file.execute("DELETE FROM meta")
            file.commit()
        await desk.courier(desk.bot()).look()

    assert "is being made" in run(tmp_path, play).said[0]


def test_a_damaged_cursor_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "j.db.alerts.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(JournalError, match="delete it to begin at the journal's end"):
        CursorFile(tmp_path / "j.db")
