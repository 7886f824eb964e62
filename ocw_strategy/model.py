"""The base of every settings and message model: unknown keys are refused, instances are frozen."""

import math

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen model that refuses unknown keys, non-finite numbers and silent coercion of types."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def known(value: float) -> float | None:
    """Return a number for a model that refuses NaN and infinities: those are None."""
    return value if math.isfinite(value) else None
