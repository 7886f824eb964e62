"""The command that runs a node for months, under systemd, launchd or in a container."""

import asyncio
import sys

import typer

from ocw_strategy.cli_live import DEMO_CONFIG, ConfigArgument, SetOption


def serve(
    config: ConfigArgument = DEMO_CONFIG,
    set_: SetOption = None,
) -> None:
    """Run a node with dashboard and alerts beside it; ends with the node, with its exit code."""
    from ocw_strategy.serve import Supervisor, serving

    node, companions, settings = serving(config, set_ or [])
    code = asyncio.run(Supervisor(node, companions, settings, _log).run())
    if code:
        raise typer.Exit(code)


def _log(line: str) -> None:
    sys.stderr.write(f"ocw serve: {line}\n")
