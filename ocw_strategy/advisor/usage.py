"""How many tokens a call was billed for, as the Messages API counts them."""

from typing import Annotated

from pydantic import Field

from ocw_strategy.model import Strict

Tokens = Annotated[int, Field(ge=0)]


class Usage(Strict):
    """Tokens of one call; the four kinds are disjoint, and priced apart."""

    input_tokens: Tokens
    """Read at the full price: after the last cache breakpoint, or without one."""
    output_tokens: Tokens
    """Written, thinking included."""
    cache_creation_input_tokens: Tokens = 0
    """Read and kept in the provider's cache."""
    cache_read_input_tokens: Tokens = 0
    """Read from the provider's cache."""

    @property
    def prompt_tokens(self) -> int:
        """Return the size of the whole prompt."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens
