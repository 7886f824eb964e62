"""A walk-forward over the small sample market that is done in seconds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocw_strategy.backtest.walkforward import WalkForwardSettings
from ocw_strategy.backtest.walkforward.executor import InlineExecutor
from ocw_strategy.backtest.walkforward.settings import check_grid
from ocw_strategy.settings import Settings
from tests.backtest.market import make_settings

SPAN = {"start": "2024-02-08", "end": "2024-02-23", "warmup_days": 38}
"""Two windows of 10 days, a purge of one and two days to be judged on; a day is left over."""


def small_walk(
    folder: Path, catalog: Path, **sections: Mapping[str, Any]
) -> tuple[WalkForwardSettings, Settings]:
    values: dict[str, Any] = {
        "walk": {"folder": str(folder)},
        "windows": {"in_sample_days": 10, "purge_days": 1, "out_of_sample_days": 2},
        "calibrate": {"gate": False},
        "grid": {},
    }
    for section, table in sections.items():
        values[section] = {**values.get(section, {}), **table}
    walk = WalkForwardSettings.model_validate_json(json.dumps(values))
    base = make_settings(catalog, run=SPAN)
    check_grid(walk, base)
    return walk, base


class Counting(InlineExecutor):
    """Counts what it computes, and may fail at a task."""

    def __init__(self, fails_at: str = "", error: BaseException | None = None) -> None:
        super().__init__()
        self.done: list[str] = []
        self._fails_at = fails_at
        self._error = error

    def next_done(self) -> tuple[str, str | BaseException]:
        if self._error is not None and self._taken[-1][0] == self._fails_at:
            return self._taken.pop()[0], self._error
        name, found = super().next_done()
        self.done.append(name)
        return name, found
