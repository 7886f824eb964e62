"""How long a connection may take: a client that is slow on purpose loses it, not the others theirs.

A request and its answer have `DEADLINE_S` seconds in all, from the connection or from the answer
before; then the connection is cut, whether its head never ended, its body trickles or its answer is
not read. At most `CONNECTIONS` are open at a time: the next one takes the place of that which has
waited longest, so quick requests come through while slow ones fill the room.
"""

import asyncio
from collections import OrderedDict
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

DEADLINE_S: Final = 10.0
CONNECTIONS: Final = 256


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a deadline; one room of connections a process."""

    room: ClassVar[OrderedDict["PatientProtocol", None]] = OrderedDict()
    """The open connections, the one that has waited longest first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the deadline; make room."""
        super().connection_made(transport)
        while len(self.room) >= CONNECTIONS:
            self.room.popitem(last=False)[0].cut()
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.room.pop(self, None)
        self._deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin the deadline of the next request."""
        self._deadline.cancel()
        self._begin()
        super().on_response_complete()

    def cut(self) -> None:
        """End the connection without another word."""
        transport: Any = self.transport
        transport.abort()

    def _begin(self) -> None:
        self.room[self] = None
        self.room.move_to_end(self)
        self._deadline = self.loop.call_later(DEADLINE_S, self.cut)
