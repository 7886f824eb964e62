"""The ``[serve]`` table of a live config: what runs beside the node, and how patiently."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict
from ocw_strategy.settings import read_table


class ServeSettings(Strict):
    """What `ocw serve` starts."""

    dashboard: bool = True
    """Whether the dashboard runs beside the node."""
    dashboard_host: str = "127.0.0.1"
    """Address the page is served on; any but this machine needs the token."""
    dashboard_port: int = Field(default=8080, ge=0, le=65_535)
    """Its port."""
    dashboard_names: tuple[str, ...] = ()
    """Names a proxy serves the page under; any name where none is given."""
    alerts: bool = True
    """Whether alerts run beside the node, where the environment names a service for them."""
    first_wait_seconds: float = Field(default=1.0, ge=0.01, le=60)
    """Wait before a dashboard or alerts that ended are started again; each time twice as long."""
    longest_wait_seconds: float = Field(default=300.0, ge=0.01, le=3600)
    """The longest such wait."""
    others_stop_seconds: float = Field(default=5.0, ge=0.1, le=60)
    """How long dashboard and alerts may take to stop before they are killed."""
    node_stop_seconds: float = Field(default=20.0, ge=1, le=120)
    """How long the node may take to stop after them; both must fit the host's patience."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_wait_seconds > self.longest_wait_seconds:
            raise ValueError("first_wait_seconds must not be above longest_wait_seconds")
        return self


def load_serve(path: Path, overrides: Mapping[str, object] | None = None) -> ServeSettings:
    """Return the ``[serve]`` table of a config, values put over it; defaults where it has none.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, or a key or value of the table is refused.
    """
    return read_table(path, "serve", ServeSettings, overrides)
