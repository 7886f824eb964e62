"""One file of the archive into a cache on disk: verified, resumed, retried.

A file is in the cache under its own path, beside its ``.CHECKSUM``, only once its SHA-256 is the
published one and its ZIP can be read to the end; until then it is a ``.part``, which the next
attempt, or the next run, continues where it stopped. A cached file is verified again from disk and
costs no request.

Refusals of the moment (429, 5xx, broken or silent connections) are retried with exponential
back-off and jitter, or after what ``Retry-After`` asks. A file whose checksum or ZIP is wrong is
fetched once more from the start. 404 means not published. Whatever else fails is a `CatalogError`
that names the file; what was verified before stays in the cache.
"""

import hashlib
import random
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx
from pydantic import Field

from ocw_strategy.catalog.archive_frames import read_member
from ocw_strategy.errors import CatalogError
from ocw_strategy.model import Strict

_LARGEST_ZIP_BYTES: Final = 128 * 1024 * 1024  # a month of one-minute klines is about 2 MB


class FetchSettings(Strict):
    """How politely and how patiently the archive is asked."""

    concurrency: int = Field(default=8, ge=1, le=32)
    """Files under way at once."""
    attempts: int = Field(default=6, ge=1, le=20)
    """Tries of one request before the fetch is given up."""
    first_delay_seconds: float = Field(default=0.5, gt=0)
    """Wait after the first failure; it doubles with each further one."""
    longest_delay_seconds: float = Field(default=30.0, gt=0)
    """The wait doubles no further than this."""
    longest_retry_after_seconds: float = Field(default=300.0, ge=0)
    """A server that asks for more patience than this is taken at its word, and left."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """Silence on a connection after which it counts as broken."""


class Obtained(NamedTuple):
    """What became of a file, and its size if it was downloaded."""

    outcome: Literal["downloaded", "cached", "missing"]
    size: int = 0


class DamagedFileError(CatalogError):
    """A published file that is still damaged when downloaded a second time."""


class StoppedError(Exception):
    """The fetch was given up elsewhere while this file waited."""


class _TryLaterError(Exception):
    def __init__(self, reason: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class Downloader:
    """Obtain files of the archive; one instance serves several threads.

    Parameters
    ----------
    client : httpx.Client
        The connections; the caller closes it.
    base_url : str
        The archive's address.
    cache_dir : Path
        Where files are kept, at the paths they have in the archive.
    settings : FetchSettings
        Retries and timeouts.
    stop : threading.Event
        Once set, whoever waits gives up.
    """

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        cache_dir: Path,
        settings: FetchSettings,
        stop: threading.Event,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._cache_dir = cache_dir
        self._settings = settings
        self._stop = stop

    def obtain(self, path: str) -> Obtained:
        """Bring a file into the cache, unless it is there.

        Raises
        ------
        DamagedFileError
            If what is published is damaged, twice.
        CatalogError
            If the archive cannot be reached or refuses.
        StoppedError
            If `stop` was set meanwhile.
        """
        try:
            return self._obtain(path)
        except OSError as error:
            raise CatalogError(
                f"download cache {self._cache_dir}", str(error), "make room or choose another"
            ) from error

    def _obtain(self, path: str) -> Obtained:
        target = self._cache_dir / path
        checksum_path = target.with_name(f"{target.name}.CHECKSUM")
        if target.exists() and checksum_path.exists():
            if _sha256(target) == _digest(checksum_path.read_text("utf-8", "replace"), path):
                return Obtained("cached")
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        fault = ""
        for _ in range(2):
            checksum = self._patiently(path, lambda: self._checksum(path))
            if checksum is None:
                return Obtained("missing")
            if not self._patiently(path, lambda: self._download(path, part)):
                return Obtained("missing")
            fault = _fault(part, path, checksum)
            if not fault:
                checksum_path.write_text(checksum, "utf-8")
                part.replace(target)
                return Obtained("downloaded", target.stat().st_size)
            part.unlink()
        raise DamagedFileError(
            path, fault, "nothing of it was used; try again later or report it to the archive"
        )

    def _checksum(self, path: str) -> str | None:
        response = self._client.get(f"{self._base_url}/{path}.CHECKSUM")
        if not self._answered(response, f"{path}.CHECKSUM"):
            return None
        return response.text

    def _download(self, path: str, part: Path) -> bool:
        """Complete the part and return True, or False where nothing is published."""
        have = part.stat().st_size if part.exists() else 0
        # the bytes as they are: a transfer encoding would make an offset meaningless
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._client.stream("GET", f"{self._base_url}/{path}", headers=headers) as response:
            if have and response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                raise _TryLaterError("a range beyond the file")
            if not self._answered(response, path):
                return False
            resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            with part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    if file.tell() > _LARGEST_ZIP_BYTES:
                        raise CatalogError(
                            path, f"more than {_LARGEST_ZIP_BYTES} bytes", "check the address"
                        )
        return True

    def _answered(self, response: httpx.Response, path: str) -> bool:
        """Return whether there is a file; raise where that was not the answer."""
        status = response.status_code
        if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return True
        if status == HTTPStatus.NOT_FOUND:
            return False
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            after = response.headers.get("Retry-After", "")
            seconds = float(after) if re.fullmatch(r"\d{1,9}(\.\d+)?", after) else 0.0
            raise _TryLaterError(f"HTTP {status}", seconds)
        raise CatalogError(
            path, f"HTTP {status}", f"check that {self._base_url} serves the archive to you"
        )

    def _patiently[T](self, path: str, request: Callable[[], T]) -> T:
        settings = self._settings
        # jitter spreads the files, the same way in every run
        jitter = random.Random(path)
        reason = ""
        for attempt in range(settings.attempts):
            if self._stop.is_set():
                raise StoppedError
            delay = settings.first_delay_seconds * 2.0**attempt
            delay = min(delay, settings.longest_delay_seconds) * jitter.uniform(0.5, 1.0)
            try:
                return request()
            except _TryLaterError as error:
                reason = str(error)
                delay = max(delay, error.retry_after_seconds)
                if error.retry_after_seconds > settings.longest_retry_after_seconds:
                    reason += f", asking to wait {delay:.0f} s"
                    break
            except httpx.RequestError as error:
                reason = str(error) or type(error).__name__
            if attempt + 1 < settings.attempts and self._stop.wait(delay):
                raise StoppedError
        raise CatalogError(path, reason, "run the fetch again later: it continues where it stopped")


def _fault(part: Path, path: str, checksum: str) -> str:
    """Return what is wrong with a downloaded file, or nothing."""
    published = _digest(checksum, path)
    if not published:
        return "a CHECKSUM that is no SHA-256 of this file"
    if _sha256(part) != published:
        return "a SHA-256 other than its CHECKSUM says"
    try:
        read_member(part, path)
    except CatalogError as error:
        return str(error.value)
    return ""


def _digest(checksum: str, path: str) -> str:
    """Return the digest of a ``.CHECKSUM`` (``<sha256>  <file name>``), or nothing."""
    words = checksum.split()
    if len(words) == 2 and words[1].lstrip("*") == Path(path).name:
        return words[0].lower() if re.fullmatch(r"[0-9a-fA-F]{64}", words[0]) else ""
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
