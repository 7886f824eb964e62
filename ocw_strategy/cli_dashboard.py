"""The command of the dashboard: the page over a journal, of a live node or of a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from ocw_strategy import console
from ocw_strategy.environment import secret
from ocw_strategy.errors import SettingsError

PANEL = "Live"

_EXTRA = ("fastapi", "prometheus_client", "starlette", "uvicorn")


def dashboard(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOURNAL or RUN]",
            help="A journal such as live/demo.db, a run or its folder; the newest run by default.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8080,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name a proxy serves the page under; repeatable."),
    ] = None,
) -> None:
    """Show a journal as a web page, live; OCW_DASHBOARD_TOKEN guards it beyond this machine."""
    try:
        from ocw_strategy import dashboard as room
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise SettingsError(
            "dashboard", f"no {error.name}", "install it: pip install 'ocw-strategy[dashboard]'"
        ) from None
    given = secret(room.TOKEN_NAME)
    token = None if given is None else room.Token(given)
    hosts = room.allowed_hosts(host, name or [], token)
    journal = _journal(run)
    with room.listen(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        guard = "asks for the token" if token else "of this machine alone, reading only"
        console.show(
            f"Dashboard of {journal}: http://{shown}:{listener.getsockname()[1]}/ ({guard})"
        )
        room.make_server(journal, token, hosts).run(sockets=[listener])


def _journal(run: str | None) -> Path:
    from ocw_strategy.journals import find_journal

    # a node that has not started yet makes its journal later
    if run is not None and run.endswith(".db"):
        return Path(run)
    return find_journal(run)
