"""How large a text is for a model: an ESTIMATE, UTF-8 bytes over three.

No tokenizer is public, only the API counts. English prose is well below this; text that is mostly
digits and signs may be above it.
"""

import math
from typing import Final

_BYTES_PER_TOKEN: Final = 3


def estimate_tokens(text: str) -> int:
    """Return an ESTIMATE of a text's tokens: its UTF-8 bytes over three, rounded up."""
    return tokens_of_bytes(len(text.encode("utf-8")))


def tokens_of_bytes(count: int) -> int:
    """Return an ESTIMATE of the tokens of a text of so many UTF-8 bytes."""
    return math.ceil(count / _BYTES_PER_TOKEN)
