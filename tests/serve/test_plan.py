"""What is started, with which secrets, and what is refused before anything is."""

import os
from pathlib import Path

import pytest

from ocw_strategy.errors import SettingsError
from ocw_strategy.serve import Child, serving
from tests.test_cli import ocw

SECRETS = {
    "ANTHROPIC_API_KEY": "sk-ant-1", "BINANCE_DEMO_API_KEY": "key-2",
    "BINANCE_DEMO_API_SECRET": "secret-3", "OCW_DASHBOARD_TOKEN": "token-4",
    "TELEGRAM_BOT_TOKEN": "bot-5", "TELEGRAM_CHAT_ID": "66", "OCW_ALERT_URLS": "json://7",
    "FRED_API_KEY": "fred-8", "BINANCE_API_SECRET": "real-9", "AWS_SECRET_ACCESS_KEY": "other-10",
}  # fmt: skip

NEEDED = {
    "live": {"ANTHROPIC_API_KEY", "BINANCE_DEMO_API_KEY", "BINANCE_DEMO_API_SECRET"},
    "dashboard": {"OCW_DASHBOARD_TOKEN"},
    "alerts": {"TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "OCW_ALERT_URLS"},
}


def write(folder: Path, toml: str) -> Path:
    path = folder / "node.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def planned(folder: Path, toml: str = "[live]\n") -> dict[str, Child]:
    node, companions, _ = serving(write(folder, toml))
    return {child.name: child for child in (node, *companions)}


@pytest.fixture
def _all_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_all_secrets")
def test_each_process_gets_the_secrets_it_needs_and_no_other(tmp_path: Path) -> None:
    children = planned(tmp_path)
    assert set(children) == set(NEEDED)
    for name, child in children.items():
        known = {key for key in SECRETS if key in child.environment}
        assert known == NEEDED[name]
        assert child.environment["PATH"] == os.environ["PATH"]


@pytest.mark.usefixtures("_all_secrets")
def test_no_secret_is_part_of_a_command(tmp_path: Path) -> None:
    for child in planned(tmp_path).values():
        assert not set(child.command) & set(SECRETS.values())


def test_a_child_reads_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FRED_API_KEY=from-the-file\n", encoding="utf-8")
    environment = {**planned(tmp_path)["live"].environment, "PYTHONPATH": str(Path.cwd())}
    refused = ocw("data", "macro", "--start", "2024-01-01", cwd=tmp_path, env=environment)
    assert refused.returncode == 2
    assert "FRED_API_KEY: was None" in refused.stderr


def test_alerts_run_only_where_a_service_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDED["alerts"]:
        monkeypatch.delenv(name, raising=False)
    assert set(planned(tmp_path)) == {"live", "dashboard"}
    monkeypatch.setenv("OCW_ALERT_URLS", "json://127.0.0.1:9/hook")
    assert set(planned(tmp_path)) == {"live", "dashboard", "alerts"}
    off = "[live]\n[serve]\nalerts = false\ndashboard = false\n"
    assert set(planned(tmp_path, off)) == {"live"}


def test_the_dashboard_is_shown_the_nodes_journal_where_the_config_says(tmp_path: Path) -> None:
    toml = (
        '[live]\njournal = "x/n.db"\n[serve]\ndashboard_host = "0.0.0.0"\n'
        'dashboard_port = 9000\ndashboard_names = ["a.fly.dev", "b"]\n'
    )
    assert planned(tmp_path, toml)["dashboard"].command[3:] == (
        "dashboard", "x/n.db", "--host", "0.0.0.0", "--port", "9000",
        "--name", "a.fly.dev", "--name", "b",
    )  # fmt: skip


def test_a_value_put_over_the_files_reaches_whoever_it_is_for(tmp_path: Path) -> None:
    pairs = ["live.journal=other.db", "serve.dashboard_host=0.0.0.0"]
    node, [page], _ = serving(write(tmp_path, "[live]\n[serve]\nalerts = false\n"), pairs)
    assert node.command[-4:] == ("--set", pairs[0], "--set", pairs[1])
    assert page.command[4:7] == ("other.db", "--host", "0.0.0.0")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[live]\naccount = "real"\n', "run `ocw live --real-money` by hand"),
        ("[live]\n[serve]\ndashbord = true\n", "did you mean 'dashboard'"),
        ("[live]\n[serve]\nfirst_wait_seconds = 9\nlongest_wait_seconds = 3\n", "must not be"),
        ("[live]\n[alerts]\nmute = []\n", "did you mean 'muted'"),
        ("[serve]\n", "add a [live] table"),
        ("serve = 1\n[live]\n", "make it a table: [serve]"),
    ],
)
def test_a_config_that_cannot_be_run_is_refused_before_anything_is_started(
    tmp_path: Path, toml: str, words: str
) -> None:
    with pytest.raises(SettingsError) as fault:
        serving(write(tmp_path, toml))
    assert words in str(fault.value)
