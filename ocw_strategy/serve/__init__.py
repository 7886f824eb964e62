"""Runs a node for months: beside it its dashboard and its alerts, each a process of its own."""

from ocw_strategy.serve.plan import serving
from ocw_strategy.serve.settings import ServeSettings, load_serve
from ocw_strategy.serve.supervisor import Child, Supervisor

__all__ = ["Child", "ServeSettings", "Supervisor", "load_serve", "serving"]
