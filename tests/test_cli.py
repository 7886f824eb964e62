"""What a person at the terminal is promised: help, tables, and one sentence for a fault."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocw_strategy.cli import app
from ocw_strategy.regime import MACRO_FILE, MACRO_SERIES, read_macro_csv
from tests.regime.fred_server import KEY, fred_server, observations

ROOT = Path(__file__).parents[1]


def ocw(
    *arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocw_strategy.cli", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, env=env,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [(), ("demo",), ("backtest",), ("runs",), ("record",), ("explain",), ("spend",), ("doctor",),
     ("live",), ("halt",), ("resume",), ("status",),
     ("data",), ("data", "sample"), ("data", "import"), ("data", "fetch"), ("data", "info"),
     ("data", "macro"), ("backup",), ("restore",), ("journal",), ("journal", "check"),
     ("journal", "export"), ("journal", "prune"), ("alerts",), ("serve",)],
)  # fmt: skip
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_sample_then_info_shows_the_market_that_was_made(tmp_path: Path) -> None:
    made = ocw("data", "sample", "--catalog", "s", "--days", "3", "--minutes", "15", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    shown = ocw("data", "info", "--catalog", "s", cwd=tmp_path)
    rows = [line.split() for line in shown.stdout.splitlines() if "BTCUSDT" in line]
    assert ["BTCUSDT", "bars", "15m", "2024-01-01", "2024-01-04", "288", "0", "0", "0", "0"] in rows


def test_sample_refuses_a_folder_that_holds_another_market(tmp_path: Path) -> None:
    ocw("data", "sample", "--catalog", "s", "--days", "2", cwd=tmp_path)
    refused = ocw("data", "sample", "--catalog", "s", "--days", "3", cwd=tmp_path)
    assert refused.returncode == 2
    assert "name another folder" in refused.stderr


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[run]\nstart = "2024-01-01"\nend = "2024-02-01"\nspeed = 3', "run.speed"),
        ('[run]\nstart = "2024-01-01"\nend = "2024-02-01"\nsede = 3', "did you mean 'seed'"),
        ('[run]\nstart = "2024-03-01"\nend = "2024-02-01"', "the window is empty"),
        ('[run]\nstart = "soon"\nend = "2024-02-01"', "not an ISO date"),
        ('[run]\nstart = "2024-01-01"', "run.end: was None; required"),
        ('[run]\nstart = "2024-01-01"\nend = "2024-02-01"\nseed = "x"', "run.seed: was 'x'"),
        ('[run\nstart = "2024-01-01"', "mend its TOML"),
        (
            '[run]\nstart = "2024-01-01"\nend = "2024-02-01"\n[data]\nbar_minutes = 7',
            "data.bar_minutes: was 7",
        ),
        (
            '[run]\nstart = "2024-01-01"\nend = "2024-02-01"\n[risk.exits]\nmax_hold_hours = -1',
            "risk.exits.max_hold_hours",
        ),
    ],
)
def test_bad_settings_are_one_sentence_and_exit_code_2(
    tmp_path: Path, toml: str, said: str
) -> None:
    (tmp_path / "bad.toml").write_text(toml)
    refused = ocw("backtest", "bad.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "Traceback" not in refused.stderr


def test_missing_config_and_missing_catalog_say_what_to_do(tmp_path: Path) -> None:
    assert "name a file that exists" in ocw("backtest", "none.toml", cwd=tmp_path).stderr
    (tmp_path / "c.toml").write_text('[run]\nstart = "2024-01-01"\nend = "2024-02-01"\n')
    refused = ocw("backtest", "c.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert re.search(r"catalog", refused.stderr)
    assert not list(tmp_path.glob("runs/*"))


def test_overrides_are_read_as_toml_values(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[run]\nstart = "2024-01-01"\nend = "2024-02-01"\n')
    refused = ocw("backtest", "c.toml", "--set", "run.seed=-1", cwd=tmp_path)
    assert "run.seed: was -1" in refused.stderr
    assert "key=value" in ocw("backtest", "c.toml", "--set", "nonsense", cwd=tmp_path).stderr


def bare_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "FRED_API_KEY"}
    return kept | {"no_proxy": "127.0.0.1"}


@pytest.mark.parametrize("source", ["variable", "dotenv", "file"])
def test_macro_writes_the_vintages_with_the_key_from_any_source(
    tmp_path: Path, source: str
) -> None:
    env, options = bare_environment(), ["--start", "2023-01-01", "--catalog", "c"]
    if source == "variable":
        env["FRED_API_KEY"] = KEY
    elif source == "dotenv":
        (tmp_path / ".env").write_text(f"FRED_API_KEY={KEY}\n")
    else:
        (tmp_path / "key").write_text(f"{KEY}\n")
        options += ["--key-file", "key"]
    with fred_server() as server:
        server.answer = lambda _: observations([("2024-05-01", "4.0")], "2024-06-07")
        made = ocw("data", "macro", *options, "--url", server.url, cwd=tmp_path, env=env)
    assert made.returncode == 0, made.stderr
    assert KEY not in made.stdout + made.stderr
    rows = [line.split() for line in made.stdout.splitlines()]
    assert all([series_id, "1"] in rows for series_id in MACRO_SERIES)
    written = read_macro_csv(tmp_path / "c" / MACRO_FILE).observations
    assert {(each.series_id, each.date, each.value) for each in written} == {
        (series_id, date(2024, 5, 1), 4.0) for series_id in MACRO_SERIES
    }
    assert {query["realtime_start"] for query in server.asked} == {"2023-01-01"}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "FRED_API_KEY: was None; set it, or name a file with --key-file"),
        ("0" * 32, "HTTP 400"),
        (KEY, "no observation"),
    ],
    ids=["no key", "wrong key", "empty answer"],
)
def test_macro_that_fails_is_one_sentence_and_leaves_the_file_as_it_was(
    tmp_path: Path, key: str | None, said: str
) -> None:
    (tmp_path / MACRO_FILE).write_text("as it was")
    env = bare_environment() | ({"FRED_API_KEY": key} if key else {})
    with fred_server() as server:
        refused = ocw(
            "data", "macro", "--start", "2023-01-01", "--catalog", ".", "--url", server.url,
            cwd=tmp_path, env=env,
        )  # fmt: skip
    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert key is None or key not in refused.stderr
    assert (tmp_path / MACRO_FILE).read_text() == "as it was"
