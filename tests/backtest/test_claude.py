"""Claude decides in a running backtest: recorded once, replayed for ever, and whatever goes wrong.

The engine, the client and the files are real; the Messages API is the one on loopback.
"""

import json
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor.outcomes import (
    AUTH,
    BAD_REQUEST,
    BREAKER_OPEN,
    BUDGET_SPENT,
    CONNECTION,
    DECIDED,
    INVALID_RESPONSE,
    MALFORMED,
    NOT_RECORDED,
    OVERLOADED,
    RATE_LIMITED,
    REFUSED,
    SERVER_ERROR,
    TIMEOUT,
    TRUNCATED,
    UNKNOWN_INSTRUMENT,
)
from ocw_strategy.backtest import run_backtest, summarise, write_reports
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import (
    Answered,
    DecisionRow,
    Event,
    FillRow,
    Intent,
    Journal,
    ReflectionRow,
    Settlement,
    Spend,
)
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS
from tests.backtest.eager import BTC, eager, short_frames
from tests.backtest.market import write_catalog
from tests.claude import KEY, ClaudeApi, Reply, answer, decision_text, error


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("claude") / "catalog", short_frames())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaudeApi]:
    with ClaudeApi() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        yield server


def settings_of(market: Path, folder: Path, **claude: Any) -> Settings:
    """Return settings of a day with a call at nearly every close."""
    own: dict[str, Any] = {
        "recording": str(folder / "recording.db"), "on_miss": "call", "allow_hindsight": True,
        "timeout_seconds": 5.0, "budget_usd_per_day": "100", "budget_usd_per_month": "1000",
    }  # fmt: skip
    return eager(
        market,
        run={"runs_dir": str(folder / "runs"), "end": "2024-02-07"},
        advisor={"kind": "claude", "claude": own | claude},
    )


def longs(body: Mapping[str, Any]) -> Reply:
    """Answer as a model that changes its mind with every figure of the prompt."""
    side = 1 if sum(json.dumps(body).encode()) % 3 else -1
    target = {"symbol": BTC, "exposure": 0.8 * side, "confidence": 1.0}
    return answer(decision_text(target, reason="as the figures say", memory_note="note"))


def until(settings: Settings, end: str) -> Settings:
    """Return the settings of a shorter window."""
    return settings.model_copy(update={"run": settings.run.model_copy(update={"end": end})})


def run(settings: Settings, wall_ns: int = 1) -> Path:
    return run_backtest(settings, created_wall_ns=wall_ns, finish=write_reports).folder


def rows(folder: Path, kind: Any) -> list[Any]:
    with Journal.read_only(folder / "journal.db") as journal:
        return journal.rows(kind)


def digest(folder: Path) -> str:
    with Journal.read_only(folder / "journal.db") as journal:
        return journal.digest()


class _Deaf:
    """No socket is connected at all while this holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[Any] = []
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, self._refuse)

    def _refuse(self, address: Any, *_: Any) -> None:
        self.tried.append(address)
        raise ConnectionRefusedError("no network in a replay")


def test_recorded_once_and_replayed_twice_are_three_equal_digests_and_no_call(
    market: Path, tmp_path: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.default = longs
    recorded = run(settings_of(market, tmp_path))
    bought = len(api.messages)
    decisions = rows(recorded, DecisionRow)
    assert bought == len(decisions) > 20
    assert {row.outcome for row in decisions} == {DECIDED}
    assert rows(recorded, FillRow)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    deaf = _Deaf(monkeypatch)
    replays = [run(settings_of(market, tmp_path, on_miss="hold"), n) for n in (2, 3)]
    assert {digest(folder) for folder in (recorded, *replays)} == {digest(recorded)}
    assert deaf.tried == []
    assert len(api.messages) == bought
    # a replay costs what was once paid; the ledger is the recording's
    assert {float(summarise(f).costs.advisor_usd) > 0 for f in (recorded, *replays)} == {True}
    assert rows(replays[0], Spend) == []


def test_a_recording_that_was_stopped_goes_on_and_pays_nothing_twice(
    market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    short = settings_of(market, tmp_path)
    api.default = longs
    run(until(short, "2024-02-06T12:00"))
    before = len(api.messages)
    assert before > 5
    whole = run(short, 2)
    asked = [json.dumps(call.body, sort_keys=True) for call in api.messages]
    assert len(asked) > before
    assert Counter(asked).most_common(1)[0][1] == 1
    with Journal.read_only(tmp_path / "recording.db") as recording:
        assert recording.count(Answered) == len(asked) == recording.count(Spend)
    assert digest(run(settings_of(market, tmp_path, on_miss="hold"), 3)) == digest(whole)


TROUBLE: dict[str, tuple[Reply, str]] = {
    "timeout": (answer(decision_text(), first_byte_s=3.0), TIMEOUT),
    "overload": (error(529), OVERLOADED),
    "rate limit": (error(429, headers={"retry-after": "60"}), RATE_LIMITED),
    "auth": (error(401), AUTH),
    "bad request": (error(400), BAD_REQUEST),
    "server error": (error(500), SERVER_ERROR),
    "connection loss": (answer(decision_text(), drop=True), CONNECTION),
    "half an answer": (answer(decision_text(), sent=40), CONNECTION),
    "refusal": (answer("I cannot", stop_reason="refusal"), REFUSED),
    "truncation": (answer('{"targets": [', stop_reason="max_tokens"), TRUNCATED),
    "prose": (answer("Buy bitcoin."), MALFORMED),
    "unknown instrument": (
        answer(decision_text({"symbol": "DOGE", "exposure": 1, "confidence": 1})),
        UNKNOWN_INSTRUMENT,
    ),
    "a page": (Reply(body=b"<html>hello</html>", content_type="text/html"), INVALID_RESPONSE),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_whatever_fails_the_run_completes_and_what_is_held_stays_protected(
    name: str, market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    reply, outcome = TROUBLE[name]
    api.script(longs, longs, longs)  # a position is opened, then the trouble begins
    api.default = reply
    settings = settings_of(market, tmp_path, timeout_seconds=0.5, breaker_minutes=90.0)
    folder = run(until(settings, "2024-02-06T06:00"))
    counts = summarise(folder).decisions_by_outcome
    assert counts[DECIDED] == 3
    assert counts[outcome] >= 1
    assert sum(counts.values()) == len(rows(folder, DecisionRow))
    failed = [row for row in rows(folder, DecisionRow) if row.outcome != DECIDED]
    assert all(row.decision == "" and row.detail for row in failed)
    # entries were made, every one of them has its stop, and no order came of a failed call
    intents = rows(folder, Intent)
    entries = [row for row in intents if row.purpose == "entry"]
    stopped = {row.symbol for row in intents if row.purpose == "stop"}
    assert entries
    assert {row.symbol for row in entries} <= stopped
    assert not {row.decision_id for row in entries} & {row.decision_id for row in failed}


def test_a_service_that_stays_down_is_left_alone_and_said_once_a_day(
    market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    api.default = error(529)
    folder = run(settings_of(market, tmp_path, breaker_minutes=60.0))
    counts = summarise(folder).decisions_by_outcome
    assert counts[BREAKER_OPEN] > 0
    assert len(api.messages) == counts[OVERLOADED]
    notices = [row for row in rows(folder, Event) if row.kind == "advisor"]
    assert notices
    assert len({row.ts_ns // DAY_NS for row in notices}) == len(notices)


def test_a_model_may_write_what_to_take_from_each_trade_and_is_paid_for_it(
    market: Path, tmp_path: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(body: Mapping[str, Any]) -> Reply:
        if "notebook" not in body["system"][0]["text"]:
            return longs(body)
        if body["messages"][0]["content"][0]["text"].count("long"):
            return answer('{"lesson": "Longs paid here.\\n<wake_reasons>"}')
        return answer("no JSON")

    api.default = both
    writing = settings_of(market, tmp_path, reflection_model="claude-haiku-4-5")
    recorded = run(writing)
    written = rows(recorded, ReflectionRow)
    assert {row.source for row in written} == {"claude-haiku-4-5", "rules"}
    by_model = [row for row in written if row.source != "rules"]
    assert {row.text for row in by_model} == {"Longs paid here. (wake_reasons>"}
    assert all(float(row.cost_usd) > 0 for row in written)
    decisions = rows(recorded, DecisionRow)
    spent = sum(float(row.cost_usd) for row in (*decisions, *written))
    assert summarise(recorded).costs.advisor_usd == pytest.approx(spent)
    with Journal.read_only(tmp_path / "recording.db") as recording:
        settled = sum(float(row.cost_usd) for row in recording.rows(Settlement))
    assert settled <= spent  # trades that taught the same were asked about once
    # later prompts show what was written
    assert any("Longs paid here" in call.prompt for call in api.messages)
    deaf = _Deaf(monkeypatch)
    replayed = run(settings_of(market, tmp_path, reflection_model="claude-haiku-4-5",
                               on_miss="hold"), 2)  # fmt: skip
    assert digest(replayed) == digest(recorded)
    assert deaf.tried == []


def test_a_spent_budget_is_never_passed_and_the_stand_in_decides(
    market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    api.default = longs
    folder = run(settings_of(market, tmp_path, budget_usd_per_day="0.2"))
    decisions = rows(folder, DecisionRow)
    spent = [row for row in decisions if row.outcome == BUDGET_SPENT]
    assert spent
    assert {row.advisor for row in spent} == {"rules for claude"}
    assert summarise(folder).costs.advisor_usd <= 0.2
    assert len(api.messages) < len(decisions)


def test_a_miss_is_a_hold_or_the_rules_as_configured_and_counted(
    market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    api.default = longs
    run(until(settings_of(market, tmp_path), "2024-02-06T06:00"))
    for on_miss, advisor in (("hold", "claude"), ("rules", "rules for claude")):
        folder = run(settings_of(market, tmp_path, on_miss=on_miss), 2)
        missed = [row for row in rows(folder, DecisionRow) if row.outcome == NOT_RECORDED]
        assert missed
        assert {row.advisor for row in missed} == {advisor}
        assert {bool(row.decision) for row in missed} == {on_miss == "rules"}


def test_the_key_is_nowhere_that_a_run_leaves_anything(
    market: Path, tmp_path: Path, api: ClaudeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    echo = error(400, message=f"bad key {KEY}", headers={"request-id": KEY})
    api.script(longs, echo, answer(f"Your key is {KEY}"), longs)
    api.default = longs
    run(settings_of(market, tmp_path))
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "report.html" for path in left)
    assert [path for path in left if KEY.encode() in path.read_bytes()] == []
    assert KEY not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("claude", "words"),
    [
        ({"recording": ""}, "`ocw record` makes one"),
        ({"on_miss": "hold", "recording": "nowhere.db"}, "no such file"),
        ({"model": "claude-9"}, "claude-9"),
    ],
)
def test_a_run_that_could_not_be_accounted_for_is_refused(
    claude: dict[str, Any], words: str, market: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    with pytest.raises(SettingsError, match=words):
        run(settings_of(market, tmp_path, **claude))
    assert api.calls == []
    assert list(tmp_path.glob("runs/*")) == []


def test_without_a_key_nothing_is_asked(
    market: Path, tmp_path: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY"):
        run(settings_of(market, tmp_path))
    assert api.calls == []
