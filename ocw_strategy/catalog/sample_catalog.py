"""The sample market in a catalog of its own, marked as synthetic and with its truth beside it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow.csv

from ocw_strategy.catalog.sample import sample_market
from ocw_strategy.catalog.store import transaction
from ocw_strategy.catalog.writer import PUBLICATION_DELAY_NS, add_frame
from ocw_strategy.errors import CatalogError, SettingsError
from ocw_strategy.units import SECOND_NS

SAMPLE_MARK: Final = "sample.json"
"""Lies in every catalog that holds the sample market: whoever shows its data says SYNTHETIC."""
REGIMES_FILE: Final = "true_regimes.csv"


def is_synthetic(catalog_dir: Path) -> bool:
    """Return whether a catalog holds the sample market."""
    return (catalog_dir / SAMPLE_MARK).is_file()


def write_sample(
    catalog_dir: Path,
    *,
    seed: int,
    start: str,
    days: int,
    base_minutes: int,
    edge: float,
    progress: Callable[[str, int], None] | None = None,
) -> None:
    """Make a sample market and write it into a catalog of its own, all of it or nothing.

    Parameters
    ----------
    start : str
        The first day, an ISO date.
    progress : callable, optional
        Called after each frame with its name and the number of frames.

    Raises
    ------
    SettingsError
        If an argument is refused.
    CatalogError
        If the catalog holds another market, or the disk is full.
    """
    made_of = {"seed": seed, "start": start, "days": days, "base_minutes": base_minutes,
               "edge": edge}  # fmt: skip
    mark = catalog_dir / SAMPLE_MARK
    if (catalog_dir / "data").exists():
        found = json.loads(mark.read_text()) if mark.exists() else "market data that is no sample"
        if found == made_of | {"synthetic": True}:
            return
        raise CatalogError("--catalog", str(catalog_dir), f"name another folder: it holds {found}")
    market = sample_market(seed, _midnight_ns(start), days, base_minutes, edge=edge)
    with transaction(catalog_dir) as opened:
        for (kind, symbol), table in market.frames.items():
            add_frame(
                opened,
                kind,
                symbol,
                table,
                source="sample market (synthetic)",
                delay_ns=PUBLICATION_DELAY_NS,
            )
            if progress is not None:
                progress(f"{kind} {symbol}", len(market.frames))
    pyarrow.csv.write_csv(market.regimes, catalog_dir / REGIMES_FILE)
    mark.write_text(json.dumps(made_of | {"synthetic": True}, indent=1) + "\n")


def _midnight_ns(day: str) -> int:
    try:
        moment = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise SettingsError("start", day, "give a day such as 2024-01-01") from error
    return int(moment.timestamp()) * SECOND_NS
