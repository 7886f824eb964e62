"""What a person at the terminal is promised: help, tables, and one sentence for a fault."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocw_strategy.cli import app

ROOT = Path(__file__).parents[1]


def ocw(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocw_strategy.cli", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [(), ("demo",), ("backtest",), ("runs",), ("explain",), ("spend",), ("data",),
     ("data", "sample"), ("data", "import"), ("data", "fetch"), ("data", "info")],
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
