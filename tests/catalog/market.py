"""Small frames with known content, and the bytes of a catalog."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

JANUARY_MS = 1_704_067_200_000  # 2024-01-01
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def bars(
    rows: int, *, minutes: int = 5, start_ms: int = JANUARY_MS, seed: int = 0, taker: bool = False
) -> pa.Table:
    rng = np.random.default_rng(seed)
    ts = start_ms + np.arange(rows) * minutes * MINUTE_MS
    close = np.round(40_000 + np.cumsum(rng.normal(0, 20, rows)), 1)
    opened = np.concatenate(([40_000.0], close))[:rows]
    columns = {
        "ts": ts,
        "open": opened,
        "high": np.round(np.maximum(opened, close) + 5, 1),
        "low": np.round(np.minimum(opened, close) - 5, 1),
        "close": close,
        "volume": np.round(rng.uniform(1, 100, rows), 3),
    }
    if taker:
        columns["taker_buy_volume"] = np.round(columns["volume"] * rng.uniform(0, 1, rows), 3)
    return pa.table(columns)


def metrics(rows: int, *, start_ms: int = JANUARY_MS) -> pa.Table:
    ts = start_ms + np.arange(rows) * 5 * MINUTE_MS
    ratio = 1 + np.arange(rows) / 1000
    return pa.table(
        {
            "ts": ts,
            "open_interest": 80_000 + np.arange(rows) / 8,
            "open_interest_value": 3.2e9 + np.arange(rows),
            "toptrader_account_ls_ratio": pa.array([None, *ratio[1:].tolist()], pa.float64()),
            "toptrader_position_ls_ratio": ratio,
            "global_account_ls_ratio": ratio,
            "taker_buy_sell_ratio": ratio,
        }
    )


def funding(rows: int, *, start_ms: int = JANUARY_MS) -> pa.Table:
    ts = start_ms + np.arange(rows) * 8 * 60 * MINUTE_MS
    return pa.table({"ts": ts, "rate": np.arange(rows) * 1e-7 - 3e-7})


def contents(catalog_dir: Path) -> dict[str, str]:
    """Digests of the data files by path; anything but data is no part of the catalog."""
    return {
        str(path.relative_to(catalog_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((catalog_dir / "data").rglob("*"))
        if path.is_file()
    }
