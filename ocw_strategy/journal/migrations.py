"""How an older journal becomes today's: the SQL of each step, written out.

Steps are appended and never edited, nor are they derived from the records of the day: a step must
do to an old file what it did when it was written.
"""

from collections.abc import Sequence
from typing import Final

type Migration = Sequence[str]
"""The SQL statements that take a journal from one version to the next."""

# Claude decides: what a call was, what it cost, what it answered, what trades taught
_CLAUDE: Final = (
    "ALTER TABLE decisions ADD COLUMN request_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE decisions ADD COLUMN model TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE decisions ADD COLUMN detail TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE decisions ADD COLUMN usage TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE spend (reservation_id TEXT NOT NULL, ts_ns INTEGER NOT NULL, day TEXT NOT NULL, "
    "model TEXT NOT NULL, request_key TEXT NOT NULL, reserved_usd TEXT NOT NULL, prices TEXT NOT "
    "NULL, UNIQUE (reservation_id)) STRICT",
    "CREATE TABLE settlements (reservation_id TEXT NOT NULL, cost_usd TEXT NOT NULL, outcome TEXT "
    "NOT NULL, usage TEXT NOT NULL, wall_ns INTEGER NOT NULL, UNIQUE (reservation_id)) STRICT",
    "CREATE TABLE answers (request_key TEXT NOT NULL, close_ns INTEGER NOT NULL, model TEXT NOT "
    "NULL, outcome TEXT NOT NULL, text TEXT NOT NULL, detail TEXT NOT NULL, request_id TEXT NOT "
    "NULL, usage TEXT NOT NULL, cost_usd TEXT NOT NULL, latency_ns INTEGER NOT NULL, wall_ns "
    "INTEGER NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL, UNIQUE (request_key)) STRICT",
    "CREATE TABLE reflections (trade_id TEXT NOT NULL, decision_id TEXT NOT NULL, ts_ns INTEGER "
    "NOT NULL, symbol TEXT NOT NULL, direction INTEGER NOT NULL, regime TEXT NOT NULL, signals "
    "TEXT NOT NULL, net_return REAL, text TEXT NOT NULL, source TEXT NOT NULL, cost_usd TEXT NOT "
    "NULL, UNIQUE (trade_id)) STRICT",
    "CREATE VIRTUAL TABLE reflections_text USING fts5(trade_id UNINDEXED, symbol, regime, "
    "signals, text)",
    "CREATE TRIGGER reflections_inserted AFTER INSERT ON reflections BEGIN INSERT INTO "
    "reflections_text (trade_id, symbol, regime, signals, text) VALUES (new.trade_id, new.symbol, "
    "new.regime, new.signals, new.text); END",
    "CREATE TRIGGER reflections_updated AFTER UPDATE ON reflections BEGIN DELETE FROM "
    "reflections_text WHERE trade_id = old.trade_id; INSERT INTO reflections_text (trade_id, "
    "symbol, regime, signals, text) VALUES (new.trade_id, new.symbol, new.regime, new.signals, "
    "new.text); END",
    "CREATE TRIGGER reflections_deleted AFTER DELETE ON reflections BEGIN DELETE FROM "
    "reflections_text WHERE trade_id = old.trade_id; END",
)

# months of running: what is left of skips that are no longer kept row by row
_RETENTION: Final = (
    "CREATE TABLE skipped_days (day TEXT NOT NULL, reason TEXT NOT NULL, regime TEXT NOT NULL, "
    "skips INTEGER NOT NULL, UNIQUE (day, reason, regime)) STRICT",
)

# a page that asks for the decisions of a day must not read every snapshot ever kept
_DASHBOARD: Final = ("CREATE INDEX decisions_index ON decisions (ts_ns, outcome, latency_ns)",)

MIGRATIONS: Final[tuple[Migration, ...]] = (_CLAUDE, _RETENTION, _DASHBOARD)
"""Step ``n`` takes version ``n + 1`` to ``n + 2``."""
