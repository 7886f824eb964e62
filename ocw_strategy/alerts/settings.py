"""What alerts are sent, how often, and which table of a config says so.

Secrets are no settings: the bot's token, its chat and the addresses of other services come from the
environment alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ocw_strategy.alerts.alert import KINDS, Severity
from ocw_strategy.model import Strict
from ocw_strategy.settings import read_table


class AlertSettings(Strict):
    """The ``[alerts]`` table of a live config."""

    least: Severity = Severity.INFO
    """Alerts of a lower severity are not sent: ``info``, ``warning`` or ``critical``."""
    muted: tuple[str, ...] = ()
    """Kinds that are not sent at all."""
    poll_seconds: float = Field(default=2.0, ge=0.1, le=60)
    """How often the journal is looked at."""
    repeat_minutes: float = Field(default=30.0, ge=0, le=1440)
    """A fault that goes on is told again after so long, with how often it came meanwhile."""
    digest_above: int = Field(default=8, ge=1, le=100)
    """More alerts than this at one look are told in one message."""
    max_per_minute: int = Field(default=18, ge=1, le=60)
    """Messages to one service in a minute; Telegram allows 20 in a group."""
    summary_hour: int = Field(default=0, ge=0, le=23)
    """Hour of the day, UTC, that the daily summary looks back from."""
    unwell_seconds: float = Field(default=120.0, ge=1, le=3600)
    """How long the node may be unwell, or without a heartbeat, before it is told."""
    timeout_seconds: float = Field(default=10.0, ge=0.1, le=60)
    """How long a service may take to answer."""
    telegram_url: str = "https://api.telegram.org"
    """Address of the Bot API."""

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        for kind in self.muted:
            if kind not in KINDS:
                raise ValueError(f"muted: no kind {kind!r}; there are {', '.join(KINDS)}")
        return self


def load_alerts(path: Path, overrides: Mapping[str, object] | None = None) -> AlertSettings:
    """Return the ``[alerts]`` table of a config, values put over it; defaults where it has none.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, or a key or value of the table is refused.
    """
    return read_table(path, "alerts", AlertSettings, overrides)
