"""What is done to a live node in the crash suite, each drawn and dosed by the dice of its point.

A blow arms faults, says how the life is to die, or both. It is struck around one decision close,
where orders are about to leave. `Blow.kills` says that the node is dead afterwards.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from ocw_strategy.live import actor
from tests.live.breaking import BOUNDARIES
from tests.venue import Venue

SECONDS_OF_ORDERS: Final = 0.4
"""After a close, orders and stops leave within about so long."""
_WRITES: Final = {"any": 30, "decisions": 1, actor.STATE: 2, "intents": 6}
"""About how many writes of a kind one close brings."""
_EVENTS: Final = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE")
_ORDERS: Final = ("/fapi/v1/order", "/fapi/v1/algoOrder")


@dataclass
class Blow:
    """One blow, dosed.

    `when`: ``starting`` (a while after the start), ``close`` (a while after the close), ``flight``
    (when the next order has reached the venue and its answer has not left), ``boundary`` (inside,
    at a write of the journal), or ``""``: not killed. `crosses`: whether the mark then crosses a
    stop, with the node alive or dead.
    """

    name: str
    when: str = ""
    after_s: float = 0.0
    arm: Callable[[Venue], None] = lambda _: None
    die: dict[str, Any] = field(default_factory=dict)
    crosses: bool = False
    cut_back: bool = False
    lasts_s: float = 0.0
    """How long the fault lasts by itself."""

    @property
    def kills(self) -> bool:
        """Whether the node is dead afterwards."""
        return bool(self.when)


def draw(dice: Random, only: Collection[str] = ()) -> Blow:
    """Return the blow of a point; of the kills, two in five come with a fault of the venue.

    `only` names the blows to draw from, by their functions here; by default all.
    """
    weighted = [(m, weight) for m, weight in _WEIGHTED if not only or m.__name__ in only]
    makers, weights = zip(*weighted, strict=True)
    blow: Blow = dice.choices(makers, weights)[0](dice)
    if blow.kills and not only and dice.random() < 0.4:
        other = dice.choice(_FAULTS)(dice)
        if not other.crosses and other.lasts_s <= 1.0:
            blow.arm, blow.name = other.arm, f"{blow.name}+{other.name}"
    return blow


# -- kills -----------------------------------------------------------------------------------------


def kill_close(dice: Random) -> Blow:
    return Blow("kill-close", "close", after_s=dice.uniform(0, SECONDS_OF_ORDERS))


def kill_boundary(dice: Random) -> Blow:
    boundary, after = dice.choice(BOUNDARIES), dice.random() < 0.5
    number = dice.randint(1, _WRITES.get(boundary, 4))
    die = {"boundary": boundary, "number": number, "after": after}
    side = "after" if after else "before"
    return Blow(f"kill-{side}-{boundary}", "boundary", die=die)


def kill_flight(dice: Random) -> Blow:
    path = dice.choice(_ORDERS)
    blow = Blow("kill-in-flight", "flight", after_s=dice.uniform(0, 0.05))
    blow.arm = lambda venue: venue.faults.delay_answers(path, 1.0, times=3, method="POST")
    return blow


def kill_starting(dice: Random) -> Blow:
    return Blow("kill-starting", "starting", after_s=dice.uniform(0, 3.0))


def kill_and_cross(dice: Random) -> Blow:
    return Blow("kill-stop-fills", "close", after_s=dice.uniform(0.3, 0.8), crosses=True)


def power_cut(dice: Random) -> Blow:
    if dice.random() < 0.5:
        die = {"boundary": "any", "number": dice.randint(1, 40), "after": True}
        return Blow("power-cut-boundary", "boundary", die=die, cut_back=True)
    return Blow("power-cut", "close", after_s=dice.uniform(0, SECONDS_OF_ORDERS), cut_back=True)


# -- faults ----------------------------------------------------------------------------------------


def unknown_outcome(dice: Random) -> Blow:
    path, executed, code = (
        dice.choice(_ORDERS),
        dice.random() < 0.6,
        dice.choice((-1007, -1001, -1000)),
    )
    times = dice.randint(1, 2)
    word = "executed" if executed else "not-executed"
    return Blow(
        f"503-{word}",
        arm=lambda v: v.faults.unknown_outcome(path, executed=executed, times=times, code=code),
        lasts_s=4.0,
    )


def cut_answer(dice: Random) -> Blow:
    path, executed = dice.choice(_ORDERS), dice.random() < 0.6
    return Blow(
        "answer-cut",
        arm=lambda v: v.faults.cut_answers(path, executed=executed, method="POST"),
        lasts_s=4.0,
    )


def rejected_stop(dice: Random) -> Blow:
    times, code = dice.randint(1, 2), dice.choice((-2021, -4130, -1001))
    return Blow("stop-rejected", arm=lambda v: v.faults.reject_stops(times, code))


def partial_fills(dice: Random) -> Blow:
    share, gap_s = dice.uniform(0.1, 0.9), dice.choice((0.0, 0.1, 0.6))
    return Blow(
        "partial-fills",
        arm=lambda v: v.faults.split_fills(share, 1 - share, gap_s=gap_s, times=3),
        lasts_s=gap_s,
    )


def late_fills(dice: Random) -> Blow:
    seconds = dice.uniform(0.05, 1.0)
    return Blow("late-fills", arm=lambda v: v.faults.delay_fills(seconds, times=2), lasts_s=seconds)


def dropped_sockets(dice: Random) -> Blow:
    which = dice.choice(("user", "market", ""))
    return Blow(f"sockets-dropped-{which or 'all'}", arm=lambda v: v.faults.drop_sockets(which))


def refused_sockets(dice: Random) -> Blow:
    seconds = dice.uniform(1, 4)

    def arm(venue: Venue) -> None:
        venue.faults.refuse_sockets(seconds)
        venue.faults.drop_sockets("")

    return Blow("sockets-refused", arm=arm, lasts_s=seconds)


def lost_listen_key(_: Random) -> Blow:
    return Blow("listen-key-lost", arm=lambda v: v.faults.expire_listen_key())


def late_events(dice: Random) -> Blow:
    kind, seconds = dice.choice(_EVENTS), dice.uniform(0.05, 1.0)
    times = dice.randint(1, 4)
    return Blow(
        "events-late", arm=lambda v: v.faults.delay_events(kind, seconds, times), lasts_s=seconds
    )


def doubled_events(dice: Random) -> Blow:
    kind, times = dice.choice(_EVENTS), dice.randint(1, 6)
    return Blow("events-twice", arm=lambda v: v.faults.duplicate_events(kind, times))


def lost_events(dice: Random) -> Blow:
    kind, times = dice.choice(_EVENTS), dice.randint(1, 3)
    return Blow("events-lost", arm=lambda v: v.faults.lose_events(kind, times), lasts_s=12.0)


def outage(dice: Random) -> Blow:
    seconds = dice.choices((dice.uniform(1, 8), dice.uniform(30, 90)), (0.9, 0.1))[0]
    return Blow("outage", arm=lambda v: v.faults.outage(seconds), lasts_s=seconds)


def stop_fills(_: Random) -> Blow:
    return Blow("stop-fills", crosses=True)


def trigger_rejected(_: Random) -> Blow:
    return Blow("trigger-rejected", arm=lambda v: v.faults.reject_triggers(), crosses=True)


def storm(dice: Random) -> Blow:
    seed = dice.randint(1, 1_000_000)
    return Blow("storm", arm=lambda v: v.faults.storm(seed), lasts_s=5.0)


Maker = Callable[[Random], Blow]
_KILLS: Final[tuple[tuple[Maker, int], ...]] = (
    (kill_close, 8), (kill_boundary, 24), (kill_flight, 8), (kill_starting, 6),
    (kill_and_cross, 6), (power_cut, 8),
)  # fmt: skip
_FAULTS: Final[tuple[Maker, ...]] = (
    unknown_outcome, cut_answer, rejected_stop, partial_fills, late_fills, dropped_sockets,
    refused_sockets, lost_listen_key, late_events, doubled_events, lost_events, outage, stop_fills,
    trigger_rejected, storm,
)  # fmt: skip
_WEIGHTED: Final = (*_KILLS, *((maker, 3) for maker in _FAULTS))
NAMES: Final = tuple(sorted(maker.__name__ for maker, _ in _WEIGHTED))
