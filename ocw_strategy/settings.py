"""The models of ``configs/*.toml``, and one clear sentence for whatever is wrong with one.

Every room owns its own section; this module adds what belongs to a run (window, data, account,
costs, execution) and joins them. Unknown keys, wrong types and impossible values are refused with
the key, the value and what to do, before anything runs.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from ocw_strategy.advisor import AdvisorSettings
from ocw_strategy.bandit import BanditSettings
from ocw_strategy.errors import SettingsError
from ocw_strategy.experiment import ExperimentSettings
from ocw_strategy.gate import GateSettings
from ocw_strategy.market import FeatureSettings, MarketSettings
from ocw_strategy.model import Strict
from ocw_strategy.regime import UNKNOWN, RegimeSettings, regime_key
from ocw_strategy.risk import TRAIL_SCALES, Costs, ExitRules, RiskSettings
from ocw_strategy.units import DAY_NS, SECOND_NS


class RunSettings(Strict):
    """What is run, over which window, and where it leaves its results."""

    name: str = Field(default="backtest", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    """The run's name; its folder is made from it and a hash of the settings."""
    start: str
    """First decision, ISO date or time, UTC."""
    end: str
    """End of the window, ISO date or time, UTC: the last bar closes here."""
    warmup_days: int = Field(default=57, ge=1, le=400)
    """Days of data before `start` that fill the windows of features and gate."""
    seed: int = Field(default=1, ge=0)
    """Seed of every random draw of the run."""
    runs_dir: str = "runs"
    """Folder that keeps one sub-folder a run."""

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, value: str) -> str:
        parse_time_ns(value)
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start_ns >= self.end_ns:
            raise ValueError(f"the window is empty: start {self.start} is not before {self.end}")
        return self

    @property
    def start_ns(self) -> int:
        """Return the first decision's time, UNIX nanoseconds."""
        return parse_time_ns(self.start)

    @property
    def end_ns(self) -> int:
        """Return the end of the window, UNIX nanoseconds."""
        return parse_time_ns(self.end)

    @property
    def data_start_ns(self) -> int:
        """Return the time from which data is streamed, UNIX nanoseconds."""
        return self.start_ns - self.warmup_days * DAY_NS


class DataSettings(Strict):
    """What is read from the catalog."""

    catalog: str = "catalog"
    """Folder of the Parquet data catalog."""
    instruments: tuple[str, ...] = ("BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP")
    """Perpetuals traded, by symbol."""
    bar_minutes: Literal[1, 5, 15] = 15
    """Base bar that drives everything."""
    derivatives: bool = True
    """Whether open interest, long/short ratios and taker flow are read."""
    funding: bool = True
    """Whether funding is settled and its rate known to the actor."""
    chunk_size: int | None = Field(default=5_000, ge=1_000)
    """Data points streamed at a time; leave out to load all at once. Results do not differ."""
    allow_gaps: bool = True
    """Run over gaps in the bars (counted and shown); false refuses the window."""

    @field_validator("instruments")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("must name at least one instrument, each once")
        return value


class AccountSettings(Strict):
    """The simulated account."""

    starting_balance_usd: float = Field(default=10_000.0, gt=0)
    """Balance at the start, in USDT."""


class CostSettings(Strict):
    """What trading costs; the one source of fees for sizing, gate, bandit, venue and report."""

    maker_fee: float = Field(default=0.0002, ge=-0.001, le=0.01)
    """Maker fee, a fraction of notional."""
    taker_fee: float = Field(default=0.0005, ge=0, le=0.01)
    """Taker fee, a fraction of notional."""
    market_slippage_bps: float = Field(default=1.0, ge=0, le=100)
    """Slippage of a market order beyond the last price, basis points."""
    stop_slippage_bps: float = Field(default=5.0, ge=0, le=500)
    """Slippage of a stop beyond its trigger, basis points."""

    @property
    def order(self) -> Costs:
        """Return what one market order costs, in fractions of notional."""
        return Costs(self.taker_fee, self.market_slippage_bps / 10_000)


class ExecutionSettings(Strict):
    """How a decision reaches the venue, and how a simulated one fills it."""

    entry_timing: Literal["next_bar", "alert"] = "next_bar"
    """``next_bar`` fills no earlier than the next base bar's close; ``alert`` is optimistic."""
    entry_order: Literal["market", "post_only"] = "market"
    """``post_only`` rests a tick inside the last price for the maker's fee and may not fill."""
    entry_wait_seconds: float = Field(default=120.0, ge=1, le=3600)
    """How long a post-only entry rests; what has not filled by then is given up."""
    latency_seconds: float = Field(default=6.0, ge=0, le=300)
    """Median time from the close to the decision taking effect."""
    latency_sigma: float = Field(default=0.35, ge=0, le=2)
    """Spread of that time, the sigma of its log-normal distribution."""
    max_answer_age_seconds: float = Field(default=300.0, ge=10, le=3600)
    """An answer that takes effect longer after its close is a hold."""
    max_price_move_fraction: float = Field(default=0.01, gt=0, le=0.2)
    """So is one by whose time any instrument's price has moved further since the close."""
    oms: Literal["NETTING", "HEDGING"] = "NETTING"
    """Position accounting at the venue: netting as live; hedging is faster and for sweeps."""
    margin_check: bool = True
    """Stop with an error when equity falls to the maintenance margin."""


class Settings(Strict):
    """Everything a run is determined by, with its data."""

    run: RunSettings
    data: DataSettings = DataSettings()
    account: AccountSettings = AccountSettings()
    costs: CostSettings = CostSettings()
    execution: ExecutionSettings = ExecutionSettings()
    features: FeatureSettings = FeatureSettings()
    market: MarketSettings = MarketSettings()
    regime: RegimeSettings = RegimeSettings()
    gate: GateSettings = GateSettings()
    bandit: BanditSettings = BanditSettings()
    advisor: AdvisorSettings = AdvisorSettings()
    risk: RiskSettings = RiskSettings()
    experiment: ExperimentSettings = ExperimentSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.regime.symbol not in self.data.instruments:
            raise ValueError(
                f"regime.symbol {self.regime.symbol} is not among data.instruments; add it there"
            )
        return self

    @model_validator(mode="after")
    def _every_exit_is_reachable(self) -> Self:
        ExitRules(self.risk.exits, self.costs.order)
        return self

    @model_validator(mode="after")
    def _every_trail_is_reachable(self) -> Self:
        # ExitRules proves its rules reachable for these multipliers of the trailing width only
        least, largest = TRAIL_SCALES
        for name in (*(band.name for band in self.regime.bands), UNKNOWN):
            for quadrant in ("goldilocks", "stagflation", "deflation"):
                scale = self.regime.trail_scale(regime_key(name, quadrant))
                if not least <= scale <= largest:
                    raise SettingsError(
                        f"regime trail_scale in {name} {quadrant}",
                        scale,
                        f"set those of the band and of the quadrant so that their product is from "
                        f"{least:g} to {largest:g}",
                    )
        return self

    def canonical_json(self) -> str:
        """Return the settings as canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def parse_time_ns(text: str) -> int:
    """Return UNIX nanoseconds of an ISO date or time, taken as UTC where it names no zone.

    Raises
    ------
    ValueError
        If `text` is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"not an ISO date or time such as 2024-10-01: {text!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_NS


def time_option(name: str, text: str) -> int:
    """Return UNIX nanoseconds of a time given as an option.

    Raises
    ------
    SettingsError
        If it is no ISO date or time.
    """
    try:
        return parse_time_ns(text)
    except ValueError as error:
        raise SettingsError(name, text, "give an ISO date such as 2024-10-01") from error


def load_settings(path: Path, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings in a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    overrides : Mapping[str, object], optional
        Values by dotted key, such as ``{"run.seed": 7}``, put over the file's.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, or a key or value in it is refused.
    """
    tables = read_toml(path)
    for key, value in (overrides or {}).items():
        put(tables, key, value)
    return settings_from(tables)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises
    ------
    SettingsError
        If it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("config", str(path), "name a file that exists") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("config", str(path), f"mend its TOML: {error}") from error


def read_table[M: BaseModel](
    path: Path, name: str, model: type[M], overrides: Mapping[str, object] | None = None
) -> M:
    """Return one table of a TOML file; the model's defaults where the file lacks it.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The table.
    model : type
        What it is validated against.
    overrides : Mapping[str, object], optional
        Values by dotted key, of any table; those of others are passed over.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, or a key or value of the table is refused.
    """
    tables = read_toml(path)
    for key, value in (overrides or {}).items():
        put(tables, key, value)
    found: Any = tables.get(name, {})
    if not isinstance(found, dict):
        raise SettingsError(name, found, f"make it a table: [{name}]")
    try:
        return model.model_validate_json(json.dumps(found, default=str))
    except ValidationError as error:
        raise one_sentence(error.errors()[0], model, name) from error


def settings_from(tables: Mapping[str, Any]) -> Settings:
    """Return settings from nested plain values.

    Raises
    ------
    SettingsError
        If a key or value is refused.
    """
    try:
        return Settings.model_validate_json(json.dumps(tables, default=str))
    except ValidationError as error:
        raise one_sentence(error.errors()[0], Settings) from error


def parse_overrides(pairs: Sequence[str]) -> dict[str, object]:
    """Return values by dotted key from texts such as ``run.seed=7``, read as TOML values.

    Raises
    ------
    SettingsError
        If a text is no pair of a key and a value.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise SettingsError("--set", pair, "give it as key=value, such as run.seed=7")
        try:
            found[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = text.strip()
    return found


def put(tables: dict[str, Any], key: str, value: object) -> None:
    """Set a value in nested tables by its dotted key.

    Raises
    ------
    SettingsError
        If a part of the key before the last is a value.
    """
    *parents, last = key.split(".")
    for parent in parents:
        tables = tables.setdefault(parent, {})
        if not isinstance(tables, dict):
            raise SettingsError(key, value, f"{parent} holds a value, not a table: name it alone")
    tables[last] = value


def one_sentence(fault: ErrorDetails, model: type[BaseModel], place: str = "") -> SettingsError:
    """Return a validation fault as one sentence: the key, what was found and what to do.

    Parameters
    ----------
    fault : ErrorDetails
        The first of a validation's errors.
    model : type
        The model it was validated against: where similar keys are looked for.
    place : str, optional
        The table it stands in.
    """
    path = [str(part) for part in fault["loc"]]
    field = ".".join([place, *path] if place else path) or "config"
    if fault["type"] == "extra_forbidden":
        hint = close_match(path[-1], _known_keys(path[:-1], model))
        return SettingsError(field, fault["input"], f"unknown key, remove it{hint}")
    if fault["type"] == "missing":
        return SettingsError(field, None, "required, set it")
    message = fault["msg"].removeprefix("Value error, ")
    value = None if isinstance(fault["input"], Mapping) else fault["input"]
    return SettingsError(field, value, message[0].lower() + message[1:])


def close_match(name: str, known: Sequence[str]) -> str:
    """Return a hint at the known name most like another, empty where none is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _known_keys(path: Sequence[str], model: Any) -> list[str]:
    for part in path:
        info = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = info.annotation if info is not None else None
    return list(model.model_fields) if hasattr(model, "model_fields") else []
