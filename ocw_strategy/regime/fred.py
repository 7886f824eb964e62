"""A client of the FRED web service for the four macro series, cached on disk.

One GET per series, at most once in `ttl_seconds`; after a failure not again for `retry_seconds`,
whether or not anything was ever fetched, and meanwhile the last good answer stands (`macro_at`
drops what has grown stale). Nothing is raised for a failing service: `faults` says per series what
was wrong, and a series never fetched is simply absent. The API key goes into the query string,
which is where FRED wants it, and nowhere else: no error, cache file or log holds it.
"""

import json
import math
import os
from collections import Counter
from datetime import date, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ocw_strategy.errors import CatalogError
from ocw_strategy.regime.macro import MACRO_SERIES, MacroObservation, MacroSeries
from ocw_strategy.regime.macro_table import MACRO_FILE, write_macro_csv
from ocw_strategy.units import DAY_NS, SECOND_NS

_EPOCH = date(1970, 1, 1)
_LARGEST_ANSWER = 20_000_000  # bytes
_HISTORY = timedelta(days=3 * 365)

_Row = tuple[str, int, float]  # date, published_ns, value


class _Answer(NamedTuple):
    asked_ns: int
    again_ns: int  # not to be asked for again before this
    rows: list[_Row]


class FredClient:
    """Fetch macro series.

    Parameters
    ----------
    api_key : str
        The FRED key.
    cache_dir : Path
        Folder of the cache files; made when absent.
    base_url : str
        The service; tests point it at a loopback server.
    timeout_seconds : float
        Of connecting and of each read.
    ttl_seconds, retry_seconds : int
        How long an answer, and a failure, stands before the service is asked again.

    Attributes
    ----------
    faults : dict of str
        What was wrong with the last request of each failing series.
    """

    def __init__(
        self,
        api_key: str,
        cache_dir: Path,
        *,
        base_url: str = "https://api.stlouisfed.org",
        timeout_seconds: float = 10.0,
        ttl_seconds: int = 6 * 3600,
        retry_seconds: int = 900,
    ) -> None:
        self.faults: dict[str, str] = {}
        self._api_key = api_key
        self._cache_dir = cache_dir
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._ttl_ns = ttl_seconds * SECOND_NS
        self._retry_ns = retry_seconds * SECOND_NS
        self._answers: dict[str, _Answer] = {}
        self._opener = build_opener(_NoRedirect)

    def fetch(self, now_ns: int) -> MacroSeries:
        """Return the series as they stand now.

        Parameters
        ----------
        now_ns : int
            The current time, UNIX nanoseconds: what is fetched now counts as published by now.

        Returns
        -------
        MacroSeries
            The last good answer for each series; see `faults` for those that failed.
        """
        observations: list[MacroObservation] = []
        for series_id in MACRO_SERIES:
            answer = self._answers.get(series_id) or self._read_cache(series_id)
            if not answer.asked_ns <= now_ns < answer.again_ns:
                answer = self._ask(series_id, now_ns, answer.rows)
                self._write_cache(series_id, answer)
            self._answers[series_id] = answer
            observations += _observations(series_id, answer.rows)
        return MacroSeries(observations)

    def fetch_vintages(self, first: date, now_ns: int) -> MacroSeries:
        """Return every vintage published from `first` on, and what was known then; not cached.

        For `write_macro_csv`. FRED refuses more than 2,000 vintages of a series in one answer:
        about eight years of a daily one.

        Raises
        ------
        OSError or ValueError
            When the service fails or answers something else; the message never holds the key.
        """
        # yesterday: FRED refuses a date that has not begun where it stands
        last = _day(now_ns) - timedelta(days=1)
        vintages = {"realtime_start": first.isoformat(), "realtime_end": last.isoformat()}
        observations: list[MacroObservation] = []
        for series_id in MACRO_SERIES:
            rows = self._get(series_id, first - _HISTORY, now_ns, vintages)
            observations += _observations(series_id, rows)
        return MacroSeries(observations)

    def _ask(self, series_id: str, now_ns: int, rows: list[_Row]) -> _Answer:
        try:
            rows = self._get(series_id, _day(now_ns) - _HISTORY, now_ns, {})
        except (OSError, ValueError) as error:
            self.faults[series_id] = str(error)
            return _Answer(now_ns, now_ns + self._retry_ns, rows)
        self.faults.pop(series_id, None)
        return _Answer(now_ns, now_ns + self._ttl_ns, rows)

    def _get(self, series_id: str, first: date, now_ns: int, extra: dict[str, str]) -> list[_Row]:
        query = {"series_id": series_id, "api_key": self._api_key, "file_type": "json"}
        query |= {"observation_start": first.isoformat()} | extra
        url = f"{self._base_url}/fred/series/observations?{urlencode(query)}"
        try:
            with self._opener.open(Request(url), timeout=self._timeout_seconds) as answer:
                body = answer.read(_LARGEST_ANSWER)
        except HTTPError as error:
            status, said = error.code, error.read(1000).decode("utf-8", "replace")
            error.close()
            raise OSError(self._without_key(f"{series_id}: HTTP {status}: {said}")) from None
        except (OSError, ValueError, HTTPException) as error:
            fault = f"{series_id}: {type(error).__name__}: {error}"
            raise OSError(self._without_key(fault)) from None
        return _rows(series_id, body, now_ns)

    def _without_key(self, text: str) -> str:
        for key in filter(None, (self._api_key, quote_plus(self._api_key))):
            text = text.replace(key, "(key)")
        return text

    def _read_cache(self, series_id: str) -> _Answer:
        try:
            cached = json.loads(self._path(series_id).read_text(encoding="utf-8"))
            rows = [(str(day), int(moment), float(value)) for day, moment, value in cached["rows"]]
            _observations(series_id, rows)
            return _Answer(int(cached["asked_ns"]), int(cached["again_ns"]), rows)
        except (OSError, ValueError, LookupError, TypeError):
            return _Answer(0, 0, [])  # absent or damaged: ask again

    def _write_cache(self, series_id: str, answer: _Answer) -> None:
        partial = self._path(series_id).with_suffix(".partial")
        try:
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                json.dump(answer._asdict(), file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path(series_id))
        except OSError as error:  # a full disk: what is in memory serves until the next start
            self.faults[series_id] = f"cache not written: {error}"

    def _path(self, series_id: str) -> Path:
        return self._cache_dir / f"{series_id}.json"


def fetch_macro_csv(client: FredClient, catalog: Path, first: date, now_ns: int) -> Counter[str]:
    """Write every vintage published from `first` on beside a catalog's market data.

    Parameters
    ----------
    catalog : Path
        Its folder; made when absent. What it held of macro series is replaced whole.
    first : date
        See `FredClient.fetch_vintages`.
    now_ns : int
        The current time, UNIX nanoseconds.

    Returns
    -------
    Counter of str
        The number of rows of each series.

    Raises
    ------
    CatalogError
        If the service fails or a series has no observation; the file stays as it was.
    """
    try:
        series = client.fetch_vintages(first, now_ns)
    except (OSError, ValueError) as error:
        raise CatalogError(
            "FRED", str(error), "check the key and the first day, then ask again"
        ) from None
    rows = Counter(each.series_id for each in series.observations)
    for series_id in MACRO_SERIES:
        if not rows[series_id]:
            raise CatalogError(f"FRED, {series_id}", "no observation", "give an earlier first day")
    catalog.mkdir(parents=True, exist_ok=True)
    write_macro_csv(series, catalog / MACRO_FILE)
    return rows


class _NoRedirect(HTTPRedirectHandler):
    """Follow no redirect: the query string holds the key."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _day(now_ns: int) -> date:
    return _EPOCH + timedelta(days=now_ns // DAY_NS)


def _observations(series_id: str, rows: list[_Row]) -> list[MacroObservation]:
    return [
        MacroObservation(series_id, date.fromisoformat(day), published_ns, value)
        for day, published_ns, value in rows
    ]


def _rows(series_id: str, body: bytes, now_ns: int) -> list[_Row]:
    """Return date, publication time and value of each observation that has a value."""
    try:
        rows = []
        for row in json.loads(body)["observations"]:
            if row["value"] == ".":  # how FRED writes a missing value
                continue
            value = float(row["value"])
            if not math.isfinite(value):
                raise ValueError
            # the hour of publication is not told: a value is taken as known from the next day on,
            # or from now on when it has just been read
            released = date.fromisoformat(row["realtime_start"]) + timedelta(days=1)
            published_ns = min((released - _EPOCH).days * DAY_NS, now_ns)
            rows.append((date.fromisoformat(row["date"]).isoformat(), published_ns, value))
        return rows
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{series_id}: the answer is not a list of observations ({type(error).__name__})"
        ) from None
