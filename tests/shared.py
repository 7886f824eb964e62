"""Where the shared research data lies; tests that need it skip where it is absent."""

import os
from pathlib import Path

import pytest


def shared_data() -> Path:
    """Frames of real market data."""
    return _shared("binance_usdm")


def shared_payloads() -> Path:
    """Messages of the venue as recorded or documented."""
    return _shared("payloads")


def _shared(name: str) -> Path:
    root = Path(os.environ.get("OCW_SHARED", Path(__file__).parents[2] / "shared"))
    data = root / "data" / name
    if not data.is_dir():
        pytest.skip(f"needs the shared market data, absent at {data}; set OCW_SHARED to its folder")
    return data
