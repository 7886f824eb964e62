"""The models of ``configs/walkforward.toml``, and one clear sentence for whatever is wrong.

A walk-forward is a backtest (`walk.config`, with the values of ``[set]`` over it) that is cut into
windows. Its sections have other names than a backtest's, so ``--set windows.purge_days=2`` and
``--set data.catalog=...`` each reach the right one.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

from ocw_strategy.errors import SettingsError
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings, close_match, load_settings, one_sentence, put

CALIBRATED: Final = (
    "features.hour_weight", "features.day_weight", "features.week_weight",
    "gate.shock_z", "gate.return_z", "gate.volume_z", "gate.move_z",
)  # fmt: skip
"""What calibration fits on a window's in-sample closes."""

SCREENED: Final = ("gate",)
"""Sections whose parameters the pre-screen can judge without the engine."""

_CHOOSABLE: Final = ("advisor", "bandit", "features", "gate", "market", "regime", "risk")


class WalkSettings(Strict):
    """What is walked through, and where it leaves its results."""

    name: str = Field(default="walkforward", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    """Its name; its folder is made from it and a hash of the settings."""
    config: str = "configs/backtest.toml"
    """The backtest that every window is a variant of."""
    folder: str = "walkforward"
    """Folder that keeps one sub-folder a walk-forward."""
    journals: Literal["keep", "summary"] = "summary"
    """``keep`` stores the journal of every out-of-sample run, ``summary`` only its figures."""


class WindowSettings(Strict):
    """How time is cut."""

    kind: Literal["rolling", "anchored"] = "rolling"
    """``rolling``: in-sample parts of one length; ``anchored``: all from the first day on."""
    in_sample_days: int = Field(default=180, ge=7, le=3650)
    """Length of the (first) in-sample part."""
    purge_days: int = Field(default=1, ge=0, le=60)
    """Days between the parts by which nothing is chosen: outcomes look hours ahead."""
    out_of_sample_days: int = Field(default=90, ge=1, le=3650)
    """Length of each out-of-sample part."""


class CalibrationSettings(Strict):
    """What is fitted on each in-sample part; the regime is always refitted, on its own past."""

    gate: bool = True
    """Fit the gate's levels and the weights of the move to expect."""
    warm_start: bool = True
    """Start out of sample with what the chosen in-sample run had learnt; false: from the priors."""


class ChoiceSettings(Strict):
    """How a point of the grid is chosen in-sample."""

    objective: Literal["sharpe", "return", "gate_lift"] = "sharpe"
    """What points are compared by, over the in-sample run."""
    finalists: int = Field(default=2, ge=0, le=100)
    """Gate points that the pre-screen leaves to the engine; 0 leaves all and screens nothing."""


class StateSettings(Strict):
    """What passes from one out-of-sample part to the next."""

    between: Literal["carry", "reset"] = "reset"
    """``carry``: as one account that lives on; ``reset``: each window for itself."""


class ExecutionSettings(Strict):
    """Where the windows are computed; results do not depend on it."""

    executor: Literal["processes", "inline", "ray"] = "processes"
    """Local processes, this process one window after the other, or a Ray cluster."""
    workers: int = Field(default=2, ge=1, le=256)
    """Windows computed at the same time."""


class WalkForwardSettings(Strict):
    """Everything a walk-forward is determined by, with its backtest and its data."""

    walk: WalkSettings = WalkSettings()
    windows: WindowSettings = WindowSettings()
    calibrate: CalibrationSettings = CalibrationSettings()
    choose: ChoiceSettings = ChoiceSettings()
    state: StateSettings = StateSettings()
    execute: ExecutionSettings = ExecutionSettings()
    grid: dict[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    """Parameters to choose among: dotted keys of the backtest's settings, each with its values."""
    set: dict[str, JsonValue] = Field(default_factory=dict)
    """Values over those of the backtest's file, by dotted key."""

    @property
    def points(self) -> int:
        """How many points the grid has; 1 when it is empty."""
        return prod(len(values) for values in self.grid.values())

    def grid_points(self) -> list[dict[str, JsonValue]]:
        """Return every point of the grid, in the order it was declared."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())
        ]

    def identity(self) -> str:
        """Return canonical JSON of all that results depend on: not where they are computed."""
        plain = self.model_dump(mode="json", exclude={"execute": True, "walk": {"folder"}})
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def load_walk_forward(
    path: Path, overrides: Mapping[str, object] | None = None
) -> tuple[WalkForwardSettings, Settings]:
    """Return the settings in a TOML file and those of the backtest it walks through.

    Parameters
    ----------
    path : Path
        The file.
    overrides : mapping of str to object, optional
        Values by dotted key, put over those of the file whose section they name.

    Raises
    ------
    SettingsError
        If a file is missing or not TOML, or a key, a value or the grid in it is refused.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError("config", str(path), "name a file that exists") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("config", str(path), f"mend its TOML: {error}") from error
    for key, value in (overrides or {}).items():
        if key.split(".")[0] in WalkForwardSettings.model_fields:
            put(tables, key, value)
        else:
            tables.setdefault("set", {})[key] = value
    try:
        settings = WalkForwardSettings.model_validate_json(json.dumps(tables, default=str))
    except ValidationError as error:
        raise one_sentence(error.errors()[0], WalkForwardSettings) from error
    base = load_settings(Path(settings.walk.config), settings.set)
    check_grid(settings, base)
    return settings, base


def check_grid(settings: WalkForwardSettings, base: Settings) -> None:
    """Refuse a grid that cannot be chosen from, before anything runs.

    Raises
    ------
    SettingsError
        If a parameter is unknown, not one to choose, calibrated too, has fewer than two values or
        one twice, or a value or a point that the backtest's settings refuse.
    """
    from ocw_strategy.backtest.outcome import with_values

    known = sorted(_leaves(Settings))
    for key, values in settings.grid.items():
        field = f"grid.{key}"
        if key not in known:
            raise SettingsError(field, list(values), f"unknown parameter{close_match(key, known)}")
        if key.split(".")[0] not in _CHOOSABLE:
            raise SettingsError(
                field, list(values), f"choose only among parameters of {', '.join(_CHOOSABLE)}"
            )
        if settings.calibrate.gate and key in CALIBRATED:
            raise SettingsError(
                field,
                list(values),
                "it is fitted in-sample: leave it out, or calibrate.gate = false",
            )
        if len(values) < 2:
            raise SettingsError(
                field, list(values), "one value is no choice: give two or more, or put it in [set]"
            )
        if len({json.dumps(value) for value in values}) < len(values):
            raise SettingsError(field, list(values), "give each value once")
    for point in settings.grid_points():
        with_values(base, point)
    if settings.windows.purge_days > base.run.warmup_days:
        raise SettingsError(
            "windows.purge_days", settings.windows.purge_days,
            f"must not exceed run.warmup_days, {base.run.warmup_days}: the gap is in the warm-up",
        )  # fmt: skip


def _leaves(model: type[BaseModel], place: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        part: Any = info.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from _leaves(part, f"{place}{name}.")
        else:
            yield f"{place}{name}"
