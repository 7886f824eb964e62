"""Who may ask: the API key in the header, and Binance's signature over the parameters.

A signed request carries a timestamp within recvWindow of the venue's clock and the hex HMAC-SHA256
of query and body under the secret, as its last parameter.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from tests.venue.refusals import Refusal

_AHEAD_MS: Final = 1000
_WINDOW_MS: Final = 5000


def check_key(headers: Mapping[str, str], api_key: str) -> None:
    """Refuse a request without the right key."""
    sent = headers.get("X-MBX-APIKEY", "")
    if not sent:
        raise Refusal(-2014)
    if not hmac.compare_digest(sent, api_key):
        raise Refusal(-2015)


def check_signature(query: str, body: str, secret: str, now_ms: int) -> None:
    """Refuse a request that is unsigned, signed by another secret, or of another time."""
    sent = query + body
    payload, _, signature = sent.rpartition("signature=")
    params = dict(parse_qsl(sent))
    if not signature or "timestamp" not in params:
        raise Refusal(-1102, "timestamp" if "timestamp" not in params else "signature")
    payload = payload.rstrip("&")
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, expected):
        raise Refusal(-1022)
    window, at_ms = int(params.get("recvWindow", _WINDOW_MS)), int(params["timestamp"])
    if at_ms > now_ms + _AHEAD_MS or at_ms < now_ms - window:
        raise Refusal(-1021)
