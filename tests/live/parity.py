"""``make test-parity``: the same hours of market through a backtest and through a live node.

``python -m tests.live.parity --hours 24`` runs a backtest over the sample market (SYNTHETIC), keeps
its decisions by close, and plays the same market, bar by bar, to a real `ocw live` whose advisor
replays them. Compared are the gate's verdicts at the same closes and the orders that decisions
became. The backtest acts at the close (``entry_timing = "alert"`` without latency), as a live node
does. Every difference is listed and counted under what explains it; one that nothing explains makes
the exit code 1. It ends with one line of JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ocw_strategy.advisor.rules import POSITION_REVIEW
from ocw_strategy.backtest import run_backtest
from ocw_strategy.catalog import write_frame, write_sample
from ocw_strategy.journal import DecisionRow, Evaluation, Event, Intent, Journal, JournalReader
from ocw_strategy.live.settings import load_live
from ocw_strategy.risk.settings import ReviewSettings
from ocw_strategy.settings import Settings, parse_time_ns, settings_from
from ocw_strategy.units import DAY_NS, HOUR_NS, SECOND_NS
from tests.live.nursery import Life, Nursery
from tests.live.process import START, LiveProcess
from tests.live.replayed import keep_decisions
from tests.venue import History, Venue, sampled

SHOWN_DAYS: Final = 10
POINT_S: Final = 0.3
"""Wall time a point of the walk is given: statistics are asked for three times meanwhile."""
STATISTICS_S: Final = 0.08
SEED: Final = 7
_CLOSE_MS: Final = 900_000
_SIZE_TOLERANCE: Final = 0.02
"""Sizes follow equity and posteriors: the simulated venue fills at a spread of its own, and shadow
outcomes differ by about one close at the seam between history and the first decision."""
_NEAR: Final = 0.06

type Verdict = tuple[int, str, str]
type Order = tuple[int, str, str, str]


def backtest(
    settings: Settings, histories: Mapping[str, History], folder: Path, hours: int
) -> Path:
    """Run the backtest; return its journal."""
    catalog = folder / "catalog"
    write_sample(catalog, seed=SEED, start=START, days=SHOWN_DAYS + 3, base_minutes=5, edge=1.0)
    for symbol, history in histories.items():  # with the takers' part, as an archive has it
        write_frame(catalog, "bars_5m", symbol, bars_frame(history), source="sample (synthetic)")
    first_ns = parse_time_ns(START) + SHOWN_DAYS * DAY_NS
    plain = settings.model_dump(mode="json")
    plain["run"] |= {
        # the live node finds the first close in its history and decides from the next one on
        "start": _iso(first_ns + SECOND_NS),
        "end": _iso(first_ns + (hours + 1) * HOUR_NS),  # the last close has time to act
        "runs_dir": str(folder / "runs"),
    }
    plain["data"]["catalog"] = str(catalog)
    plain["execution"] |= {"entry_timing": "alert", "latency_seconds": 0.0, "latency_sigma": 0.0}
    plain["account"]["starting_balance_usd"] = 10_000.0
    result = run_backtest(settings_from(plain), created_wall_ns=time.time_ns())
    return result.folder / "journal.db"


def bars_frame(history: History) -> pa.Table:
    """Return a market of the venue as the bars of an archive."""
    names = ("open", "high", "low", "close")
    return pa.table(
        {
            "ts": history.open_ms,
            **{name: history.prices[:, place] for place, name in enumerate(names)},
            "volume": history.volume,
            "taker_buy_volume": history.taker_buy_volume,
        }
    )


def _iso(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // SECOND_NS))


def play(node: LiveProcess, venue: Venue, life: Life, hours: int) -> None:
    """Play so many hours, point by point, each close once the node has judged it."""
    market = venue.market
    end_ms = market.now_ms + hours * 3_600_000
    while market.now_ms < end_ms:
        market.step()
        assert life.alive(), node.said()
        if market.now_ms % _CLOSE_MS == 0:
            close_ns = market.now_ms * 1_000_000
            _until(lambda close_ns=close_ns: _judged(node, close_ns))  # type: ignore[misc]
        time.sleep(POINT_S)


def _judged(node: LiveProcess, close_ns: int) -> bool:
    with node.read() as journal:
        return bool(journal.count(Evaluation, "ts_ns >= ?", (close_ns,)))


def _until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


def verdicts(journal: JournalReader, first_ns: int, last_ns: int) -> dict[int, Verdict]:
    """Return each close's verdict: wake or not, under which reason, every reason that spoke."""
    return {
        row.ts_ns: (row.wake, row.reason, row.detail)
        for row in journal.rows(Evaluation)
        if first_ns < row.ts_ns <= last_ns
    }


def orders(journal: JournalReader, last_ns: int) -> dict[Order, Decimal]:
    """Return the quantities that decisions sent, by close, symbol, purpose and side."""
    closes = {row.decision_id: row.ts_ns for row in journal.rows(DecisionRow)}
    found: Counter[Order] = Counter()
    for intent in journal.rows(Intent):
        close_ns = closes.get(intent.decision_id, 0)
        if intent.purpose != "stop" and close_ns <= last_ns:
            key = (close_ns, intent.symbol, f"{intent.purpose} {intent.leg}", intent.side)
            found[key] += Decimal(intent.quantity)  # type: ignore[assignment]
    return dict(found)  # type: ignore[arg-type]


def _differ_by_a_review(one: Verdict | None, other: Verdict | None) -> bool:
    if one is None or other is None:
        return False
    return set(one[2].split(";")) ^ set(other[2].split(";")) == {POSITION_REVIEW}


def _near_threshold(there: JournalReader, here: JournalReader, close_ns: int) -> bool:
    # whether something that is held leans against its position about as far as a review allows
    threshold = ReviewSettings().opposed_composite
    for journal in (there, here):
        for row in journal.rows(DecisionRow, "ts_ns = ?", (close_ns,)):
            seen = json.loads(row.snapshot)
            for symbol, held in seen["positions"].items():
                against = -seen["instruments"][symbol]["composite"]
                against *= 1 if float(held["exposure"]) > 0 else -1
                if abs(against - threshold) < _NEAR:
                    return True
    return False


def compare(
    there: JournalReader, here: JournalReader, first_ns: int, last_ns: int
) -> dict[str, Any]:
    """Return what is equal, and each difference with what explains it."""
    old, new = verdicts(there, first_ns, last_ns), verdicts(here, first_ns, last_ns)
    differences: list[dict[str, Any]] = []
    for close_ns in sorted(old.keys() | new.keys()):
        one, other = old.get(close_ns), new.get(close_ns)
        if one != other:
            why = ""
            if _differ_by_a_review(one, other) and _near_threshold(there, here, close_ns):
                why = "the composite lies at the review's threshold, and posteriors differ a little"
            differences.append(
                {"close": _iso(close_ns), "backtest": one, "live": other, "explained": why}
            )
    sent, sends = orders(there, last_ns), orders(here, last_ns)
    held = {e.ts_ns for e in here.rows(Event) if e.kind.startswith("hold:")}
    close = Decimal(str(_SIZE_TOLERANCE))
    for key in sorted(sent.keys() | sends.keys()):
        before, now = sent.get(key), sends.get(key)
        if before and now and abs(before - now) <= close * max(before, now):
            continue
        why = "the live node held the decision back" if key[0] in held else ""
        differences.append(
            {"close": _iso(key[0]), "order": key[1:], "backtest": str(before), "live": str(now),
             "explained": why}
        )  # fmt: skip
    ratios = [float(sends[key] / sent[key]) - 1 for key in sent.keys() & sends.keys()]
    return {
        "closes": len(old),
        "verdicts_equal": sum(old[c] == new.get(c) for c in old),
        "wakes": sum(wake for wake, _, _ in old.values()),
        "orders": len(sent),
        "orders_equal": len(ratios),
        "largest_size_difference": max(map(abs, ratios), default=0.0),
        "differences": differences,
        "unexplained": sum(not found["explained"] for found in differences),
    }


def main() -> int:
    """Run both and compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.parity", description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="folder that keeps the journals")
    asked = parser.parse_args()
    begun = time.monotonic()
    histories = sampled(SEED, parse_time_ns(START), SHOWN_DAYS + 3, 5)
    with (
        tempfile.TemporaryDirectory() as made,
        Nursery() as nursery,
        Venue(histories, bars_shown=SHOWN_DAYS * 288, wallet=Decimal(10_000)) as venue,
    ):
        folder = asked.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        # all of the market's past: neither side sees a bar at the edge that the other does not
        node = LiveProcess(folder, venue, overrides={"run.warmup_days": SHOWN_DAYS})
        _, settings = load_live(node.config, time.time_ns())
        first_ns = venue.market.now_ms * 1_000_000
        journal = backtest(settings, histories, folder, asked.hours)
        with Journal.read_only(journal) as there:
            decisions = keep_decisions(there, folder / "decisions.json")
        keys = {k: v for k, v in node.environment().items() if k.startswith("BINANCE_DEMO")}
        life = nursery.begin(
            arguments=["live", str(node.config)], environment=keys, output=str(node.output),
            warm=str(folder / "warm"), decisions=str(folder / "decisions.json"),
            statistics_s=STATISTICS_S,
        )  # fmt: skip
        try:
            _until((folder / "warm").is_file, 60.0)
            play(node, venue, life, asked.hours)
        finally:
            life.kill()
        with Journal.read_only(journal) as there, node.read() as here:
            found = compare(there, here, first_ns, first_ns + asked.hours * HOUR_NS)
    figures = {"suite": "parity", "hours": asked.hours, "decisions": decisions}
    print(json.dumps({**figures, **found, "seconds": round(time.monotonic() - begun)}))
    return 1 if found["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
