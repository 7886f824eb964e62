"""Nothing is served beyond this machine without a token; and never with the engine loaded."""

import subprocess
import sys

import pytest

from ocw_strategy.dashboard import Token, allowed_hosts, listen
from ocw_strategy.errors import SettingsError

GUARDED = Token("0123456789abcdef")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_needs_no_token_and_only_its_own_names_are_served(host: str) -> None:
    served = allowed_hosts(host, (), None)
    assert served is not None
    assert {"localhost", "127.0.0.1", "::1", host} == served


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "ocw.example", "", "127.0.0.1.x"])
def test_anything_beyond_this_machine_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsError, match="OCW_DASHBOARD_TOKEN"):
        allowed_hosts(host, (), None)
    assert allowed_hosts(host, (), GUARDED) is None


def test_a_name_that_a_proxy_serves_needs_a_token_and_is_then_served() -> None:
    with pytest.raises(SettingsError, match="OCW_DASHBOARD_TOKEN"):
        allowed_hosts("127.0.0.1", ("ocw.example",), None)
    served = allowed_hosts("127.0.0.1", ("OCW.example",), GUARDED)
    assert served is not None
    assert "ocw.example" in served


def test_an_address_that_is_taken_is_one_sentence() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match="give one that is"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_the_engine_is_never_loaded() -> None:
    heavy = "{'nautilus_trader', 'pandas', 'pyarrow', 'scipy', 'hmmlearn', 'anthropic', 'plotly'}"
    code = f"import sys, ocw_strategy.dashboard\nprint({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
