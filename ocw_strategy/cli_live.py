"""The commands of the live node: run it, stop its entries, let it go on, look at it.

Real money needs all three: ``account = "real"`` in the config, ``--real-money`` here, and the
account's name typed in.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocw_strategy import console
from ocw_strategy.environment import secret
from ocw_strategy.errors import SettingsError

if TYPE_CHECKING:
    from ocw_strategy.doctor import Check
    from ocw_strategy.live.node import Keys
    from ocw_strategy.live.settings import LiveSettings

DEMO_CONFIG = Path("configs/demo.toml")
PANEL = "Live"

ConfigArgument = Annotated[Path, typer.Argument(help="A config with a \\[live] table.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Put a value over the file's, such as live.health_port=0."),
]


def live(
    config: ConfigArgument = DEMO_CONFIG,
    set_: SetOption = None,
    real_money: Annotated[
        bool, typer.Option("--real-money", help="Allow a config whose account is real.")
    ] = False,
) -> None:
    """Run a live node until it is told to stop; its stops stay at the venue."""
    from ocw_strategy.live.node import Keys
    from ocw_strategy.live.run import run_live
    from ocw_strategy.live.settings import load_live
    from ocw_strategy.settings import parse_overrides

    node, settings = load_live(config, time.time_ns(), parse_overrides(set_ or []))
    if node.account == "real":
        if not real_money:
            raise SettingsError("live.account", "real", "add --real-money if you mean it")
        if typer.prompt("This trades REAL MONEY. Type `real money` to go on") != "real money":
            raise typer.Exit(1)
    keys = Keys("", "") if node.account == "paper" else account_keys(node)
    code = run_live(node, settings, keys)
    if code:
        raise typer.Exit(code)


def halt(
    config: ConfigArgument = DEMO_CONFIG,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks.")] = "by hand",
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close all positions as well; the node does it.")
    ] = False,
) -> None:
    """Stop entries at once, by the halt file; positions keep their stops."""
    from ocw_strategy.live.halt import HaltFile, HaltNote

    file = HaltFile(_journal(config))
    file.path.parent.mkdir(parents=True, exist_ok=True)
    note = file.halt(HaltNote(time.time_ns(), reason, flatten))
    console.show(f"halted: {file.path}" + (", the node flattens" if note.flatten else ""))


def resume(config: ConfigArgument = DEMO_CONFIG) -> None:
    """Take the halt file away; what else stops entries still does."""
    from ocw_strategy.live.halt import HaltFile

    file = HaltFile(_journal(config))
    console.show("entries may go on" if file.resume() else f"there was no halt at {file.path}")


def status(config: ConfigArgument = DEMO_CONFIG) -> None:
    """Say how the node does, by its heartbeat; exit code 1 if it is unwell."""
    from ocw_strategy.live.heartbeat import health, heartbeat_path, read_heartbeat
    from ocw_strategy.live.status import status_lines

    beat, now_ns = read_heartbeat(heartbeat_path(_journal(config))), time.time_ns()
    for line in status_lines(beat, now_ns):
        console.show(line)
    code, _ = health(beat, now_ns)
    if code != 200:
        raise typer.Exit(1)


def account_keys(node: "LiveSettings") -> "Keys":
    """Return the key of a node's account.

    Raises
    ------
    SettingsError
        If it is not in the environment, or the account is simulated.
    """
    from ocw_strategy.live.node import Keys

    if node.account == "paper":
        raise SettingsError(
            "live.account", "paper", "it is flat whenever its node is down: just start it again"
        )
    key, hidden = (secret(name) for name in _variables(node))
    if key is None or hidden is None:
        missing = _variables(node)[0 if key is None else 1]
        raise SettingsError(missing, None, "set it in the environment or in .env")
    return Keys(key, hidden)


def node_checks(config: Path, overrides: Mapping[str, object]) -> "list[Check]":
    """Return what stands in the way of a live node with a config."""
    from ocw_strategy.live.doctor import live_checks
    from ocw_strategy.live.settings import load_live

    node, settings = load_live(config, time.time_ns(), overrides)
    try:
        keys = account_keys(node)
    except SettingsError:
        keys = None
    return live_checks(node, settings, keys, _variables(node)[0])


def _variables(node: "LiveSettings") -> tuple[str, str]:
    name = "BINANCE" if node.account == "real" else "BINANCE_DEMO"
    return f"{name}_API_KEY", f"{name}_API_SECRET"


def _journal(config: Path) -> Path:
    from ocw_strategy.live.settings import load_live

    node, _ = load_live(config, time.time_ns())
    return Path(node.journal)
