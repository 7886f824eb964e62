"""When a close is complete: the bars of all instruments are in, in whatever order they came."""

from collections.abc import Sequence


class CloseBarrier:
    """Collect the bars of one close and say when it is due.

    A close is due once every instrument's bar is in, or when a bar of a later close arrives (the
    missing instruments are then stale). Each close is due once; a bar of a close already due is
    ignored here.

    >>> barrier = CloseBarrier(["A", "B"])
    >>> barrier.add("B", 100), barrier.add("A", 100), barrier.add("A", 200), barrier.add("A", 300)
    ((), (100,), (), (200,))
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._count = len(symbols)
        self._seen: set[str] = set()
        self._open_ns = 0
        self._done_ns = 0

    def add(self, symbol: str, close_ns: int) -> tuple[int, ...]:
        """Return the closes that this bar makes due, oldest first."""
        if close_ns <= self._done_ns or close_ns < self._open_ns:
            return ()
        due: tuple[int, ...] = ()
        seen = self._seen
        if close_ns > self._open_ns:
            if seen:
                due = (self._open_ns,)
                self._done_ns = self._open_ns
                seen.clear()
            self._open_ns = close_ns
        seen.add(symbol)
        if len(seen) == self._count:
            due = (*due, close_ns)
            self._done_ns = close_ns
            seen.clear()
        return due

    def waits(self, close_ns: int) -> bool:
        """Return whether this close has begun and is not yet due."""
        return close_ns == self._open_ns and close_ns > self._done_ns

    def finish(self, close_ns: int) -> bool:
        """Declare a close due now; False when it was already."""
        if close_ns <= self._done_ns:
            return False
        self._done_ns = close_ns
        self._seen.clear()
        return True
