"""The commands that settle an account's positions while no node runs: close them all.

Each holds the journal's lock while it works, so that no node can start beside it.
"""

import time
from typing import Annotated

import typer

from ocw_strategy import console
from ocw_strategy.cli_live import DEMO_CONFIG, ConfigArgument, account_keys
from ocw_strategy.errors import JournalHeldError, OcwError


def flatten(
    config: ConfigArgument = DEMO_CONFIG,
    within: Annotated[
        float, typer.Option(min=1, help="Seconds after which it gives up, with exit code 70.")
    ] = 60.0,
) -> None:
    """Close every position and cancel every order while no node runs; verified at the venue.

    It needs the execution venue alone: no Claude, no other market data. It halts first, and the
    halt stays: `ocw resume` lets a node enter again.
    """
    from ocw_strategy.live.run import run_live
    from ocw_strategy.live.settings import load_live

    node, settings = load_live(config, time.time_ns())
    quiet = node.model_copy(update={"health_port": 0})
    try:
        code = run_live(quiet, settings, account_keys(node), flat_within_s=within)
    except JournalHeldError as error:
        raise OcwError(
            "flatten",
            node.journal,
            "a node runs on it: let it do so with `ocw halt --flatten`, or, if it hangs, stop it "
            f"first ({error.remedy})",
        ) from error
    if code:
        console.fail("NOT verified flat: look at the venue, then run it again; entries stay halted")
        raise typer.Exit(code)
    console.show("flat: the venue holds nothing and no order is open. Entries stay halted until")
    console.show("`ocw resume`")
