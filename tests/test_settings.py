"""Settings: every tunable is written down, explained and checked; a fault is one sentence."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ocw_strategy.errors import SettingsError
from ocw_strategy.settings import (
    Settings,
    load_settings,
    parse_overrides,
    parse_time_ns,
    settings_from,
    time_option,
)
from ocw_strategy.units import DAY_NS, HOUR_NS

CONFIGS = Path(__file__).parents[1] / "configs"
RUNS = sorted(CONFIGS.glob("*backtest.toml"))
BACKTEST = CONFIGS / "backtest.toml"
OF_THE_RUN = {"run.name", "run.start", "run.end"}
WINDOW = {"run": {"start": "2024-01-01", "end": "2024-02-01"}}


def fields(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its dotted key and its default, as JSON has it."""
    for name, info in model.model_fields.items():
        key = f"{place}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, f"{key}.")
        else:
            yield key, info.get_default(call_default_factory=True)


LEAVES = dict(fields(Settings))
WRITTEN = tomllib.loads(BACKTEST.read_text(encoding="utf-8"))


def value_at(tables: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        tables = tables[part]
    return tables


def plain(value: Any) -> Any:
    """Return a default as TOML would give it: models as tables without what is not set."""
    if isinstance(value, BaseModel):
        return {name: plain(part) for name, part in value if part is not None}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value


def commented_keys(text: str) -> dict[str, bool]:
    """Return every dotted key of a TOML file and whether a comment explains it.

    A key is explained by a comment on its line, or by the comment lines directly above it.
    """
    found: dict[str, bool] = {}
    section, above, inside = "", False, False
    for line in map(str.strip, text.splitlines()):
        key, equals, value = line.partition("=")
        if inside:
            inside = not line.startswith("]")
        elif line.startswith("["):
            section, above = line.partition("]")[0].strip("[") + ".", False
        elif equals and not line.startswith("#"):
            found[section + key.strip()] = above or "#" in value
            inside, above = value.strip() == "[", False
        else:
            above = line.startswith("#")
    return found


# -- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    assert load_settings(path).run.start_ns > 0


def test_the_demo_is_shipped() -> None:
    assert load_settings(CONFIGS / "demo-backtest.toml").run.name == "demo"


@pytest.mark.parametrize("key", sorted(LEAVES.keys() - OF_THE_RUN))
def test_every_setting_is_in_the_backtest_config_at_its_default(key: str) -> None:
    assert value_at(WRITTEN, key) == plain(LEAVES[key])


def test_the_backtest_config_has_nothing_but_settings() -> None:
    assert commented_keys(BACKTEST.read_text(encoding="utf-8")).keys() == LEAVES.keys()


@pytest.mark.parametrize("key", sorted(LEAVES))
def test_every_setting_in_the_backtest_config_has_a_comment(key: str) -> None:
    assert commented_keys(BACKTEST.read_text(encoding="utf-8"))[key]


def test_a_key_without_a_comment_would_be_found() -> None:
    text = "# of the file\n\n[a]\nx = 1\n# above\ny = 2\nz = 3  # said\nbands = [\n  {n = 1},\n]\n"
    assert commented_keys(text) == {"a.x": False, "a.y": True, "a.z": True, "a.bands": False}


# -- round trip -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_settings_survive_the_way_to_actor_and_strategy(path: Path) -> None:
    settings = load_settings(path)
    assert settings_from(settings.model_dump(mode="json")) == settings
    assert settings_from(json.loads(settings.canonical_json())) == settings


def test_equal_settings_have_the_same_canonical_json_whatever_their_order() -> None:
    one = settings_from({**WINDOW, "costs": {"maker_fee": 0.0001, "taker_fee": 0.0004}})
    other = settings_from({"costs": {"taker_fee": 0.0004, "maker_fee": 0.0001}, **WINDOW})
    assert one.canonical_json() == other.canonical_json()


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-02", DAY_NS),
        ("1970-01-01T06:00", 6 * HOUR_NS),
        ("1970-01-01 06:00:00", 6 * HOUR_NS),
        ("1970-01-01T06:00:00Z", 6 * HOUR_NS),
        ("1970-01-01T06:00:00+02:00", 4 * HOUR_NS),
        ("2024-10-01", 1_727_740_800 * 10**9),
    ],
)
def test_times_are_utc_unless_they_name_a_zone(text: str, ns: int) -> None:
    assert parse_time_ns(text) == ns


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "01.10.2024", "1727740800"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO date or time"):
        parse_time_ns(text)


@given(st.datetimes(timezones=st.just(None)).map(lambda m: m.replace(microsecond=0)))
def test_a_time_survives_being_written(moment: Any) -> None:
    text = moment.isoformat()
    assert parse_time_ns(text) == parse_time_ns(text + "Z")


def test_a_time_given_as_an_option_is_named_in_the_fault() -> None:
    assert time_option("--from", "1970-01-02") == DAY_NS
    with pytest.raises(SettingsError, match=r"^--from: was 'soon'; give an ISO"):
        time_option("--from", "soon")


def test_the_window_begins_its_warm_up_before_its_start() -> None:
    run = settings_from({"run": {**WINDOW["run"], "warmup_days": 3}}).run
    assert run.start_ns - run.data_start_ns == 3 * DAY_NS


# -- overrides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("run.seed=7", {"run.seed": 7}),
        ("costs.taker_fee=0.0004", {"costs.taker_fee": 0.0004}),
        ("data.funding=false", {"data.funding": False}),
        ('data.instruments=["BTCUSDT-PERP"]', {"data.instruments": ["BTCUSDT-PERP"]}),
        ('run.name="x"', {"run.name": "x"}),
        ("run.name=x", {"run.name": "x"}),
        ("run.start=2024-10-01T00:00", {"run.start": "2024-10-01T00:00"}),
        (" run.seed = 7 ", {"run.seed": 7}),
    ],
)
def test_overrides_are_read_as_toml_values(pair: str, value: dict[str, object]) -> None:
    assert parse_overrides([pair]) == value


@pytest.mark.parametrize("pair", ["run.seed", "=7", ""])
def test_an_override_that_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(SettingsError, match="give it as key=value"):
        parse_overrides([pair])


def test_overrides_go_over_the_files_values() -> None:
    pairs = ["run.seed=7", "risk.exits.stop_fraction=0.04", "run.start=2024-10-01"]
    settings = load_settings(BACKTEST, parse_overrides(pairs))
    assert (settings.run.seed, settings.risk.exits.stop_fraction) == (7, 0.04)
    assert settings.run.start_ns == parse_time_ns("2024-10-01")
    assert settings.run.end == load_settings(BACKTEST).run.end


def test_an_override_of_an_unknown_key_is_refused_like_one_in_the_file() -> None:
    with pytest.raises(SettingsError, match=r"^risk\.exits\.stop_fractoin: was 0\.04; unknown key"):
        load_settings(BACKTEST, {"risk.exits.stop_fractoin": 0.04})


def test_an_override_inside_a_value_that_is_no_table_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"run\.seed"):
        load_settings(BACKTEST, {"run.seed.deep": 1})


# -- faults ---------------------------------------------------------------------------------------

FAULTS = [
    ({"run": {"start": "2024-01-01", "end": "2024-02-01", "sede": 3}}, "run.sede", "'seed'"),
    ({**WINDOW, "dta": {}}, "dta", "'data'"),
    ({**WINDOW, "risk": {"exits": {"stop_fractoin": 1}}}, "risk.exits.stop_fractoin", "'stop_"),
    ({**WINDOW, "market": {"signals": {"flow_scael": 1}}}, "market.signals.flow_scael", "'flow_"),
    ({**WINDOW, "regime": {"macro": {"stale_dais": 1}}}, "regime.macro.stale_dais", "'stale_days'"),
    ({**WINDOW, "advisor": {"rules": {"entry_scor": 1}}}, "advisor.rules.entry_scor", "'entry_"),
    ({**WINDOW, "gate": {"zzz": 1}}, "gate.zzz", "remove it"),
    ({"run": {"start": "2024-01-01"}}, "run.end", "set it"),
    ({**WINDOW, "data": {"bar_minutes": 7}}, "data.bar_minutes", "1, 5 or 15"),
    ({**WINDOW, "data": {"bar_minutes": "15"}}, "data.bar_minutes", "1, 5 or 15"),
    ({**WINDOW, "costs": {"taker_fee": -1}}, "costs.taker_fee", "greater than or equal to 0"),
    ({**WINDOW, "costs": {"taker_fee": "free"}}, "costs.taker_fee", "valid number"),
    ({**WINDOW, "costs": {"taker_fee": float("nan")}}, "costs.taker_fee", "finite number"),
    ({**WINDOW, "run": {**WINDOW["run"], "name": "a/b"}}, "run.name", "match pattern"),
    ({**WINDOW, "data": {"instruments": []}}, "data.instruments", "at least one"),
    ({**WINDOW, "data": {"instruments": ["ETHUSDT-PERP"]}}, "config", "regime.symbol"),
    ({"run": {"start": "2024-02-01", "end": "2024-01-01"}}, "run", "window is empty"),
    ({"run": {"start": "soon", "end": "2024-01-01"}}, "run.start", "not an ISO date"),
    ({**WINDOW, "run": 3}, "run", "object"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "field", "remedy"), FAULTS, ids=[f for _, f, _ in FAULTS])
def test_a_fault_is_one_sentence_with_key_and_remedy(
    tables: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from(tables)
    said = str(raised.value)
    assert raised.value.field == field
    assert said.startswith(f"{field}: was ")
    assert remedy in said
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("band", "stagflation", "said"),
    [
        (0.5, 0.75, "calm stagflation: was 0.375"),
        (2.5, 0.75, "calm goldilocks: was 2.5"),
        (2.0, 0.25, "unknown stagflation: was 0.25"),
    ],
)
def test_a_trailing_width_that_no_exit_rule_was_proved_for_is_refused(
    band: float, stagflation: float, said: str
) -> None:
    regime = {
        "bands": [{"name": "calm", "exposure_scale": 1.0, "trail_scale": band}],
        "macro": {"stagflation_trail_scale": stagflation},
    }
    with pytest.raises(SettingsError, match=said) as raised:
        settings_from({**WINDOW, "regime": regime})
    assert "from 0.5 to 2" in str(raised.value)


def test_a_fault_says_the_value_that_was_found() -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from({**WINDOW, "costs": {"taker_fee": 0.5}})
    assert raised.value.value == 0.5
    assert "0.5" in str(raised.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml'; name a file that exists"):
        load_settings(Path("nowhere.toml"))


@pytest.mark.parametrize("content", [b"[run\nseed = 1", b"\xff\xfe"], ids=["broken", "binary"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"bad\.toml'; mend its TOML"):
        load_settings(path)
