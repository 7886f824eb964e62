"""Serve the dashboard as a process of its own, on this machine alone unless a token guards it."""

import ipaddress
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from ocw_strategy.dashboard.access import TOKEN_NAME, Token
from ocw_strategy.dashboard.app import make_app
from ocw_strategy.dashboard.patience import PatientProtocol
from ocw_strategy.dashboard.source import Source
from ocw_strategy.errors import SettingsError

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GRACE_S: Final = 2


def make_server(journal: Path, token: Token | None, hosts: frozenset[str] | None) -> uvicorn.Server:
    """Return a server of a journal's dashboard, to be run on sockets that listen."""
    app = make_app(Source(journal), time.time_ns, token, hosts)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_level="error",  # of what strangers send nothing is worth a line
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=16_384,
    )
    return uvicorn.Server(config)


def allowed_hosts(host: str, names: Sequence[str], token: Token | None) -> frozenset[str] | None:
    """Return the names a page is served under; None is any.

    Raises
    ------
    SettingsError
        If it could be reached from elsewhere, and there is no token.
    """
    local = is_loopback(host)
    if token is None and not (local and not names):
        raise SettingsError(
            TOKEN_NAME,
            None,
            "set it in the environment or in .env: without one the page stays on this machine",
        )
    if local or names:
        return LOOPBACK | {host.lower()} | {name.lower() for name in names}
    return None


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises
    ------
    SettingsError
        If the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise SettingsError(
            "address", f"{host}:{port}", f"give one that is free: {error}"
        ) from None
