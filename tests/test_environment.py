"""Keys come from a variable, a .env file or a key file, and are never shown."""

import os
import re
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from ocw_strategy.environment import (
    ENV_FILE,
    PLAIN,
    SECRETS,
    child_environment,
    load_environment,
    log_level,
    redact,
    secret,
    secret_from_file,
    variable,
)
from ocw_strategy.errors import SettingsError

KEY = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in SECRETS:
        os.environ.pop(name, None)


def test_a_line_of_the_file_becomes_a_variable(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# keys\nFRED_API_KEY={KEY}\nexport ANTHROPIC_API_KEY='a$b${{HOME}}'\n")
    load_environment(path)
    assert secret("FRED_API_KEY") == KEY
    assert secret("ANTHROPIC_API_KEY") == "a$b${HOME}"


def test_a_real_variable_wins_over_the_file(tmp_path: Path) -> None:
    os.environ["FRED_API_KEY"] = "real"
    path = tmp_path / ".env"
    path.write_text(f"FRED_API_KEY={KEY}\n")
    load_environment(path)
    assert secret("FRED_API_KEY") == "real"


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    load_environment(tmp_path / "none")
    assert secret("FRED_API_KEY") is None


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"FRED_API_KEY=\xff\xfe" + KEY.encode())
    with pytest.raises(SettingsError, match=r"\.env.*readable") as refused:
        load_environment(path)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_variable_is_not_set(blank: str) -> None:
    os.environ["FRED_API_KEY"] = blank
    assert secret("FRED_API_KEY") is None
    assert redact("a text with spaces") == "a text with spaces"


def test_a_key_file_is_one_word(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    assert secret_from_file(path) == KEY


@pytest.mark.parametrize("text", ["", "\n", f"{KEY} {KEY}", f"FRED = {KEY}\n"])
def test_a_key_file_of_anything_else_is_refused_without_a_word_of_it(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(SettingsError, match="nothing else") as refused:
        secret_from_file(path)
    assert KEY not in str(refused.value)


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="readable"):
        secret_from_file(tmp_path / "none")


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_is_redacted_before_anybody_asked_for_it(name: str) -> None:
    os.environ[name] = KEY
    assert redact(f"401 for {KEY}: {KEY}!") == "401 for ***: ***!"


def test_another_name_that_was_asked_for_is_redacted_too(tmp_path: Path) -> None:
    os.environ["OTHER_TOKEN"] = "tok-abcdef"
    assert redact("tok-abcdef") == "tok-abcdef"
    secret("OTHER_TOKEN")
    assert redact("tok-abcdef") == "***"
    (tmp_path / "key").write_text("from-a-file")
    secret_from_file(tmp_path / "key")
    assert redact("from-a-file") == "***"


def test_escaped_forms_are_redacted_too() -> None:
    odd = 'odd key/&?"\\'
    os.environ["FRED_API_KEY"] = odd
    text = f"url {quote_plus(odd)} json {odd!r} " + '"odd key/&?\\"\\\\"'
    assert "odd" not in redact(text)


def test_a_key_that_holds_another_leaves_no_rest() -> None:
    os.environ["BINANCE_DEMO_API_KEY"] = "abc"
    os.environ["BINANCE_DEMO_API_SECRET"] = "abcdef"
    assert redact("abcdef abc") == "*** ***"


def test_the_example_explains_every_variable_and_sets_none() -> None:
    text = Path(__file__).parents[1].joinpath(".env.example").read_text(encoding="utf-8")
    lines = text.splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert sorted(names) == sorted(f"{name}=" for name in (*SECRETS, *PLAIN))
    for block in re.split(r"\n\n+", text.strip()):
        assert block.startswith("# "), block


def test_every_variable_that_the_package_names_is_in_the_example() -> None:
    package = Path(__file__).parents[1] / "ocw_strategy"
    pattern = re.compile(
        r'"([A-Z]+(?:_[A-Z]+)*_(?:API_KEY|API_SECRET|BASE_URL|ADDRESS|LEVEL|URLS|TOKEN|CHAT_ID|ENV_FILE))"'
    )
    found = {name for path in package.rglob("*.py") for name in pattern.findall(path.read_text())}
    assert found == {*SECRETS, *PLAIN}


@pytest.mark.parametrize(
    ("value", "level"), [("", "ERROR"), ("info", "INFO"), (" DEBUG ", "DEBUG")]
)
def test_the_log_level_is_errors_unless_it_is_said(value: str, level: str) -> None:
    os.environ["LOG_LEVEL"] = value
    assert log_level() == level


def test_a_log_level_that_does_not_exist_is_refused() -> None:
    os.environ["LOG_LEVEL"] = "verbose"
    with pytest.raises(SettingsError, match="ERROR, WARNING, INFO, DEBUG"):
        log_level()


def test_a_child_is_handed_what_it_is_named_and_no_other_key() -> None:
    for name in ("ANTHROPIC_API_KEY", "FRED_API_KEY", "SOME_CLOUD_TOKEN"):
        os.environ[name] = f"value of {name}"
    given = child_environment({"FRED_API_KEY"})
    assert given["FRED_API_KEY"] == "value of FRED_API_KEY"
    assert given["PATH"] == os.environ["PATH"]
    assert not given.keys() & {"ANTHROPIC_API_KEY", "SOME_CLOUD_TOKEN"}


def test_another_file_may_stand_in_for_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("OCW_TEST_A=default\n", encoding="utf-8")
    Path("other").write_text("OCW_TEST_A=other\n", encoding="utf-8")
    for name, value in ((os.devnull, None), ("other", "other")):
        os.environ[ENV_FILE] = name
        load_environment()
        assert variable("OCW_TEST_A") == value
