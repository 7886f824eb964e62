"""The node decides when all ends; its companions come and go, and stop before it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ocw_strategy.serve.settings import ServeSettings
from ocw_strategy.serve.supervisor import Child, Supervisor

SETTINGS = ServeSettings(
    first_wait_seconds=0.05,
    longest_wait_seconds=0.2,
    others_stop_seconds=1.0,
    node_stop_seconds=2.0,
)

PROGRAM = """
import os, signal, sys, time
name, how, log = sys.argv[1:]
def note(what):
    with open(log, "a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("told")
    if "slow" in how: time.sleep(0.5)
    note("ended")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in how else end)
note("started")
if how.startswith("exit"):
    time.sleep(0.3); note("ended"); os._exit(int(how[4:]))
while True: time.sleep(0.05)
"""


class Play:
    """A supervisor over small programs that write down what happens to them."""

    def __init__(self, folder: Path, node: str, **companions: str) -> None:
        self.path = folder / "log"
        self.path.touch()
        self.said: list[str] = []
        children = [self.child(name, how) for name, how in companions.items()]
        self.supervisor = Supervisor(self.child("node", node), children, SETTINGS, self.said.append)

    def child(self, name: str, how: str) -> Child:
        command = (sys.executable, "-c", PROGRAM, name, how, str(self.path))
        return Child(name, command, {"PATH": os.environ["PATH"]})

    def log(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    async def until(self, ready: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(20):
            while not ready(self.log()):
                await asyncio.sleep(0.02)


def run_until(play: Play, ready: Callable[[list[str]], bool]) -> tuple[int, float]:
    """Run until something has happened, send SIGTERM; return the code and how long it took."""

    async def whole() -> tuple[int, float]:
        running = asyncio.ensure_future(play.supervisor.run())
        await play.until(ready)
        begun = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        return await running, time.monotonic() - begun

    return asyncio.run(whole())


def all_started(count: int) -> Callable[[list[str]], bool]:
    return lambda log: sum(line.endswith("started") for line in log) == count


def test_told_to_stop_the_companions_end_before_the_node_is_told(tmp_path: Path) -> None:
    play = Play(tmp_path, "slow", page="slow", alerts="slow")
    code, _ = run_until(play, all_started(3))
    log = play.log()
    assert code == 0
    assert max(log.index("page ended"), log.index("alerts ended")) < log.index("node told")
    assert log[-1] == "node ended"


def test_a_companion_that_does_not_listen_is_killed_and_the_node_still_ends_well(
    tmp_path: Path,
) -> None:
    play = Play(tmp_path, "slow", page="deaf")
    code, seconds = run_until(play, all_started(2))
    assert code == 0
    assert play.log()[-1] == "node ended"
    assert seconds < SETTINGS.others_stop_seconds + SETTINGS.node_stop_seconds
    assert "page did not stop within 1 s and is killed" in play.said


def test_a_node_that_does_not_listen_is_killed_in_time(tmp_path: Path) -> None:
    play = Play(tmp_path, "deaf", page="")
    code, seconds = run_until(play, all_started(2))
    assert code == 128 + signal.SIGKILL
    assert seconds < SETTINGS.others_stop_seconds + SETTINGS.node_stop_seconds + 2


@pytest.mark.parametrize("code", [0, 2, 70])
def test_it_ends_with_the_node_and_its_code(tmp_path: Path, code: int) -> None:
    play = Play(tmp_path, f"exit{code}", page="")
    assert asyncio.run(play.supervisor.run()) == code
    assert play.log()[-1] in {"page ended", "node ended"}  # nothing is left behind
    assert "page started" not in play.log() or "page ended" in play.log()
    assert f"node ended with code {code}" in play.said


def test_a_companion_that_fails_is_started_again_ever_more_slowly(tmp_path: Path) -> None:
    play = Play(tmp_path, "", page="exit3")
    run_until(play, lambda log: log.count("page started") == 4)
    assert [line for line in play.said if line.startswith("page")][:3] == [
        "page ended with code 3; again in 0.05 s",
        "page ended with code 3; again in 0.1 s",
        "page ended with code 3; again in 0.2 s",
    ]
    assert play.log().count("node started") == 1


def test_a_companion_that_cannot_be_started_does_not_take_the_node_along(tmp_path: Path) -> None:
    play = Play(tmp_path, "")
    missing = Child("page", (str(tmp_path / "nowhere"),), {})
    play.supervisor = Supervisor(play.child("node", ""), [missing], SETTINGS, play.said.append)
    code, _ = run_until(play, lambda _: sum("could not be started" in s for s in play.said) > 1)
    assert code == 0
    assert play.log()[-1] == "node ended"
