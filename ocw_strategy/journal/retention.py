"""How long rows are kept: skipped evaluations are folded into counts by day, reason and regime.

Nothing else is ever dropped. A day is folded whole or not at all, in one transaction with its
counts, so that no reader finds a skip twice or not at all.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import Evaluation, SkippedDay
from ocw_strategy.units import DAY_NS, SECOND_NS

FOLD_SKIPS: Final = (
    "INSERT INTO skipped_days (day, reason, regime, skips)"
    " SELECT date(ts_ns / 1000000000, 'unixepoch') AS day, reason, regime, count(*)"
    " FROM evaluations WHERE wake = 0 AND ts_ns < ? GROUP BY day, reason, regime"
    " ON CONFLICT (day, reason, regime) DO UPDATE SET skips = skips + excluded.skips",
    "DELETE FROM evaluations WHERE wake = 0 AND ts_ns < ?",
)


def day_start_ns(now_ns: int) -> int:
    """Return the start of a moment's UTC day: a day is folded once it is over."""
    return now_ns // DAY_NS * DAY_NS


def skip_counts(journal: JournalReader) -> Counter[tuple[str, str]]:
    """Count the skips by day (ISO date, UTC) and reason: kept ones and folded ones together."""
    with journal.snapshot():
        rows = journal.columns(Evaluation, "wake = 0")
        counts = Counter(
            (datetime.fromtimestamp(ts_ns // SECOND_NS, UTC).date().isoformat(), reason)
            for ts_ns, reason in zip(rows["ts_ns"], rows["reason"], strict=True)
        )
        for row in journal.rows(SkippedDay):
            counts[row.day, row.reason] += row.skips
    return counts
