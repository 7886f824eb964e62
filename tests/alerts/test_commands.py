"""The bot answers its own chat, halts only when asked twice, and never shows a secret."""

from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.alerts.commands import HELP, Commands
from ocw_strategy.alerts.telegram import Update
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.heartbeat import Heartbeat, InstrumentBeat, heartbeat_path, write_heartbeat
from ocw_strategy.units import SECOND_NS
from tests.alerts.inbox import CHAT
from tests.alerts.journals import START_NS, decision, open_journal

START_S = START_NS // SECOND_NS


class Chat:
    """A chat with the bot, its clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "j.db"
        self.now_s = START_S
        self.halt_file = HaltFile(self.path)
        numbers = iter((4711, 4712, 4713))
        self.commands = Commands(
            self.path,
            CHAT,
            now_ns=lambda: self.now_s * SECOND_NS,
            number=lambda: next(numbers),
        )

    def write(self, text: str, *, chat: str = CHAT, age_s: int = 0) -> str | None:
        return self.commands.answer(Update(1, chat, text, self.now_s - age_s))


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    return Chat(tmp_path)


def beat(**given: Any) -> Heartbeat:
    plain: dict[str, Any] = {
        "run_id": "live", "account": "demo", "wall_ns": START_NS, "started_wall_ns": START_NS,
        "state": "running", "user_stream_alive": True, "loop_lag_p99_ms": 1.0,
        "loop_lag_max_ms": 2.0, "last_decision_ns": START_NS, "last_decision_outcome": "decided",
        "equity_usd": 10_123.4, "open_orders": 1, "venue_open_orders": 1, "entries_blocked": (),
        "problems": (), "resident_mb": 300.0,
        "instruments": {
            "BTCUSDT-PERP": InstrumentBeat(
                last_bar_ns=START_NS, mark_age_s=1.0, quantity="0.5", stop_price="59000"
            )
        },
    }  # fmt: skip
    return Heartbeat(**plain | given)


def test_another_chat_is_not_answered_and_halts_nothing(chat: Chat) -> None:
    for text in ("/status", "/halt", "/halt 4711", "/why", "/start"):
        assert chat.write(text, chat="42") is None
    assert not chat.halt_file.halted()


def test_chatter_is_not_answered_and_an_unknown_command_is_helped(chat: Chat) -> None:
    assert chat.write("good morning") is None
    assert chat.write("/start") == HELP


def test_status_says_how_the_node_does(chat: Chat) -> None:
    open_journal(chat.path).close()
    write_heartbeat(heartbeat_path(chat.path), beat())
    said = chat.write("/status@ocw_bot")
    assert said is not None
    assert said.splitlines()[0] == "well: demo, running, 0 s ago"
    assert "BTCUSDT-PERP: 0.5, stop 59000" in said
    assert "equity 10,123.40 USD" in said


def test_status_says_first_that_entries_are_halted(chat: Chat) -> None:
    open_journal(chat.path).close()
    chat.halt_file.path.touch()
    write_heartbeat(heartbeat_path(chat.path), beat(entries_blocked=("halt",)))
    assert (chat.write("/status") or "").startswith("HALTED")


def test_a_status_without_a_node_is_one_sentence(chat: Chat) -> None:
    assert "no node has run on this journal yet" in (chat.write("/status") or "")


def test_why_tells_the_last_decision_or_the_one_named(chat: Chat) -> None:
    plan = (
        '{"targets": [{"symbol": "X", "exposure": -0.5, "confidence": 0.8}], "reason": "it falls"}'
    )
    with open_journal(chat.path) as journal:
        journal.append_durably(
            decision(1, outcome="timeout", detail="no answer", reasons="timer", snapshot="{}"),
            decision(2, outcome="decided", decision=plan, reasons="outlier", snapshot="{}"),
        )
    last, first = chat.write("/why") or "", chat.write("/why 000000000001") or ""
    assert "000000000002: decided by claude" in last
    assert "X: exposure -0.50, confidence 0.80" in last
    assert "it falls" in last
    assert "timeout" in first
    assert "no answer" in first
    assert "holds none of that id" in (chat.write("/why ffff") or "")


def test_a_halt_takes_the_number_that_was_answered(chat: Chat) -> None:
    assert "/halt 4711" in (chat.write("/halt") or "")
    assert not chat.halt_file.halted()
    assert (chat.write("/halt 4711") or "").startswith("Halted")
    note = chat.halt_file.note()
    assert note is not None
    assert (note.reason, note.flatten, note.wall_ns) == ("by Telegram", False, START_NS)


def test_a_halt_that_flattens_is_not_replaced_by_one_that_does_not(chat: Chat) -> None:
    chat.write("/halt")
    chat.halt_file.halt(HaltNote(1, "all of it", flatten=True))
    assert chat.write("/halt 4711") == "Halted already: nothing is entered."
    note = chat.halt_file.note()
    assert note is not None
    assert note.flatten


@pytest.mark.parametrize("given", ["4710", "4711 please", "yes"])
def test_a_wrong_number_halts_nothing_and_spends_the_right_one(chat: Chat, given: str) -> None:
    chat.write("/halt")
    for text in (f"/halt {given}", "/halt 4711"):
        assert (chat.write(text) or "").startswith("Not halted")
    assert not chat.halt_file.halted()


def test_a_number_is_good_for_a_minute(chat: Chat) -> None:
    chat.write("/halt")
    chat.now_s += 61
    assert (chat.write("/halt 4711") or "").startswith("Not halted")


def test_a_command_that_waited_while_we_were_down_is_not_carried_out(chat: Chat) -> None:
    assert "came 301 s late" in (chat.write("/halt", age_s=301) or "")
    assert (chat.write("/halt 4711") or "").startswith("Not halted")


def test_no_answer_holds_a_key(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-very-secret-key")
    with open_journal(chat.path) as journal:
        row = decision(1, outcome="auth", detail="key sk-ant-very-secret-key", snapshot="{}")
        journal.append_durably(row)
    said = chat.write("/why") or ""
    assert "key ***" in said
    assert "secret" not in said
