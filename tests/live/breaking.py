"""What is changed inside a life of the node, in its own process and before it begins.

Three kinds of things, all asked for by the order of the life (see `nursery`): *windows* that let a
test see sooner (a heartbeat twice a second, a file that says that the history is in, a copy of the
journal as the last fsync left it); *deaths* at a boundary of the journal; and *mutations*: the
node without one of the things that make it safe, which the crash suite must notice.
"""

import asyncio
import os
import shutil
import signal
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from nautilus_trader.adapters.binance import BinanceLiveExecClientFactory
from nautilus_trader.live.factories import LiveExecClientFactory

from ocw_strategy import protected
from ocw_strategy.journal import Intent, Journal
from ocw_strategy.live import actor, keeper, node, reconcile
from ocw_strategy.live.derivatives import DerivativesConfig
from ocw_strategy.units import SECOND_NS
from tests.live.replayed import Replayed
from tests.live.restless import Restless

BEAT_NS: Final = SECOND_NS // 2
_LATER_S: Final = 0.25
BOUNDARIES: Final = ("intents", "fills", "decisions", reconcile.STATE, actor.STATE, "any")
"""Writes of a journal by what is in them: records held back, or a state; ``any`` is each write."""


def apply(order: dict[str, Any]) -> None:
    """Change what an order asks for.

    ``warm`` names the file that says that the history is in, ``advisor`` who decides, ``decisions``
    a file of what is decided, ``statistics_s`` how often statistics are asked for, ``die``,
    ``copies`` and ``mutation`` what is broken.
    """
    _put(keeper, "INTERVAL_NS", BEAT_NS)
    if order.get("advisor") == "restless":
        _put(actor, "make_advisor", lambda *_, **__: (Restless(), None))
    if order.get("decisions"):
        advisor = Replayed(Path(order["decisions"]))
        _put(actor, "make_advisor", lambda *_, **__: (advisor, None))
    if order.get("statistics_s"):
        often = partial(DerivativesConfig, interval_seconds=order["statistics_s"])
        _put(node, "DerivativesConfig", lambda **config: often(**_without_interval(config)))
    _watch_warming(Path(order["warm"]))
    if order.get("mutation"):
        MUTATIONS[order["mutation"]]()
    if order.get("copies"):
        _copy_what_is_durable(Path(order["copies"]))
    if order.get("die"):
        _die_at(**order["die"])


def _without_interval(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "interval_seconds"}


def _put(module: ModuleType, name: str, value: Any) -> None:
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, value)


def _watch_warming(path: Path) -> None:
    warm_up = actor.LiveActor._warm_up

    async def warmed(self: actor.LiveActor) -> None:
        await warm_up(self)
        path.write_text(str(os.getpid()), encoding="utf-8")

    actor.LiveActor._warm_up = warmed  # type: ignore[method-assign]


# -- the journal -----------------------------------------------------------------------------------


def _kinds(journal: Journal, statements: tuple[tuple[str, tuple[Any, ...]], ...]) -> set[str]:
    kinds = {kind.TABLE for kind, batch in journal._pending.items() if batch}
    kinds |= {str(values[0]) for sql, values in statements if "INTO states" in sql}
    return kinds | {"any"}


def _die_at(boundary: str, number: int, *, after: bool) -> None:
    # the process is killed before or after the commit of the n-th such write
    write, left = Journal._write, [number]

    def dying(self: Journal, level: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
        if boundary in _kinds(self, statements):
            left[0] -= 1
            if left[0] == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
        write(self, level, *statements)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal._write = dying  # type: ignore[method-assign]


def _copy_what_is_durable(folder: Path) -> None:
    # what a power cut would leave: the files as they are when an fsync has returned
    write, count = Journal._write, [0]
    folder.mkdir(parents=True, exist_ok=True)

    def copying(self: Journal, level: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
        write(self, level, *statements)
        if level == "FULL":
            count[0] += 1
            new = folder / f"{os.getpid()}-{count[0]}"
            new.mkdir()
            for path in (Path(self.path), Path(f"{self.path}-wal")):
                if path.is_file():
                    shutil.copyfile(path, new / path.name)
            draft = folder / "newest.draft"
            draft.write_text(new.name, encoding="utf-8")
            draft.replace(folder / "newest")
            old = folder / f"{os.getpid()}-{count[0] - 2}"
            shutil.rmtree(old, ignore_errors=True)

    Journal._write = copying  # type: ignore[method-assign]


def cut_back(journal: Path, folder: Path) -> None:
    """Put a journal back to what its last fsync left; its process must be dead."""
    kept = folder / (folder / "newest").read_text(encoding="utf-8")
    for path in (journal, Path(f"{journal}-wal"), Path(f"{journal}-shm")):
        path.unlink(missing_ok=True)
        if (kept / path.name).is_file():
            shutil.copyfile(kept / path.name, path)


# -- mutations -------------------------------------------------------------------------------------


def _random_ids() -> None:
    _put(protected, "client_order_id", lambda *_: f"OCW-{uuid.uuid4().hex[:24]}")


def _no_journal_first() -> None:
    # an order's intent is written down a moment after the order has left
    durably = Journal.append_durably

    def later(self: Journal, *records: Any) -> None:
        if records and all(isinstance(record, Intent) for record in records):
            loop = asyncio.get_running_loop()
            for record in records:
                loop.call_later(_LATER_S, self.append, record)
        else:
            durably(self, *records)

    Journal.append_durably = later  # type: ignore[method-assign]


class _StockFactory(LiveExecClientFactory):
    # the adapter's own client; what the node asks of ours beside is always answered well
    @staticmethod
    def create(*args: Any, **kwargs: Any) -> Any:
        client: Any = BinanceLiveExecClientFactory.create(*args, **kwargs)
        client.user_stream_alive = lambda: True
        return client


def _stock_client() -> None:
    _put(node, "OcwExecClientFactory", _StockFactory)


MUTATIONS: Final[dict[str, Callable[[], None]]] = {
    "random-ids": _random_ids,
    "no-journal-first": _no_journal_first,
    "stock-client": _stock_client,
}
