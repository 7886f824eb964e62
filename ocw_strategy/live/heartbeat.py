"""The heartbeat: proof of work, not only of breath, written beside the journal every 30 seconds.

It says when the last bar came, how old the mark prices are, whether the user stream lives, how far
the event loop lags, when the last decision was made and whether the orders we think are open are
those the venue has. Another process reads the file (`ocw status`), an orchestrator asks `/health`:
200 while all is well and the beat is fresh, 503 with the reasons otherwise. Neither ever holds a
key: the fields are numbers and our own words.
"""

import os
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ocw_strategy.errors import OcwError
from ocw_strategy.model import Strict
from ocw_strategy.units import SECOND_NS

INTERVAL_NS: Final = 30 * SECOND_NS
DEAD_NS: Final = 3 * INTERVAL_NS
"""A beat older than this is that of a node that hangs or is gone."""


class InstrumentBeat(Strict):
    """What is known of one instrument."""

    last_bar_ns: int
    """Close of the last base bar; 0 before the first."""
    bars: int = 0
    """Base bars that have come since the start."""
    mark_age_s: float | None
    """Age of the newest mark price; None before the first."""
    quantity: str
    """Signed position by our cache."""
    stop_price: str
    """Trigger of the stop that rests at the venue; empty without one."""
    basis_points: float | None = None
    """Execution venue's mark over the market data's, basis points."""


class Heartbeat(Strict):
    """The state of a node at one moment."""

    run_id: str
    account: str
    wall_ns: int
    started_wall_ns: int
    state: str
    """``starting``, ``running`` or ``stopping``."""
    instruments: dict[str, InstrumentBeat]
    user_stream_alive: bool
    loop_lag_p99_ms: float
    loop_lag_max_ms: float
    last_decision_ns: int
    last_decision_outcome: str
    equity_usd: float | None
    open_orders: int
    """By our cache."""
    venue_open_orders: int | None
    """By the venue, at the last check of drift; None before the first."""
    entries_blocked: tuple[str, ...]
    """Why nothing is entered; empty when all may trade."""
    problems: tuple[str, ...]
    """What is wrong, in words; empty while all is well."""
    resident_mb: float


def heartbeat_path(journal: Path) -> Path:
    """Return where the heartbeat of a journal's node lies."""
    return journal.with_name(f"{journal.name}.heartbeat")


def write_heartbeat(path: Path, beat: Heartbeat) -> None:
    """Write a beat so that a reader sees the old one or the new one, never half of either."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(beat.model_dump_json() + "\n", encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105  # atomic on every platform


def read_heartbeat(path: Path) -> Heartbeat:
    """Return the last beat of a node.

    Raises
    ------
    OcwError
        If there is none, or it cannot be read.
    """
    try:
        return Heartbeat.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OcwError(
            "heartbeat", str(path), "no node has run on this journal yet: `ocw live` starts one"
        ) from error
    except ValidationError as error:
        raise OcwError(
            "heartbeat", str(path), "it is of another version; restart the node"
        ) from error


def health(beat: Heartbeat | None, now_ns: int) -> tuple[int, dict[str, object]]:
    """Return the HTTP status and body of `/health`."""
    if beat is None:
        return 503, {"status": "starting", "problems": ["no heartbeat yet"]}
    problems = list(beat.problems)
    age_s = (now_ns - beat.wall_ns) / SECOND_NS
    if now_ns - beat.wall_ns > DEAD_NS:
        problems.append(f"the last heartbeat is {age_s:.0f} s old")
    if beat.state != "running":
        problems.append(f"the node is {beat.state}")
    body = {"status": "unwell" if problems else "well", "age_s": age_s, "problems": problems}
    return (503 if problems else 200), body | {"heartbeat": beat.model_dump(mode="json")}
