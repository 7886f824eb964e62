import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ocw_strategy.errors import OcwError
from ocw_strategy.live.health_server import HealthServer
from ocw_strategy.live.heartbeat import (
    DEAD_NS,
    Heartbeat,
    InstrumentBeat,
    health,
    read_heartbeat,
    write_heartbeat,
)

WALL_NS = 1_700_000_000_000_000_000


def beat(**changes: Any) -> Heartbeat:
    instrument = InstrumentBeat(
        last_bar_ns=WALL_NS, mark_age_s=0.5, quantity="0.01", stop_price="99.5"
    )
    values: dict[str, Any] = {
        "run_id": "live", "account": "demo", "wall_ns": WALL_NS, "started_wall_ns": WALL_NS,
        "state": "running", "instruments": {"BTCUSDT-PERP": instrument}, "user_stream_alive": True,
        "loop_lag_p99_ms": 1.0, "loop_lag_max_ms": 2.0, "last_decision_ns": 0,
        "last_decision_outcome": "", "equity_usd": 10_000.0, "open_orders": 1,
        "venue_open_orders": 1, "entries_blocked": (), "problems": (), "resident_mb": 300.0,
    }  # fmt: skip
    return Heartbeat(**(values | changes))


def test_a_beat_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat.json"
    write_heartbeat(path, beat())
    write_heartbeat(path, beat(open_orders=2))
    assert read_heartbeat(path) == beat(open_orders=2)
    assert [found.name for found in tmp_path.iterdir()] == ["heartbeat.json"]


def test_a_missing_or_foreign_beat_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OcwError, match="no node has run"):
        read_heartbeat(tmp_path / "heartbeat.json")
    (tmp_path / "heartbeat.json").write_text("{}")
    with pytest.raises(OcwError, match="another version"):
        read_heartbeat(tmp_path / "heartbeat.json")


def test_health_is_200_only_while_the_node_runs_without_a_problem_and_the_beat_is_fresh() -> None:
    assert health(beat(), WALL_NS)[0] == 200
    assert health(None, WALL_NS)[0] == 503
    assert health(beat(problems=("the user stream is down",)), WALL_NS)[0] == 503
    assert health(beat(state="stopping"), WALL_NS)[0] == 503
    status, body = health(beat(), WALL_NS + DEAD_NS + 1)
    assert (status, body["problems"]) == (503, ["the last heartbeat is 90 s old"])


def test_blocked_entries_are_no_illness() -> None:
    assert health(beat(entries_blocked=("halt_file",)), WALL_NS)[0] == 200


def test_health_is_served_over_http_and_nothing_else_is() -> None:
    async def ask() -> list[tuple[int, str]]:
        server = HealthServer(beat, lambda: WALL_NS)
        await server.start("127.0.0.1", 0)
        found = []
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            for method, path in (("GET", "/health"), ("POST", "/health"), ("GET", "/")):
                async with session.request(method, path) as answer:
                    found.append((answer.status, await answer.text()))
        await server.stop()
        return found

    (well, text), (posted, _), (other, _) = asyncio.run(ask())
    assert (well, posted, other) == (200, 405, 404)
    assert json.loads(text)["status"] == "well"


def test_a_port_that_is_taken_is_one_sentence() -> None:
    async def twice() -> None:
        first, second = (HealthServer(lambda: None, lambda: 0) for _ in range(2))
        await first.start("127.0.0.1", 0)
        try:
            await second.start("127.0.0.1", first.port)
        finally:
            await first.stop()

    with pytest.raises(OcwError, match="give a free port"):
        asyncio.run(twice())
