"""What results depend on besides settings: the catalog's content and the code that was run.

A catalog is known by a hash of every file's content, not by times of change: a copy on another
machine is the same catalog, a file written anew with the same rows is too, and a row that changed
inside a file of the same size is not. Hashing reads the catalog once (some hundred megabytes a
second).
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import ocw_strategy
from ocw_strategy.errors import CatalogError
from ocw_strategy.regime import MACRO_FILE

_WATCHED_ONLY: Final = ("cli.py", "console.py", "dashboard", "live", "research")
"""Parts of the package that show results or trade live: no backtest depends on them."""

_LIBRARIES: Final = ("nautilus_trader", "numpy", "scipy", "hmmlearn", "pyarrow", "pydantic")


def catalog_files(catalog: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a catalog, by its path inside it.

    Raises
    ------
    CatalogError
        If there is no catalog or a file of it cannot be read.
    """
    paths = sorted((catalog / "data").rglob("*.parquet"))
    if not paths:
        raise CatalogError(
            "catalog", str(catalog), "build it: `ocw data sample`, `fetch` or `import DIR`"
        )
    paths += [path for path in (catalog / MACRO_FILE,) if path.is_file()]
    try:
        return {path.relative_to(catalog).as_posix(): _file_hash(path) for path in paths}
    except OSError as error:
        raise CatalogError("catalog", str(catalog), f"make it readable: {error}") from error


def catalog_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what differs between two states of a catalog, a file each, sorted."""
    changed = [name for name in before.keys() & now.keys() if before[name] != now[name]]
    return sorted(
        [f"{name} changed" for name in changed]
        + [f"{name} is gone" for name in before.keys() - now.keys()]
        + [f"{name} is new" for name in now.keys() - before.keys()]
    )


def code_fingerprint() -> str:
    """Return a hash of the code that results depend on: this package and its libraries."""
    root = Path(ocw_strategy.__file__).parent
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] not in _WATCHED_ONLY:
            digest.update(f"{place.as_posix()} {_file_hash(path)}\n".encode())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()


def content_hash(*parts: object) -> str:
    """Return a hash of JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
