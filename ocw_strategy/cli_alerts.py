"""The command of the alerts: tell what happens, or try whether a message arrives."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ocw_strategy import console
from ocw_strategy.cli_live import DEMO_CONFIG, ConfigArgument, SetOption


def alerts(
    config: ConfigArgument = DEMO_CONFIG,
    set_: SetOption = None,
    test: Annotated[
        bool, typer.Option("--test", help="Send one message to each service and end.")
    ] = False,
) -> None:
    """Tell by Telegram, webhook or e-mail what a node does, until told to stop."""
    from ocw_strategy.alerts import load_alerts, run_alerts, send_test
    from ocw_strategy.live.settings import load_live
    from ocw_strategy.settings import parse_overrides

    overrides = parse_overrides(set_ or [])
    settings = load_alerts(config, overrides)
    node, _ = load_live(config, time.time_ns(), overrides)
    if not test:
        run_alerts(Path(node.journal), settings)
        return
    found = send_test(settings)
    for name, wrong in found:
        console.show(f"{name}: {wrong or 'delivered'}")
    if any(wrong for _, wrong in found):
        raise typer.Exit(1)
