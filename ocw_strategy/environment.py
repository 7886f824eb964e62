"""The one door to the process environment: the keys of services, and how they stay unseen.

A key is a variable of the process or a line of a ``.env`` file (a real variable wins), or the one
line of a key file. Nothing here prints or logs a value. Every key that was named or read is known
to `redact`, which whatever shows a foreign text to a person, a log or a journal calls first. No
other module outside ``live/`` reads the environment; a test keeps that.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote, quote_plus

from dotenv import load_dotenv

from ocw_strategy.errors import SettingsError

SECRETS = (
    "ANTHROPIC_API_KEY",
    "BINANCE_API_KEY",
    "BINANCE_API_SECRET",
    "BINANCE_DEMO_API_KEY",
    "BINANCE_DEMO_API_SECRET",
    "FRED_API_KEY",
    "OCW_ALERT_URLS",
    "OCW_DASHBOARD_TOKEN",
    "TELEGRAM_BOT_TOKEN",
)
"""The variables that hold a key: of a service OCW talks to, or of its own page."""
ENV_FILE = "OCW_ENV_FILE"
PLAIN = ("ANTHROPIC_BASE_URL", "LOG_LEVEL", ENV_FILE, "RAY_ADDRESS", "TELEGRAM_CHAT_ID")
"""The variables that hold none. Every variable is explained in ``.env.example``."""
_LEVELS = ("ERROR", "WARNING", "INFO", "DEBUG")

_HANDED_ON = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM", "COLUMNS",
        "NO_COLOR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "ANTHROPIC_BASE_URL", "LOG_LEVEL",
    }
)  # fmt: skip
_HANDED_ON_PREFIXES = ("LC_", "PYTHON")

_handed_out: set[str] = set()  # values from elsewhere than SECRETS: redacted for the same reason


def load_environment(path: str | Path | None = None) -> None:
    """Add the variables of a ``.env`` file to the environment; a variable that is set stays.

    Parameters
    ----------
    path : str or Path, optional
        The file, by default the one that `ENV_FILE` names, or ``.env``; nothing happens when
        there is none.

    Raises
    ------
    SettingsError
        If it is there and cannot be read.
    """
    path = path or os.environ.get(ENV_FILE) or ".env"
    try:
        load_dotenv(path, override=False, interpolate=False)
    except (OSError, ValueError) as error:
        raise SettingsError(str(path), type(error).__name__, "make it a readable file") from None


def child_environment(secrets: Collection[str]) -> dict[str, str]:
    """Return the environment of a process we start: what any program needs, and these secrets.

    Whatever else this process knows, keys above all, is not handed on; nor does the child read a
    ``.env`` file.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _HANDED_ON or name.startswith(_HANDED_ON_PREFIXES) or name in secrets
    }
    return kept | {ENV_FILE: os.devnull}


def secret(name: str) -> str | None:
    """Return the value of a variable, or None when it is not set or blank."""
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    _handed_out.add(value)
    return value


def variable(name: str) -> str | None:
    """Return the value of a variable that holds no key, or None when it is not set or blank."""
    return os.environ.get(name, "").strip() or None


def log_level() -> str:
    """Return how much the engine of a live node says, by ``LOG_LEVEL``; errors alone by default.

    Raises
    ------
    SettingsError
        If there is no such level.
    """
    level = (variable("LOG_LEVEL") or _LEVELS[0]).upper()
    if level not in _LEVELS:
        raise SettingsError("LOG_LEVEL", level, f"name one of {', '.join(_LEVELS)}")
    return level


def secret_from_file(path: Path) -> str:
    """Return the one line of a key file.

    Raises
    ------
    SettingsError
        If it cannot be read or is not one line; the message never holds what was in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise SettingsError(str(path), type(error).__name__, "make it a readable file") from None
    if len(lines) != 1:
        raise SettingsError(str(path), f"{len(lines)} words", "make it the key and nothing else")
    _handed_out.add(lines[0])
    return lines[0]


def redact(text: str) -> str:
    """Return `text` with every known key replaced by ``***``, also where it was escaped."""
    values = _handed_out | {os.environ.get(name, "").strip() for name in SECRETS}
    forms = {
        form
        for value in values
        for form in (value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1])
    }
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, "***")
    return text
