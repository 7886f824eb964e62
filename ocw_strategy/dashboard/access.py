"""Who may look: the token, the session of a browser that gave it once, and a limit on guesses.

The token is compared in constant time and never stored, logged or answered. A browser that gave it
holds a cookie that says until when, sealed with a key made from the token: nothing is kept here, a
restart signs nobody out, a new token everybody. Failed tokens are counted by address and in all;
beyond the limit no token is even looked at for a while. A session that is valid is always let in,
so that guesses from elsewhere lock out no one who is signed in.
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from typing import Final

from ocw_strategy.errors import SettingsError
from ocw_strategy.units import DAY_NS, SECOND_NS

TOKEN_NAME: Final = "OCW_DASHBOARD_TOKEN"
"""The variable that holds the token."""

LEAST_TOKEN: Final = 16
SESSION_NS: Final = 30 * DAY_NS
WINDOW_NS: Final = 60 * SECOND_NS
FAILURES_BY_ADDRESS: Final = 5
"""Failed tokens from one address in a window."""
FAILURES_IN_ALL: Final = 50
"""Failed tokens from anywhere in a window."""


class Token:
    """The token of the page.

    Parameters
    ----------
    value : str

    Raises
    ------
    SettingsError
        If it is shorter than `LEAST_TOKEN` characters; the message does not hold it.
    """

    def __init__(self, value: str) -> None:
        if len(value) < LEAST_TOKEN:
            raise SettingsError(
                TOKEN_NAME,
                f"{len(value)} characters",
                f"make it {LEAST_TOKEN} or more, such as `openssl rand -hex 24` gives",
            )
        self._digest = hashlib.sha256(value.encode()).digest()
        self._key = hashlib.sha256(b"ocw dashboard session\0" + value.encode()).digest()

    def matches(self, given: str) -> bool:
        """Return whether this is the token; how long it takes tells nothing of it."""
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
        return hmac.compare_digest(digest, self._digest)

    def session(self, now_ns: int) -> str:
        """Return the text of a session that begins now."""
        ends = str((now_ns + SESSION_NS) // SECOND_NS)
        return f"{ends}.{self._seal(ends)}"

    def admits(self, session: str, now_ns: int) -> bool:
        """Return whether a text is a session of this token that has not ended."""
        ends, _, seal = session.partition(".")
        sealed = hmac.compare_digest(
            seal.encode("utf-8", "surrogatepass"), self._seal(ends).encode()
        )
        # a seal that is right is of digits we wrote
        return sealed and int(ends) * SECOND_NS > now_ns

    def _seal(self, ends: str) -> str:
        text = ends.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


class GuessLimit:
    """Count failed tokens; bounded in memory by the count of those it remembers."""

    def __init__(self) -> None:
        self._failures: deque[tuple[int, str]] = deque(maxlen=FAILURES_IN_ALL)

    def wait_s(self, address: str, now_ns: int) -> int:
        """Return for how many seconds no token of an address is looked at; 0 for none."""
        while self._failures and now_ns - self._failures[0][0] >= WINDOW_NS:
            self._failures.popleft()
        own = [ns for ns, who in self._failures if who == address]
        blocking = []
        if len(own) >= FAILURES_BY_ADDRESS:
            blocking.append(own[-FAILURES_BY_ADDRESS])
        if len(self._failures) >= FAILURES_IN_ALL:
            blocking.append(self._failures[0][0])
        if not blocking:
            return 0
        return -(-(max(blocking) + WINDOW_NS - now_ns) // SECOND_NS)

    def failed(self, address: str, now_ns: int) -> None:
        """Take in a failed token."""
        self._failures.append((now_ns, address))


class Door:
    """Who comes in: by the token, or by the session of a browser that gave it.

    Parameters
    ----------
    token : Token
    now_ns : callable
        Returns wall time.
    """

    def __init__(self, token: Token, now_ns: Callable[[], int]) -> None:
        self._token, self._now_ns = token, now_ns
        self._limit = GuessLimit()

    def admit(self, given: str, address: str) -> int:
        """Return 0 for the right token, -1 for a wrong one, else the seconds to wait."""
        now_ns = self._now_ns()
        wait_s = self._limit.wait_s(address, now_ns)
        if wait_s:
            return wait_s
        if self._token.matches(given):
            return 0
        self._limit.failed(address, now_ns)
        return -1

    def knows(self, session: str) -> bool:
        """Return whether a text is a session that has not ended."""
        return self._token.admits(session, self._now_ns())

    def session(self) -> str:
        """Return the text of a session that begins now."""
        return self._token.session(self._now_ns())
