"""The files of the page, read once: what is not among them cannot be asked for."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    media_type: str
    etag: str


def read_assets() -> dict[str, Asset]:
    """Return the files of the page by name."""
    found = {}
    for entry in files("ocw_strategy.dashboard").joinpath("assets").iterdir():
        kind = entry.name.rpartition(".")[2]
        if kind in _TYPES:
            body = entry.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[entry.name] = Asset(body, _TYPES[kind], etag)
    return found
