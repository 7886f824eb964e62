"""The dashboard: a web page, its JSON and metrics, read from a journal in a process of its own.

It needs the extra `dashboard`. It never imports the engine, and writes nothing but the halt file.
"""

from ocw_strategy.dashboard.access import TOKEN_NAME, Token
from ocw_strategy.dashboard.app import make_app
from ocw_strategy.dashboard.server import allowed_hosts, listen, make_server
from ocw_strategy.dashboard.source import Source

__all__ = [
    "TOKEN_NAME",
    "Source",
    "Token",
    "allowed_hosts",
    "listen",
    "make_app",
    "make_server",
]
