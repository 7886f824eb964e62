"""The JSON of the page: true to the journal, sent once, in pages, and refused where senseless."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocw_strategy.explain import explain_decision
from ocw_strategy.journal import DecisionRow, Event, Journal, Trade
from tests.dashboard.serving import Served
from tests.journal.samples import evaluation, sample

KEY = "sk-ant-0123456789abcdef"


@pytest.fixture(scope="module")
def served(demo: Path) -> Iterator[Served]:
    with Served(demo) as found:
        yield found


def test_a_decision_opens_into_what_explain_says(served: Served, demo: Path) -> None:
    with Journal.read_only(demo) as journal:
        name = journal.rows(DecisionRow)[3].decision_id
        expected = explain_decision(journal, name)
    assert served.json(f"/api/decisions/{name}") == expected.model_dump(mode="json")


def test_lists_go_through_the_whole_table(served: Served, demo: Path) -> None:
    with Journal.read_only(demo) as journal:
        for path, names in (
            ("/api/decisions", [row.decision_id for row in journal.rows(DecisionRow)]),
            ("/api/trades", [row.decision_id for row in journal.rows(Trade)]),
        ):
            seen, before = [], ""
            while True:
                page = served.json(f"{path}?limit=6{before}")
                seen += [row["decision_id"] for row in page["rows"]]
                if page["before"] is None:
                    break
                before = f"&before={page['before']}"
            assert seen == names[::-1]


def test_who_has_an_answer_gets_it_again_only_when_something_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with Journal.open(path, run_id="live") as journal, Served(path) as served:
        first = served.ask("/api/overview")
        having = {"If-None-Match": first.headers["etag"]}
        again = served.ask("/api/overview", headers=having)
        assert (again.status, again.text) == (304, "")
        journal.append_durably(evaluation(1))
        changed = served.ask("/api/overview", headers=having)
        assert changed.status == 200
        assert changed.json()["times"]["evaluation_ns"] == 1


def test_an_answer_of_another_process_is_not_taken_for_ours(demo: Path) -> None:
    with Served(demo) as one:
        having = {"If-None-Match": one.ask("/api/overview").headers["etag"]}
    with Served(demo) as other:
        assert other.ask("/api/overview", headers=having).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "decisions?limit=0",
        "decisions?limit=101",
        "decisions?limit=1e9",
        "decisions?before=0",
        "decisions?before=9223372036854775808",
        "decisions?before=-1%20OR%201=1",
        "equity?days=-1",
        "equity?days=nan",
        "equity?days=inf",
        "equity?days=1e300",
        "decisions/%27%3B%20DROP%20TABLE%20decisions",
        "decisions/" + "a" * 65,
        "trades?limit=%00",
        "events?before=%F0%9F%92%A5",
    ],
)
def test_what_makes_no_sense_is_refused_without_an_echo(served: Served, query: str) -> None:
    answer = served.ask(f"/api/{query}")
    assert answer.status == 422
    assert set(answer.json()) == {"error"}
    for part in ("DROP", "OR 1", "💥", "aaaa", "1e300"):
        assert part not in answer.text


def test_a_decision_that_is_not_there_is_404_and_names_no_folder(
    served: Served, demo: Path
) -> None:
    answer = served.ask("/api/decisions/ffffffffffff")
    assert answer.status == 404
    assert str(demo.parent) not in answer.text


def test_no_answer_holds_a_key_that_strayed_into_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with Journal.open(tmp_path / "node.db", run_id="live") as journal:
        journal.append(sample(Event, 1, detail=f"refused: {KEY}"))
        journal.append(sample(DecisionRow, 1, decision="", usage="", raw=KEY, snapshot="{}"))
    with Served(tmp_path / "node.db") as served:
        for path in ("overview", "events", "decisions", "decisions/last"):
            answer = served.ask(f"/api/{path}")
            assert answer.status == 200, answer.text
            assert KEY not in answer.text
        assert "refused: ***" in served.ask("/api/events").text


def test_a_key_that_is_a_common_word_breaks_no_answer(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Served(demo) as served:
        before = served.json("/api/overview")
        monkeypatch.setenv("FRED_API_KEY", "real")
        after = served.json("/api/overview")
    assert after["positions"] == before["positions"]
    assert after["positions"][0]["unrealised_usd"] is not None


def test_a_journal_that_is_not_there_yet_is_503_with_a_sentence(tmp_path: Path) -> None:
    with Served(tmp_path / "node.db") as served:
        for path in ("/api/overview", "/api/decisions", "/metrics"):
            answer = served.ask(path)
            assert answer.status == 503
            assert "is not there yet" in answer.json()["error"]
            assert str(tmp_path) not in answer.text
        with Journal.open(tmp_path / "node.db", run_id="live"):
            assert served.json("/api/overview")["run"]["run_id"] == "live"


def test_the_api_describes_itself(served: Served) -> None:
    described = served.json("/api/openapi.json")
    assert {
        "/api/overview",
        "/api/equity",
        "/api/decisions",
        "/api/decisions/{decision_id}",
        "/api/trades",
        "/api/events",
        "/api/access",
        "/api/halt",
        "/health",
    } == set(described["paths"])
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), f"{method} {path}"
            answered = route["responses"]
            ok = answered.get("200") or answered["202"]
            schema = ok["content"]["application/json"]["schema"]
            assert schema, path


def test_pages_elsewhere_are_not_asked_to_describe_it(served: Served) -> None:
    for path in ("/docs", "/redoc"):
        assert served.ask(path).status == 404
