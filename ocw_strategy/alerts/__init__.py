"""Tells a person what happens: Telegram and every service Apprise knows, from the journal."""

from ocw_strategy.alerts.alert import KINDS, Alert, Severity
from ocw_strategy.alerts.run import VARIABLES, run_alerts, send_test
from ocw_strategy.alerts.settings import AlertSettings, load_alerts

__all__ = [
    "KINDS",
    "VARIABLES",
    "Alert",
    "AlertSettings",
    "Severity",
    "load_alerts",
    "run_alerts",
    "send_test",
]
