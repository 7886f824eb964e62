"""The tokens a call used: what its cost is made of."""

from pydantic import Field

from ocw_strategy.model import Strict


class Usage(Strict):
    """Tokens of one call, as the provider counted them."""

    input_tokens: int = Field(default=0, ge=0)
    """Tokens read at the full price."""
    output_tokens: int = Field(default=0, ge=0)
    cache_creation_input_tokens: int = Field(default=0, ge=0)
    """Tokens written into the prompt cache."""
    cache_read_input_tokens: int = Field(default=0, ge=0)
    """Tokens read from it."""
