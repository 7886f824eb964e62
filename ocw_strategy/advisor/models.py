"""What is known of each model: prices, limits and how far its knowledge reaches. Data, not code.

The figures stand in ``configs/models.toml``, each with its date and source. A model that is not
there is refused: what a call costs could not be told before it is made. Where no date of the
model's knowledge is published, the day it was released stands in, and is marked assumed.
"""

import json
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator

from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import SettingsError
from ocw_strategy.model import Strict

_MILLION: Final = Decimal(1_000_000)

PRICES: Final = ("input", "output", "cache_write", "cache_read")

Price = Annotated[Decimal, Field(ge=0, le=10_000)]
"""US dollars per million tokens."""


class Source(Strict):
    """Where figures of a model were read."""

    date: date
    """When they were read."""
    of: Annotated[str, Field(min_length=1)]
    """Which figures."""
    where: Annotated[str, Field(min_length=1)]
    """Page or document."""


class Model(Strict):
    """One model: its prices in US dollars per million tokens, its limits, its knowledge."""

    id: Annotated[str, Field(min_length=1)]
    """As the API calls it."""
    input: Price
    output: Price
    cache_write: Price
    """Input that is kept in the provider's cache for five minutes."""
    cache_read: Price
    """Input that is read from it."""
    batch_discount: Annotated[Decimal, Field(ge=0, lt=1)]
    """Share of the price that the batch API takes off."""
    knowledge_cutoff: date | None = None
    """Last day of what the provider calls the model's (reliable) knowledge, if published."""
    training_cutoff: date | None = None
    """Last day of the data it was trained on, if known to be later than that."""
    released: date
    """First day it could be used."""
    cache_floor_tokens: Annotated[int, Field(ge=0)]
    """Shortest prefix that is cached at all."""
    context_tokens: Annotated[int, Field(gt=0)]
    """Longest prompt that these prices hold for."""
    max_output_tokens: Annotated[int, Field(gt=0)]
    notes: str = ""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_dates(self) -> Self:
        for name in ("knowledge_cutoff", "training_cutoff"):
            day = getattr(self, name)
            if day is not None and day > self.released:
                raise ValueError(f"{name} must not be after released")
        return self

    @property
    def cutoff(self) -> date:
        """Return the last day the model may know of; a clean window begins after it."""
        known = [day for day in (self.knowledge_cutoff, self.training_cutoff) if day is not None]
        return max(known, default=self.released)

    @property
    def cutoff_assumed(self) -> bool:
        """Return whether no cutoff is published and the release date stands in for it."""
        return self.knowledge_cutoff is None and self.training_cutoff is None

    @property
    def prices(self) -> dict[str, Decimal]:
        """Return the prices by their names, US dollars per million tokens."""
        return {name: getattr(self, name) for name in PRICES}

    def cost_usd(self, usage: Usage) -> Decimal:
        """Return what a call cost, US dollars.

        >>> from ocw_strategy.advisor.models import load_models
        >>> model = load_models(Path("configs/models.toml")).get("claude-sonnet-4-6")
        >>> model.cost_usd(Usage(input_tokens=4000, output_tokens=300))
        Decimal('0.0165')
        """
        return (
            self.input * usage.input_tokens
            + self.output * usage.output_tokens
            + self.cache_write * usage.cache_creation_input_tokens
            + self.cache_read * usage.cache_read_input_tokens
        ) / _MILLION

    def worst_case_usd(self, input_tokens_upper: int, max_output_tokens: int) -> Decimal:
        """Return the most that a call can cost, US dollars.

        Parameters
        ----------
        input_tokens_upper : int
            Upper bound of the prompt's tokens.
        max_output_tokens : int
            The request's ``max_tokens``, all of which may be written.

        Raises
        ------
        ValueError
            If either is negative, or beyond what the prices hold for.
        """
        if not 0 <= input_tokens_upper <= self.context_tokens:
            raise ValueError(
                f"a prompt of {input_tokens_upper} tokens is beyond the {self.context_tokens} that "
                f"the prices of {self.id} hold for"
            )
        if not 0 <= max_output_tokens <= self.max_output_tokens:
            raise ValueError(
                f"max_tokens of {max_output_tokens} is beyond the {self.max_output_tokens} that "
                f"{self.id} writes"
            )
        dearest = max(self.input, self.cache_write, self.cache_read)
        return (dearest * input_tokens_upper + self.output * max_output_tokens) / _MILLION

    def believes(self, usage: Usage, max_output_tokens: int) -> bool:
        """Return whether a call that asked for so much output can have used so many tokens."""
        return (
            0 < usage.prompt_tokens <= self.context_tokens
            and usage.output_tokens <= max_output_tokens
        )


class ModelTable(Strict):
    """The models that may be asked."""

    models: Annotated[tuple[Model, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        ids = [model.id for model in self.models]
        if len(set(ids)) != len(ids):
            raise ValueError("a model stands there twice")
        return self

    def get(self, model_id: str) -> Model:
        """Return a model.

        Raises
        ------
        SettingsError
            If it is not in the table.
        """
        for model in self.models:
            if model.id == model_id:
                return model
        known = ", ".join(model.id for model in self.models)
        raise SettingsError(
            "advisor.claude.model",
            model_id,
            f"use one of {known}, or add its prices and cutoff to the table of models",
        )


def load_models(path: Path) -> ModelTable:
    """Return the table of models in a TOML file.

    Raises
    ------
    SettingsError
        If the file is absent, is no TOML, or a figure is missing or impossible.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise SettingsError(
            "advisor.claude.models", str(path), "name the file with the table of models"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("models", str(path), f"mend its TOML: {error}") from error
    try:
        return ModelTable.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "models"
        message = fault["msg"].removeprefix("Value error, ")
        value = None if isinstance(fault["input"], dict) else fault["input"]
        raise SettingsError(f"{path}: {field}", value, message[0].lower() + message[1:]) from error
