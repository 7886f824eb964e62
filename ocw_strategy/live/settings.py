"""What a live node needs beside the settings it shares with a backtest: account, journal, limits.

A live config is a backtest config with a ``[live]`` table. What decides and trades (`Settings`) is
the same model in both worlds; this one only says where, under which guards, and how alive it must
be. The demo account is the default; real money needs `account = "real"` here, a switch on the
command line and a typed confirmation.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ocw_strategy.errors import SettingsError
from ocw_strategy.live.watchdog import WatchdogSettings
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings, one_sentence, put, read_toml, settings_from
from ocw_strategy.units import SECOND_NS

_NO_END = "2100-01-01"
_OF_OTHERS = ("alerts", "serve")
"""Tables of the processes beside the node, each read by its own."""

Seconds = Annotated[float, Field(gt=0, le=3600)]


class LiveSettings(Strict):
    """One live node."""

    account: Literal["demo", "paper", "real"] = "demo"
    """``demo``: Binance's demo account. ``paper``: simulated here. ``real``: real money."""
    journal: str = "live/demo.db"
    """The node's journal; heartbeat and halt file lie beside it. One node a journal."""
    trader_id: str = Field(default="OCW-001", pattern=r"^[A-Za-z0-9]{1,16}-[0-9]{3}$")
    """Name of the node at the engine."""
    margin_type: Literal["CROSSED", "ISOLATED"] = "CROSSED"
    """Margin type, set and verified at each start, as the leverage `risk.venue_leverage` is."""
    start_timeout_seconds: Seconds = 120.0
    """A node that does not trade after so long exits with an error, for a restart."""
    safety_seconds: Seconds = 30.0
    """How often exits are watched at the execution venue's mark price."""
    drift_seconds: Seconds = 60.0
    """How often positions and orders are compared with the venue."""
    statistics_seconds: Seconds = 300.0
    """How often open interest, ratios and funding are asked for; at most 60 s apart while a row
    that is due is missing."""
    max_basis_points: float = Field(default=30.0, gt=0, le=1000)
    """No entry while the execution venue's price differs by more from the market's."""
    keep_skips_days: float = Field(default=90.0, ge=1, le=3650)
    """Skipped evaluations older than this are folded into a count a day, once a day."""
    health_host: str = "127.0.0.1"
    """Address that `/health` is served on."""
    health_port: int = Field(default=8081, ge=0, le=65_535)
    """Its port; 0 serves none."""
    venue_http: str = ""
    """Address of another venue's REST API, such as the loopback one; empty is Binance."""
    venue_ws: str = ""
    """Address of its streams; empty is Binance."""
    watchdog: WatchdogSettings = WatchdogSettings()

    @property
    def replayed(self) -> bool:
        """Whether the venue is not Binance: its market may have a time of its own."""
        return bool(self.venue_http)


def load_live(
    path: Path, now_ns: int, overrides: Mapping[str, object] | None = None
) -> tuple[LiveSettings, Settings]:
    """Return a live config: the node's settings, and those it shares with a backtest.

    Parameters
    ----------
    path : Path
        A TOML file with a ``[live]`` table; a missing `run.start` is now, a missing end never.
    now_ns : int
        Wall time.
    overrides : Mapping[str, object], optional
        Values by dotted key.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, or a key or value in it is refused.
    """
    tables = read_toml(path)
    for key, value in (overrides or {}).items():
        put(tables, key, value)
    found: Any = tables.pop("live", None)
    for name in _OF_OTHERS:
        tables.pop(name, None)
    if found is None:
        raise SettingsError("live", None, "add a [live] table, or use `ocw backtest`")
    try:
        live = LiveSettings.model_validate_json(json.dumps(found, default=str))
    except ValidationError as error:
        raise one_sentence(error.errors()[0], LiveSettings, "live") from error
    start = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).isoformat()
    run = {"name": path.stem, "start": start, "end": _NO_END}
    given: Any = tables.get("run", {})
    return live, settings_from({**tables, "run": run | given})
