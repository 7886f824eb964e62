"""The commands that settle an account's positions while no node runs: close them, or own them.

Each holds the journal's lock while it works, so that no node can start beside it.
"""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocw_strategy import console
from ocw_strategy.cli_live import DEMO_CONFIG, ConfigArgument, account_keys
from ocw_strategy.errors import JournalHeldError, OcwError

if TYPE_CHECKING:
    from ocw_strategy.live.account import AccountTruth
    from ocw_strategy.live.adoption import Gap
    from ocw_strategy.live.settings import LiveSettings
    from ocw_strategy.settings import Settings


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


def adopt(config: ConfigArgument = DEMO_CONFIG) -> None:
    """Take positions that the journal does not explain into it, each by a typed confirmation.

    What the venue no longer holds is written off. Nothing is sent to the venue: the next `ocw live`
    puts the stop there that is shown here.
    """
    from ocw_strategy.live import adoption
    from ocw_strategy.live.halt import HaltFile
    from ocw_strategy.live.run import open_journal
    from ocw_strategy.live.settings import load_live

    node, settings = load_live(config, time.time_ns())
    account_keys(node)
    try:
        journal = open_journal(node, settings)
    except JournalHeldError as error:
        raise OcwError(
            "adopt", node.journal, f"stop its node first, its stops stay ({error.remedy})"
        ) from error
    with journal:
        truth, now_ns = asyncio.run(_look(node, settings))
        gaps = adoption.find_gaps(journal, settings, truth)
        if not gaps:
            console.show("the journal explains every position of its instruments")
            return
        for gap in gaps:
            _show_gap(gap, adoption.stop_after(journal, settings, gap, now_ns))
            if typer.prompt(f"Type {gap.symbol} to adopt this") != gap.symbol:
                console.show("left as it was")
                raise typer.Exit(1)
            again, _ = asyncio.run(_look(node, settings))
            if gap not in adoption.find_gaps(journal, settings, again):
                raise OcwError(gap.symbol, "changed meanwhile", "run it again")
            adoption.explain(journal, gap, now_ns)
            console.show(f"{gap.symbol} is explained now")
    if HaltFile(Path(node.journal)).halted():
        console.show("a halt stops entries still: `ocw resume`")


async def _look(node: "LiveSettings", settings: "Settings") -> tuple["AccountTruth", int]:
    # the account, and the market's time
    from ocw_strategy.engine import venue_symbol
    from ocw_strategy.live.account import LOOK_BACK_NS, AccountHttp
    from ocw_strategy.live.history import History
    from ocw_strategy.live.node import execution_host
    from ocw_strategy.live.statistics_http import StatisticsHttp

    keys = account_keys(node)
    account = AccountHttp(execution_host(node), keys.key, keys.secret)
    market = StatisticsHttp(execution_host(node), time.time_ns)
    try:
        now_ns = time.time_ns()
        symbols = [venue_symbol(symbol) for symbol in settings.data.instruments]
        truth = await account.read(symbols, now_ns - LOOK_BACK_NS)
        if node.replayed:
            now_ns = await History(settings, market, console.show, replayed=True).newest_close_ns()
        return truth, now_ns
    finally:
        await account.close()
        await market.close()


def _show_gap(gap: "Gap", stop: float | None) -> None:
    from ocw_strategy.live.adoption import is_passed

    console.show(f"{gap.symbol}: the venue holds {gap.there}, the journal explains {gap.held}")
    if gap.written_off:
        console.show(f"  {gap.written_off} written off at the mark {gap.mark}: its result is lost")
    if gap.added:
        console.show(f"  {gap.added} adopted at the venue's mean entry price {gap.entry_price}")
    if stop is not None:
        passed = " - PASSED: the node closes it at once" if is_passed(gap, stop) else ""
        console.show(f"  mark {gap.mark}, its stop at {stop:.8g}{passed}")
