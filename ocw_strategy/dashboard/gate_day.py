"""The gate on one day: how often it looked, let pass and woke, and under which reasons."""

from ocw_strategy.advisor.budget import utc_day
from ocw_strategy.journal import DecisionRow, Evaluation, JournalReader, SkippedDay
from ocw_strategy.model import Strict
from ocw_strategy.units import DAY_NS


class ReasonCount(Strict):
    """How often a reason was what a verdict was counted under."""

    reason: str
    count: int


class GateDay(Strict):
    """One UTC day of the gate."""

    day: str
    """ISO date."""
    evaluations: int
    skips: int
    wakes: int
    decisions: int
    wakes_by_reason: tuple[ReasonCount, ...]
    skips_by_reason: tuple[ReasonCount, ...]


def gate_day(journal: JournalReader, now_ns: int) -> GateDay:
    """Return the UTC day a moment lies in; what was folded into counts is counted."""
    start_ns = now_ns // DAY_NS * DAY_NS
    window = (start_ns, start_ns + DAY_NS)
    day = utc_day(start_ns)
    counts = journal.tally(Evaluation, ("wake", "reason"), "ts_ns >= ? AND ts_ns < ?", window)
    for row in journal.rows(SkippedDay, "day = ?", (day,)):
        counts[0, row.reason] = counts.get((0, row.reason), 0) + row.skips
    wakes, skips = _counted(counts, 1), _counted(counts, 0)
    woken, skipped = (sum(each.count for each in found) for found in (wakes, skips))
    return GateDay(
        day=day,
        evaluations=woken + skipped,
        skips=skipped,
        wakes=woken,
        decisions=journal.count(DecisionRow, "ts_ns >= ? AND ts_ns < ?", window),
        wakes_by_reason=wakes,
        skips_by_reason=skips,
    )


def _counted(counts: dict[tuple[int, str], int], wake: int) -> tuple[ReasonCount, ...]:
    found = [
        ReasonCount(reason=reason, count=count)
        for (woken, reason), count in counts.items()
        if woken == wake
    ]
    return tuple(sorted(found, key=lambda each: (-each.count, each.reason)))
