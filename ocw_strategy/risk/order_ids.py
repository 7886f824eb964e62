"""Client order ids derived from what they are for, so that a retry is recognised as one.

The same (strategy, decision, leg, attempt) always gives the same id. Binance allows 36 characters
and keeps an id unique only among open orders: the id recognises an order, the journal locks it.
"""

import hashlib

PREFIX = "OCW"


def client_order_id(strategy: str, decision_id: str, leg: str, attempt: int) -> str:
    """Return the id of an attempt to send one leg of a decision.

    Parameters
    ----------
    leg : str
        Symbol and purpose, such as ``BTCUSDT-PERP/entry``.
    attempt : int
        Rises only after a terminal state that the venue confirmed.

    >>> client_order_id("OCW-000", "1f", "BTCUSDT-PERP/entry", 0)
    'OCW-6c0890955dd37999d06d4d9f'
    """
    text = "\x1f".join((strategy, decision_id, leg, str(attempt)))
    return f"{PREFIX}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
