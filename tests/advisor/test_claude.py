"""The whole way from a snapshot to advice, over HTTP: what is decided, held and paid."""

import asyncio
import json
import socket
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor import Advice, RulesAdvisor, RulesSettings, drive
from ocw_strategy.advisor.outcomes import (
    ADVISOR_FAULT,
    AUTH,
    BAD_REQUEST,
    BREAKER_OPEN,
    BUDGET_SPENT,
    CONNECTION,
    DECIDED,
    EMPTY,
    INVALID_RESPONSE,
    MALFORMED,
    NOT_RECORDED,
    OVERLOADED,
    RATE_LIMITED,
    REFUSED,
    SCREENED_OUT,
    SERVER_ERROR,
    TIMEOUT,
    TRUNCATED,
    UNKNOWN_INSTRUMENT,
)
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import Settlement, Spend
from tests.advisor.answers import answers
from tests.advisor.asking import MODELS, asking, at
from tests.advisor.test_answers import check
from tests.claude import KEY, ClaudeApi, Reply, answer, decision_text, error
from tests.market.examples import BTC, SYMBOLS

LONG = decision_text({"symbol": BTC, "exposure": 0.5, "confidence": 0.8}, reason="trend")
USAGE = {"input_tokens": 3000, "output_tokens": 200}
PAID = Decimal("0.012")  # at 3 and 15 dollars per million
CHEAP = "claude-haiku-4-5"


def rules_decision(minutes: int = 0) -> Any:
    return drive(RulesAdvisor(RulesSettings()).decide(at(minutes))).decision


def test_an_answer_becomes_a_decision_with_its_cost_model_and_key(api: ClaudeApi) -> None:
    api.script(answer(LONG, usage=USAGE))
    with asking(api.url) as claude:
        advice = claude.decide()
        assert advice.outcome == DECIDED
        assert advice.decision is not None
        assert advice.decision.targets[0].exposure == 0.5
        assert (advice.cost_usd, claude.spent()) == (PAID, PAID)
        assert advice.usage == Usage(**USAGE)
        assert advice.model == "claude-sonnet-4-6"
        assert len(advice.request_key) == 64
        assert advice.latency_ns > 0
        assert (advice.raw, advice.detail, advice.advisor, advice.notice) == (LONG, "", "", "")
        (settled,) = claude.journal.rows(Settlement)
        assert settled.outcome == DECIDED


def test_the_snapshot_is_what_is_asked_and_a_script_can_answer_from_it(api: ClaudeApi) -> None:
    def contrarian(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"][0]["text"]
        symbol = next(each for each in SYMBOLS if each in prompt)
        return decision_text({"symbol": symbol, "exposure": -0.1, "confidence": 1.0})

    api.script(contrarian)
    with asking(api.url) as claude:
        advice = claude.decide()
    assert advice.decision is not None
    assert advice.decision.targets[0].symbol in SYMBOLS
    assert api.calls[0].body["output_config"]["format"]["type"] == "json_schema"


FAULTS: list[tuple[Reply, str, str]] = [
    (answer("hm", usage=USAGE), MALFORMED, "paid"),
    (
        answer(decision_text({"symbol": "X", "exposure": 1.0, "confidence": 1.0}), usage=USAGE),
        UNKNOWN_INSTRUMENT,
        "paid",
    ),
    (answer("no", stop_reason="refusal", usage=USAGE), REFUSED, "paid"),
    (answer(LONG, stop_reason="max_tokens", usage=USAGE), TRUNCATED, "paid"),
    (answer([], usage=USAGE), EMPTY, "paid"),
    (answer(LONG, first_byte_s=2.0), TIMEOUT, "worst"),
    (answer(LONG, drop=True), CONNECTION, "worst"),
    (answer(LONG, sent=50), CONNECTION, "worst"),
    (answer(LONG, content_type="text/html"), INVALID_RESPONSE, "worst"),
    (error(400), BAD_REQUEST, "free"),
    (error(401), AUTH, "free"),
    (error(429, headers={"retry-after": "60"}), RATE_LIMITED, "free"),
    (error(500), SERVER_ERROR, "free"),
    (error(529), OVERLOADED, "free"),
]


@pytest.mark.parametrize(("reply", "outcome", "bill"), FAULTS)
def test_every_fault_is_a_hold_with_its_outcome_and_its_bill(
    api: ClaudeApi, reply: Reply, outcome: str, bill: str
) -> None:
    api.script(reply)
    with asking(api.url, timeout_seconds=1.0 if outcome == TIMEOUT else 5.0) as claude:
        advice = claude.decide()
        assert (advice.decision, advice.outcome) == (None, outcome)
        assert advice.detail
        (spend,) = claude.journal.rows(Spend)
        worst = Decimal(spend.reserved_usd)
        expected = {"paid": PAID, "worst": worst, "free": Decimal(0)}[bill]
        assert advice.cost_usd == claude.spent() == expected
        assert PAID < worst < Decimal("0.1")
        assert [row.outcome for row in claude.journal.rows(Settlement)] == [outcome]


@pytest.mark.parametrize(
    "usage", [None, {**USAGE, "output_tokens": 999_999}, {**USAGE, "input_tokens": -1}]
)
def test_usage_that_cannot_be_believed_leaves_the_worst_case_and_the_decision(
    api: ClaudeApi, usage: object
) -> None:
    api.script(answer(LONG, usage=usage))
    with asking(api.url) as claude:
        advice = claude.decide()
        (spend,) = claude.journal.rows(Spend)
        assert advice.outcome == DECIDED
        assert advice.usage is None
        assert advice.cost_usd == claude.spent() == Decimal(spend.reserved_usd)
        assert "the worst case stays reserved" in advice.detail


def test_spent_money_makes_the_rules_stand_in_and_is_said_once_a_day(api: ClaudeApi) -> None:
    with asking(api.url, budget_usd_per_day=Decimal("0.001")) as claude:
        first, second, tomorrow = claude.decide(), claude.decide(15), claude.decide(1440)
    for minutes, advice in ((0, first), (15, second), (1440, tomorrow)):
        assert advice.outcome == BUDGET_SPENT
        assert advice.decision == rules_decision(minutes)
        assert advice.advisor == "rules for claude"
        assert (advice.cost_usd, advice.usage) == (0, None)
    assert "money is spent" in first.notice
    assert "rules for claude" in first.notice
    assert second.notice == ""
    assert tomorrow.notice == first.notice
    assert api.calls == []


def test_spent_money_is_a_hold_where_nobody_stands_in(api: ClaudeApi) -> None:
    with asking(api.url, budget_usd_per_day=Decimal(0), stand_in="hold") as claude:
        advice = claude.decide()
    assert (advice.decision, advice.outcome, advice.advisor) == (None, BUDGET_SPENT, "")


def test_the_money_of_a_day_pays_so_many_calls_and_no_more(api: ClaudeApi) -> None:
    api.default = answer(LONG, usage=USAGE)
    with asking(api.url, budget_usd_per_day=Decimal("0.10"), stand_in="hold") as claude:
        outcomes = [claude.decide(k).outcome for k in range(12)]
        assert claude.spent() <= Decimal("0.10")
    paid = outcomes.count(DECIDED)
    assert 3 <= paid == len(api.calls) <= 8
    assert outcomes == [DECIDED] * paid + [BUDGET_SPENT] * (12 - paid)


def test_three_failures_open_the_breaker_and_a_probe_closes_it(api: ClaudeApi) -> None:
    api.script(error(500), error(529), error(500))
    with asking(api.url) as claude:
        failed = [claude.decide(k).outcome for k in range(3)]
        held = claude.decide(10)
        probe = claude.decide(2 + 15)
        after = claude.decide(2 + 16)
    assert failed == [SERVER_ERROR, OVERLOADED, SERVER_ERROR]
    assert (held.outcome, held.cost_usd) == (BREAKER_OPEN, 0)
    assert "not asked for now" in held.notice
    assert probe.outcome == after.outcome == DECIDED
    assert len(api.calls) == 5


def test_the_service_is_left_alone_for_as_long_as_it_says(api: ClaudeApi) -> None:
    api.script(error(429, headers={"retry-after": "600"}))
    with asking(api.url) as claude:
        outcomes = [claude.decide(minutes).outcome for minutes in (0, 9, 10)]
    assert outcomes == [RATE_LIMITED, BREAKER_OPEN, DECIDED]


def test_refusals_and_nonsense_do_not_open_the_breaker(api: ClaudeApi) -> None:
    api.default = answer("hm", usage=USAGE)
    with asking(api.url) as claude:
        assert [claude.decide(k).outcome for k in range(5)] == [MALFORMED] * 5


def test_a_probe_that_the_budget_forbids_is_not_lost(api: ClaudeApi) -> None:
    api.script(*[error(500)] * 3, answer(LONG, usage=USAGE))
    with asking(api.url, stand_in="hold", budget_usd_per_day=Decimal("0.06")) as claude:
        for k in range(3):
            claude.decide(k)
        reservation = claude.budget.reserve(at().now_ns, Decimal("0.06"), model="x", request_key="")
        assert reservation is not None
        assert claude.decide(20).outcome == BUDGET_SPENT
        claude.budget.settle(reservation, Decimal(0), None, "x", 0)
        assert claude.decide(21).outcome == DECIDED


def test_cancellation_passes_and_leaves_the_worst_case_set_aside(api: ClaudeApi) -> None:
    api.script(answer(LONG, first_byte_s=3.0))
    with asking(api.url) as claude:

        async def cancelled() -> None:
            task = asyncio.create_task(claude.advisor.decide(at()))
            await asyncio.sleep(0.3)
            task.cancel()
            await task

        with pytest.raises(asyncio.CancelledError):
            drive(cancelled())
        (spend,) = claude.journal.rows(Spend)
        assert claude.spent() == Decimal(spend.reserved_usd)
        assert claude.journal.rows(Settlement) == []


def test_a_fault_of_our_own_is_a_hold_and_is_said(api: ClaudeApi) -> None:
    with asking(api.url) as claude:
        claude.journal.close()  # the ledger cannot be written
        advice = claude.decide()
    assert (advice.decision, advice.outcome) == (None, ADVISOR_FAULT)
    assert "JournalError" in advice.detail
    assert "the advisor failed" in advice.notice
    assert api.calls == []


def test_an_unknown_model_is_refused_before_anything_is_asked(api: ClaudeApi) -> None:
    with pytest.raises(SettingsError, match="claude-next"), asking(api.url, model="claude-next"):
        pass
    with pytest.raises(SettingsError, match="tiny"), asking(api.url, screen_model="tiny"):
        pass


def screened(worth: object, **more: Any) -> Reply:
    text = json.dumps({"reason": "quiet", "worth_deciding": worth})
    return answer(text, usage={"input_tokens": 1000, "output_tokens": 100}, **more)


SCREENING_PAID = Decimal("0.0015")


def test_a_yes_of_the_cheap_model_lets_the_dear_one_decide_and_both_are_paid(
    api: ClaudeApi,
) -> None:
    api.script(screened(True), answer(LONG, usage=USAGE))
    with asking(api.url, screen_model=CHEAP) as claude:
        advice = claude.decide()
        assert claude.spent() == PAID + SCREENING_PAID
    assert advice.outcome == DECIDED
    assert advice.cost_usd == PAID + SCREENING_PAID
    assert advice.model == "claude-sonnet-4-6"
    assert [call.body["model"] for call in api.calls] == [CHEAP, "claude-sonnet-4-6"]
    assert api.calls[0].prompt == api.calls[1].prompt


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (screened(False), SCREENED_OUT),
        (screened("yes"), MALFORMED),
        (screened(1), MALFORMED),
        (answer("{}", usage=USAGE), MALFORMED),
        (answer("true", usage=USAGE), MALFORMED),
        (screened(True, stop_reason="refusal"), REFUSED),
        (screened(True, stop_reason="max_tokens"), TRUNCATED),
        (error(529), OVERLOADED),
    ],
)
def test_anything_but_a_clean_yes_is_a_hold_and_the_dear_model_is_not_asked(
    api: ClaudeApi, reply: Reply, outcome: str
) -> None:
    api.script(reply)
    with asking(api.url, screen_model=CHEAP) as claude:
        advice = claude.decide()
    assert (advice.decision, advice.outcome, advice.model) == (None, outcome, CHEAP)
    assert advice.detail.startswith("screening")
    assert len(api.calls) == 1


def plain(advice: Advice) -> Advice:
    return replace(advice, latency_ns=0)


@pytest.mark.parametrize("screen", ["", CHEAP])
def test_what_was_recorded_is_replayed_the_same_without_a_socket(
    api: ClaudeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    path = tmp_path / "recording.db"
    api.default = lambda body: (
        screened(True) if body["model"] == CHEAP else answer(LONG, usage=USAGE)
    )
    api.script(error(500), answer("hm", usage=USAGE))
    facts: dict[str, Any] = {"recording": path, "screen_model": screen}
    with asking(api.url, on_miss="call", budget_usd_per_day=Decimal("0.08"), **facts) as claude:
        bought = [claude.decide(k) for k in range(8)]
    asked = len(api.calls)
    assert {SERVER_ERROR, MALFORMED, DECIDED, BUDGET_SPENT} <= {each.outcome for each in bought}

    def refuse(*_: Any) -> None:
        raise AssertionError("a replay opened a socket")

    with asking(api.url, on_miss="call", **facts) as claude:
        resumed = [claude.decide(k) for k in range(2, 3)]
    assert len(api.calls) == asked
    assert plain(resumed[0]) == plain(bought[2])
    monkeypatch.setattr(socket.socket, "connect", refuse)
    for _ in range(2):
        with asking("", replay=True, **facts) as claude:
            replayed = [claude.decide(k) for k in range(8)]
            assert claude.spent() == 0
        assert [plain(each) for each in replayed] == [plain(each) for each in bought]
    assert len(api.calls) == asked


@pytest.mark.parametrize(("on_miss", "decided"), [("hold", False), ("rules", True)])
def test_a_decision_that_the_recording_lacks_is_a_hold_or_the_rules(
    api: ClaudeApi, tmp_path: Path, on_miss: str, decided: bool
) -> None:
    path = tmp_path / "recording.db"
    with asking(api.url, recording=path, on_miss="call") as claude:
        claude.decide()
    with asking(api.url, recording=path, on_miss=on_miss) as claude:
        advice = claude.decide(15)
        assert claude.recording is not None
        assert (claude.recording.hits, claude.recording.misses) == (0, 1)
    assert advice.outcome == NOT_RECORDED
    assert advice.decision == (rules_decision(15) if decided else None)
    assert advice.advisor == ("rules for claude" if decided else "")
    assert len(api.calls) == 1


def test_a_failure_in_the_recording_is_asked_again_and_replaced(
    api: ClaudeApi, tmp_path: Path
) -> None:
    path = tmp_path / "recording.db"
    api.script(error(529))
    for expected in (OVERLOADED, DECIDED, DECIDED):
        with asking(api.url, recording=path, on_miss="call") as claude:
            assert claude.decide().outcome == expected
    assert len(api.calls) == 2


def test_a_recording_that_is_only_replayed_buys_nothing(api: ClaudeApi, tmp_path: Path) -> None:
    path = tmp_path / "recording.db"
    with asking(api.url, recording=path, on_miss="call") as claude:
        claude.decide()
    with asking(api.url, recording=path, on_miss="call", replay=True) as claude:
        assert claude.decide().outcome == DECIDED
        assert claude.decide(15).outcome == NOT_RECORDED
    assert len(api.calls) == 1


def test_the_key_is_nowhere_in_journal_and_recording(api: ClaudeApi, tmp_path: Path) -> None:
    path = tmp_path / "recording.db"
    api.script(error(401, message=f"bad key {KEY}"), answer(f"{KEY}", usage=USAGE))
    with asking(api.url, recording=path, on_miss="call") as claude:
        said = [repr(claude.decide(k)) for k in range(2)]
        said += [repr(row) for row in claude.journal.rows(Settlement)]
    files = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert KEY.encode() not in files
    assert not [each for each in said if KEY in each]


def test_hundreds_of_generated_answers_over_http_are_decisions_or_holds(api: ClaudeApi) -> None:
    texts = answers(7, 300, SYMBOLS)
    api.script(*[answer(text, usage=USAGE) for text in texts])
    decided = 0
    with asking(api.url, budget_usd_per_day=Decimal(100), budget_usd_per_month=Decimal(100)) as it:
        for k in range(len(texts)):
            advice = it.decide(k)
            check(advice)
            decided += advice.outcome == DECIDED
        assert it.spent() == PAID * len(texts)
    assert 40 < decided < 200
    assert len(api.calls) == len(texts)


def test_every_model_of_the_table_is_asked_with_a_request_the_api_takes(api: ClaudeApi) -> None:
    for model in MODELS.models:
        with asking(api.url, model=model.id) as claude:
            assert claude.decide().outcome == DECIDED
    assert [call.status for call in api.calls] == [200] * len(MODELS.models)
