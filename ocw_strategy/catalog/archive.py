"""Fetch market data from Binance's public archive and hand it on as canonical frames.

First every file of the request is brought into the cache, several at once (`archive_download`);
then the frames are read, checked and handed to ``ingest``, one call per kind, symbol and month.
What is not published (404) is reported as missing. A file that is damaged, or whose rows fail the
catalog's checks, is left out whole, everything else is handed on, and then `DamagedFilesError`
names it and the fault. Nothing published at all, or an archive that cannot be reached, is a
`CatalogError` before anything is handed on. A second run asks only for what was missing or bad.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, NamedTuple

import httpx
import pyarrow as pa

from ocw_strategy.catalog.archive_download import (
    DamagedFileError,
    Downloader,
    FetchSettings,
    Obtained,
)
from ocw_strategy.catalog.archive_files import ArchiveFile, files_for
from ocw_strategy.catalog.archive_frames import joined, read_frame, within
from ocw_strategy.catalog.frames import check_frame
from ocw_strategy.errors import CatalogError

__all__ = [
    "ARCHIVE_URL",
    "DamagedFilesError",
    "FetchProgress",
    "FetchReport",
    "FetchRequest",
    "FetchSettings",
    "fetch",
]

ARCHIVE_URL: Final = "https://data.binance.vision"


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to fetch.

    Attributes
    ----------
    symbols : sequence of str
        Venue symbols, such as ``BTCUSDT``.
    kinds : sequence of str
        Kinds of frames, such as ``bars_5m``, ``mark_1h``, ``funding``, ``metrics_5m``.
    start_ns, end_ns : int
        The window, UNIX nanoseconds, its end excluded.
    """

    symbols: Sequence[str]
    kinds: Sequence[str]
    start_ns: int
    end_ns: int


class FetchProgress(NamedTuple):
    """How far a fetch is: files downloaded, then months handed on; `total` may still grow."""

    stage: Literal["download", "ingest"]
    done: int
    total: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a fetch did.

    Attributes
    ----------
    downloaded, cached : int
        Files by where they came from.
    size : int
        Bytes of the files downloaded.
    missing : tuple of str
        Files that are not published, as paths in the archive.
    rows : dict
        Rows handed on, by kind and symbol.
    repeated : int
        Rows left out because a later one of the same kind has their time stamp.
    results : tuple
        What ``ingest`` returned, in the order of its calls.
    """

    downloaded: int
    cached: int
    size: int
    missing: tuple[str, ...]
    rows: dict[tuple[str, str], int]
    repeated: int
    results: tuple[object, ...]


class DamagedFilesError(CatalogError):
    """Files that were left out of a fetch; the rest was handed on, as ``report`` says."""

    def __init__(self, faults: Sequence[CatalogError], report: FetchReport) -> None:
        others = f", and {len(faults) - 1} more files" if len(faults) > 1 else ""
        super().__init__(faults[0].field, faults[0].value, f"{faults[0].remedy}{others}")
        self.faults = tuple(faults)
        self.report = report


def fetch(
    request: FetchRequest,
    *,
    cache_dir: Path,
    ingest: Callable[[str, str, pa.Table, str], object],
    now_ns: int,
    base_url: str = ARCHIVE_URL,
    settings: FetchSettings | None = None,
    progress: Callable[[FetchProgress], None] | None = None,
) -> FetchReport:
    """Fetch what a request asks for and hand it on.

    Parameters
    ----------
    request : FetchRequest
        Symbols, kinds and window.
    cache_dir : Path
        Where downloaded files stay, so that another run need not fetch them.
    ingest : Callable
        Called with kind, symbol, frame and source (what a fault is to name), in the caller's
        thread. What it raises ends the fetch.
    now_ns : int
        The present; it decides what comes by the month and what by the day.
    base_url : str
        The archive's address.
    settings : FetchSettings, optional
        Concurrency, retries and timeouts.
    progress : Callable, optional
        Called in the caller's thread after each file and each month handed on.

    Raises
    ------
    DamagedFilesError
        After everything else was handed on, if files were damaged.
    CatalogError
        If the request is impossible, the archive cannot be reached, or it has nothing of it.
    """
    settings = settings or FetchSettings()
    tell = progress or (lambda _: None)
    files = files_for(request.symbols, request.kinds, request.start_ns, request.end_ns, now_ns)
    obtained, faults = _download(files, cache_dir, base_url, settings, tell)
    found = [file for file, (outcome, _) in obtained.items() if outcome != "missing"]
    if not found and not faults:
        raise CatalogError(
            "archive",
            f"{base_url} without any of {', '.join(request.kinds)} "
            f"for {', '.join(request.symbols)} in this window",
            "check symbols and window",
        )
    found.sort(key=lambda file: (file.symbol, file.kind.name, file.begins))
    months = [
        list(group)
        for _, group in itertools.groupby(
            found, key=lambda file: (file.symbol, file.kind.name, file.begins.replace(day=1))
        )
    ]
    rows: dict[tuple[str, str], int] = {}
    results = []
    repeated = 0
    for done, month in enumerate(months, start=1):
        kind, symbol = month[0].kind, month[0].symbol
        source = _source(month)
        frames = _readable(month, cache_dir, faults)
        if frames:
            table = joined(frames)
            repeated += sum(frame.num_rows for frame in frames) - table.num_rows
            table = within(table, kind, request.start_ns, request.end_ns)
            if table.num_rows:
                rows[kind.name, symbol] = rows.get((kind.name, symbol), 0) + table.num_rows
                results.append(ingest(kind.name, symbol, table, source))
        tell(FetchProgress("ingest", done, len(months), source, 0))
    outcomes = [each.outcome for each in obtained.values()]
    report = FetchReport(
        downloaded=outcomes.count("downloaded"),
        cached=outcomes.count("cached"),
        size=sum(each.size for each in obtained.values()),
        missing=tuple(sorted(f.path for f, each in obtained.items() if each.outcome == "missing")),
        rows=rows,
        repeated=repeated,
        results=tuple(results),
    )
    if faults:
        raise DamagedFilesError(sorted(faults, key=lambda fault: fault.field), report)
    return report


def _download(
    files: Sequence[ArchiveFile],
    cache_dir: Path,
    base_url: str,
    settings: FetchSettings,
    tell: Callable[[FetchProgress], None],
) -> tuple[dict[ArchiveFile, Obtained], list[CatalogError]]:
    obtained: dict[ArchiveFile, Obtained] = {}
    faults: list[CatalogError] = []
    stop = threading.Event()
    done, total = 0, len(files)
    with (
        httpx.Client(timeout=settings.timeout_seconds) as client,
        ThreadPoolExecutor(settings.concurrency) as pool,
    ):
        downloader = Downloader(client, base_url, cache_dir, settings, stop)
        try:
            while files:
                running = {pool.submit(downloader.obtain, file.path): file for file in files}
                days: list[ArchiveFile] = []
                for future in as_completed(running):
                    file, size = running[future], 0
                    try:
                        result = future.result()
                    except DamagedFileError as error:
                        faults.append(error)
                    else:
                        size = result.size
                        if result.outcome == "missing" and file.days:
                            days.extend(file.days)
                            total += len(file.days)
                        else:
                            obtained[file] = result
                    done += 1
                    tell(FetchProgress("download", done, total, file.path, size))
                files = days
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return obtained, faults


def _readable(
    files: Sequence[ArchiveFile], cache_dir: Path, faults: list[CatalogError]
) -> list[pa.Table]:
    frames = []
    for file in files:
        try:
            frame = read_frame(file, cache_dir / file.path)
            check_frame(file.kind.name, joined([frame]), source=file.path)
        except CatalogError as error:
            faults.append(error)
        else:
            frames.append(frame)
    return frames


def _source(files: Sequence[ArchiveFile]) -> str:
    first = files[0].path
    if len(files) == 1:
        return first
    return f"{first} to {PurePosixPath(files[-1].path).name}"
