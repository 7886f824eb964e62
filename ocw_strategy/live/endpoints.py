"""Which public endpoint says what: its path, its parameters, and how its rows are read.

Numbers come as strings; a number that cannot be read is NaN, as is what the venue did not publish.
A row without a time, or of a time off the five-minute grid, is not a row. The venue documents
``timestamp`` as the END of the period and rounds ratios to four decimals, where its archive has
more; since 2026-06-25 its archive labels periods by their START, and what REST does since is not
documented: `label_shift_ms` moves labels that turn out to be starts.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate
from ocw_strategy.live.statistics_rows import PERIOD_NS
from ocw_strategy.units import MILLISECOND_NS

PERIOD_MS: Final = PERIOD_NS // MILLISECOND_NS
MINUTE_MS: Final = 60_000

Columns = dict[str, dict[int, float]]
"""By column, values by ``ts`` in milliseconds."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: where it is, which type it feeds, and its fields by our columns."""

    name: str
    path: str
    data_class: Any
    time_field: str
    columns: Mapping[str, str]
    largest: int
    """Most rows of an answer."""
    periodic: bool = True

    def params(self, symbol: str, limit: int) -> dict[str, str | int]:
        """Return the parameters of a question for so many rows."""
        period: dict[str, str | int] = {"period": "5m"} if self.periodic else {}
        return {"symbol": symbol, **period, "limit": min(limit, self.largest)}

    def read(self, rows: Any, label_shift_ms: int = 0) -> Columns:
        """Return the columns of an answer; rows that cannot be read are left out."""
        found: Columns = {name: {} for name in self.columns.values()}
        for row in rows if isinstance(rows, list) else []:
            ts_ms = self._time(row, label_shift_ms)
            if ts_ms is not None:
                for field, name in self.columns.items():
                    found[name][ts_ms] = number(row.get(field))
        return found

    def _time(self, row: Any, label_shift_ms: int) -> int | None:
        try:
            ts_ms = int(row[self.time_field])
        except (KeyError, TypeError, ValueError):
            return None
        if not self.periodic:  # a settlement, some milliseconds late
            return ts_ms // MINUTE_MS * MINUTE_MS
        return ts_ms + label_shift_ms if ts_ms % PERIOD_MS == 0 else None


def number(value: Any) -> float:
    """Return a number that came as text, NaN if it is none."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _statistic(name: str, columns: Mapping[str, str]) -> Endpoint:
    return Endpoint(name, f"/futures/data/{name}", OcwDerivatives, "timestamp", columns, 500)


ENDPOINTS: Final = (
    _statistic(
        "openInterestHist",
        {"sumOpenInterest": "open_interest", "sumOpenInterestValue": "open_interest_value"},
    ),
    _statistic("topLongShortAccountRatio", {"longShortRatio": "toptrader_account_ls_ratio"}),
    _statistic("topLongShortPositionRatio", {"longShortRatio": "toptrader_position_ls_ratio"}),
    _statistic("globalLongShortAccountRatio", {"longShortRatio": "global_account_ls_ratio"}),
    _statistic("takerlongshortRatio", {"buySellRatio": "taker_buy_sell_ratio"}),
    Endpoint(
        "fundingRate",
        "/fapi/v1/fundingRate",
        OcwFundingRate,
        "fundingTime",
        {"fundingRate": "rate"},
        1000,
        periodic=False,
    ),
)


def of(data_class: Any) -> tuple[Endpoint, ...]:
    """Return the endpoints that feed a type."""
    return tuple(endpoint for endpoint in ENDPOINTS if endpoint.data_class is data_class)


def joined(answers: Iterable[Columns]) -> dict[int, dict[str, float]]:
    """Return rows by ``ts`` of columns from several endpoints; NaN where one has none."""
    columns: Columns = {}
    for answer in answers:
        columns |= answer
    times = {ts_ms for values in columns.values() for ts_ms in values}
    return {
        ts_ms: {name: values.get(ts_ms, math.nan) for name, values in columns.items()}
        for ts_ms in sorted(times)
    }
