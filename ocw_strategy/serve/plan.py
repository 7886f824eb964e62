"""What `ocw serve` runs: the node, its dashboard, its alerts, each with the secrets it needs.

The page that strangers can reach never holds a key of the venue or the model; the node never holds
the page's token. Real money is refused: it wants a person at the terminal.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ocw_strategy.alerts import VARIABLES, load_alerts
from ocw_strategy.environment import child_environment, variable
from ocw_strategy.errors import SettingsError
from ocw_strategy.live.settings import load_live
from ocw_strategy.serve.settings import ServeSettings, load_serve
from ocw_strategy.serve.supervisor import Child
from ocw_strategy.settings import parse_overrides

NODE_SECRETS: Final = ("ANTHROPIC_API_KEY", "BINANCE_DEMO_API_KEY", "BINANCE_DEMO_API_SECRET")
DASHBOARD_SECRETS: Final = ("OCW_DASHBOARD_TOKEN",)


def serving(config: Path, pairs: Sequence[str] = ()) -> tuple[Child, list[Child], ServeSettings]:
    """Return the node, what runs beside it, and how, of a live config.

    Parameters
    ----------
    config : Path
        A config with a ``[live]`` table.
    pairs : Sequence[str]
        Values to put over the file's, as ``key=value``.

    Raises
    ------
    SettingsError
        If any table of the config is refused, or its account is real.
    """
    overrides = parse_overrides(pairs)
    settings = load_serve(config, overrides)
    live, _ = load_live(config, time.time_ns(), overrides)
    load_alerts(config, overrides)
    whole = (str(config), *(part for pair in pairs for part in ("--set", pair)))
    if live.account == "real":
        raise SettingsError(
            "live.account", "real", "run `ocw live --real-money` by hand: it asks a person"
        )
    companions = []
    if settings.dashboard:
        names = [part for name in settings.dashboard_names for part in ("--name", name)]
        port = str(settings.dashboard_port)
        where = ("--host", settings.dashboard_host, "--port", port, *names)
        companions.append(_child(DASHBOARD_SECRETS, "dashboard", live.journal, *where))
    if settings.alerts and any(map(variable, VARIABLES)):
        companions.append(_child(VARIABLES, "alerts", *whole))
    return _child(NODE_SECRETS, "live", *whole), companions, settings


def _child(secrets: tuple[str, ...], command: str, *arguments: str) -> Child:
    whole = (sys.executable, "-m", "ocw_strategy.cli", command, *arguments)
    return Child(command, whole, child_environment(secrets))
