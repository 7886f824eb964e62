"""Where the shared research data lies; tests that need it skip where it is absent."""

import os
from pathlib import Path

import pytest


def shared_data() -> Path:
    root = Path(os.environ.get("OCW_SHARED", Path(__file__).parents[2] / "shared"))
    data = root / "data" / "binance_usdm"
    if not data.is_dir():
        pytest.skip(f"needs the shared market data, absent at {data}; set OCW_SHARED to its folder")
    return data
