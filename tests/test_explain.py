"""One decision, found by any of its names and told from what the journal and recording hold."""

import hashlib
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor.recording import Recorded, Recording
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError
from ocw_strategy.explain import explain_decision, find_decision
from ocw_strategy.explanation import Explanation
from ocw_strategy.journal import (
    Clamp,
    DecisionRow,
    Evaluation,
    FillRow,
    Intent,
    Journal,
    OrderEvent,
    Record,
    ReflectionRow,
    Trade,
    canonical_json,
)
from ocw_strategy.settings import parse_time_ns
from ocw_strategy.units import HOUR_NS
from tests.journal.samples import sample

MONDAY_NS = parse_time_ns("2024-03-04")
BODY = canonical_json(
    {
        "model": "claude-x",
        "max_tokens": 900,
        "system": [{"type": "text", "text": "You decide."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Now?"}]}],
    }
)
KEY = hashlib.sha256(BODY.encode()).hexdigest()


def decision(name: str, hour: int, **given: Any) -> DecisionRow:
    values: dict[str, Any] = {
        "decision_id": name,
        "ts_ns": MONDAY_NS + hour * HOUR_NS,
        "reasons": "timer;shock:BTCUSDT-PERP:+4.1",
        "snapshot": '{"price": 7}',
        "decision": '{"reason": "why", "targets": []}',
        "request_key": "",
        "usage": "",
        "cost_usd": "0.0165",
    }
    return sample(DecisionRow, 1, **{**values, **given})


def explained(
    folder: Path,
    records: Sequence[Record],
    name: str = "last",
    config: dict[str, Any] | None = None,
) -> Explanation:
    with Journal.open(folder / "journal.db", run_id="monday", config=config) as journal:
        for record in records:
            journal.append(record)
        return explain_decision(journal, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("last", "bbb222"),
        ("aaa111", "aaa111"),
        ("bbb", "bbb222"),
        ("aaa1112", "aaa1112"),
        ("2024-03-04T01:00", "aaa111"),
        ("2024-03-04T02:59:59+00:00", "aaa1112"),
        ("2025-01-01", "bbb222"),
    ],
)
def test_a_decision_is_found_by_id_by_its_start_by_time_or_as_the_last(
    tmp_path: Path, name: str, expected: str
) -> None:
    rows = [decision("bbb222", 3), decision("aaa111", 1), decision("aaa1112", 2)]
    assert explained(tmp_path, rows, name).decision_id == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a", r"2 begin so \(aaa111, aaa1112\); give more"),
        ("zzz", "none of that id"),
        ("2024-03-01", "before that time"),
        ("", "2 begin so"),
        ("%", "none of that id"),
        ("aaa___", "none of that id"),
    ],
)
def test_an_unknown_or_ambiguous_name_is_one_sentence(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(JournalError, match=said):
        explained(tmp_path, [decision("aaa111", 1), decision("aaa1112", 2)], name)


def test_many_candidates_are_not_all_listed(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"20 begin so \(a0, a1, a2, a3, a4, \.\.\.\)"):
        explained(tmp_path, [decision(f"a{number}", number) for number in range(20)], "a")


def test_a_run_without_decisions_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="`last` is the latest"):
        explained(tmp_path, [])


def test_everything_is_told_and_nothing_of_another_decision(tmp_path: Path) -> None:
    asked = decision("d1", 1, usage='{"input_tokens":4000}', detail="", outcome="decided")
    other = decision("d2", 2)
    entry = sample(
        Intent, 1, client_order_id="o1", decision_id="d1", purpose="entry", symbol="BTC",
        trigger_price="",
    )  # fmt: skip
    trade = sample(
        Trade, 1, trade_id="t1", decision_id="d1", symbol="BTC", quantity="0.5", direction=-1,
        net_usd=-3.25, gross_usd=math.nan,
    )  # fmt: skip
    found = explained(
        tmp_path,
        [
            asked,
            other,
            Evaluation(asked.ts_ns, 1, "timer", "timer", 0.002, 0.001, "calm"),
            Clamp("d1", asked.ts_ns, "BTC", "gross_exposure", 2.0, 1.0),
            Clamp("d2", asked.ts_ns, "BTC", "leverage", 2.0, 1.0),
            entry,
            sample(Intent, 2, client_order_id="o2", decision_id="d2"),
            OrderEvent("o1", 9, "refused", "", "too small"),
            OrderEvent("o2", 9, "canceled", "", ""),
            sample(FillRow, 1, client_order_id="o1", symbol="BTC", quantity="0.8"),
            trade,
            sample(Trade, 2, trade_id="t2", decision_id="d2", symbol="BTC", quantity="0.5"),
            sample(ReflectionRow, 1, trade_id="t1", decision_id="d1", text="sold too soon"),
        ],
        "d1",
    )
    assert found.wake_reasons == ("timer", "shock:BTCUSDT-PERP:+4.1")
    assert (found.call_value, found.call_price) == (0.002, 0.001)
    assert [(clamp.limit, clamp.before, clamp.after) for clamp in found.clamps] == [
        ("gross_exposure", 2.0, 1.0)
    ]
    (order,) = found.orders
    assert [(event.status, event.detail) for event in order.events] == [("refused", "too small")]
    assert [fill.quantity for fill in order.fills] == ["0.8"]
    (told,) = found.trades
    assert (told.side, told.net_usd, told.gross_usd) == ("short", -3.25, None)
    assert told.reflection == "sold too soon"
    assert found.net_usd == -3.25
    assert found.open_quantities == {"BTC": "0.3"}
    assert found.usage == {"input_tokens": 4000}
    assert found.cost_usd == "0.0165"
    assert found.request is None
    assert found.request_note == ""
    assert json.loads(found.model_dump_json())["decision"] == {"reason": "why", "targets": []}


def test_a_hold_keeps_the_answer_and_what_was_wrong_with_it(tmp_path: Path) -> None:
    row = decision("d1", 1, decision="", outcome="malformed", detail="no JSON", raw="buy!")
    found = explained(tmp_path, [row])
    assert found.decision is None
    assert (found.outcome, found.detail, found.answer) == ("malformed", "no JSON", "buy!")


def test_the_request_is_read_from_the_recording_the_run_went_by(tmp_path: Path) -> None:
    recording = tmp_path / "kept.db"
    config = {"advisor": {"claude": {"recording": str(recording)}}}
    answer = Recorded(
        KEY, 0, "claude-x", "decided", "{}", "", "", Usage(input_tokens=1, output_tokens=1),
        Decimal(0), 0, 0, BODY,
    )  # fmt: skip
    with Recording.record(recording, created_wall_ns=1) as kept:
        kept.put(answer)
    found = explained(tmp_path, [decision("d1", 1, request_key=KEY)], config=config)
    assert found.request is not None
    assert (found.request.system, found.request.user) == ("You decide.", "Now?")
    assert (found.request.model, found.request.max_tokens) == ("claude-x", 900)
    assert found.request_note == ""


@pytest.mark.parametrize(
    ("recording", "said"),
    [("", "kept no recording"), ("absent.db", "no such file"), ("empty.db", "does not hold")],
)
def test_a_request_that_cannot_be_shown_says_why_and_hides_nothing_else(
    tmp_path: Path, recording: str, said: str
) -> None:
    if recording == "empty.db":
        Recording.record(tmp_path / recording, created_wall_ns=1).close()
    path = str(tmp_path / recording) if recording else ""
    config = {"advisor": {"claude": {"recording": path}}}
    found = explained(tmp_path, [decision("d1", 1, request_key=KEY)], config=config)
    assert found.request is None
    assert said in found.request_note
    assert found.decision == {"reason": "why", "targets": []}


def test_a_snapshot_of_another_version_is_shown_as_it_is_kept(tmp_path: Path) -> None:
    assert explained(tmp_path, [decision("d1", 1)]).snapshot == "price: 7"


@pytest.mark.parametrize("column", ["snapshot", "decision", "usage"])
def test_a_damaged_column_is_named(tmp_path: Path, column: str) -> None:
    with pytest.raises(JournalError, match=f"{column} of decision d1"):
        explained(tmp_path, [decision("d1", 1, **{column: "{broken"})])


def test_explaining_needs_no_more_than_a_reader(tmp_path: Path) -> None:
    explained(tmp_path, [decision("d1", 1)])
    before = (tmp_path / "journal.db").read_bytes()
    with Journal.read_only(tmp_path / "journal.db") as reader:
        assert find_decision(reader, "d1").decision_id == "d1"
    assert (tmp_path / "journal.db").read_bytes() == before
