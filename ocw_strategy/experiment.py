"""What a run leaves out or scrambles on purpose: the nulls that a result is held against.

With every value at its default a run is OCW itself. Each switch removes one thing and nothing
else, so that the difference to the plain run is what that thing was worth. A run that trades real
money has no use for any of them.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict


class ExperimentSettings(Strict):
    """The nulls, each off by default."""

    gate: Literal["ocw", "open", "random"] = "ocw"
    """``open`` calls at every decision close, ``random`` as often as `random_calls` says."""
    random_calls: int = Field(default=0, ge=0)
    """Calls that the random gate makes between the window's start and end."""
    bandit: Literal["learn", "prior"] = "learn"
    """``prior``: the posteriors stay at Beta(2, 2) whatever happens."""
    regime: Literal["model", "neutral"] = "model"
    """``neutral``: one regime for all times that changes no position size."""
    shuffle_signals_days: int = Field(default=0, ge=0, le=365)
    """Days of the blocks in which the four signals are put in another order; 0 = as they were."""
    seed: int = Field(default=0, ge=0)
    """Seed of the random gate and of the shuffle, beside the run's own."""

    @model_validator(mode="after")
    def _random_gate_has_calls(self) -> Self:
        if (self.gate == "random") != (self.random_calls > 0):
            raise ValueError('random_calls: must be above 0 with gate "random", and 0 without')
        return self

    @property
    def plain(self) -> bool:
        """Whether nothing is left out or scrambled."""
        return self == ExperimentSettings(seed=self.seed)
