"""`ocw live` as a process of its own, against a venue: how a person runs it, and how it is killed.

The market is the sample one, of a fixed date, so that the node's first decisions are the same in
every run.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from ocw_strategy.journal import Event, Journal, JournalReader
from ocw_strategy.live.heartbeat import Heartbeat, heartbeat_path, read_heartbeat
from ocw_strategy.settings import parse_time_ns
from tests.venue import Venue, sampled

START = "2025-06-01"
PATIENCE_S = 120.0
SPEED = 300.0
"""Of the market, over the wall's."""

CONFIG = """
[run]
warmup_days = 9

[live]
account = "demo"
journal = "{journal}"
health_port = {port}
venue_http = "{http}"
venue_ws = "{ws}"
drift_seconds = 2.0
safety_seconds = 1.0
statistics_seconds = 1.0
start_timeout_seconds = 40.0

[data]
bar_minutes = 5

[advisor]
kind = "rules"

[advisor.rules]
entry_score = 0.15
exit_score = 0.02

[gate]
default_check_hours = 1.0
cooldown_minutes = 0
recovery_minutes = 1
savings_days = 3.0
price_elasticity = 4.0
"""


def sample_venue(days: int = 13, shown: int = 10, seed: int = 7) -> Venue:
    """Return a venue of the sample market, of which some days have passed."""
    histories = sampled(seed, parse_time_ns(START), days, 5)
    return Venue(histories, bars_shown=shown * 288, wallet=Decimal(10_000))


def until(condition: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait until something holds; fail if it does not in time."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.1)


def play_to_a_position(venue: Venue) -> str:
    """Play until something is held with its stop, stand still, and return its symbol."""
    venue.market.play(SPEED)
    until(lambda: venue.state.summary()["positions"], "a position is opened")
    venue.market.pause()
    held = venue.state.summary()["positions"]
    until(lambda: len(venue.state.stops()) == len(held), "each position has its stop")
    return str(next(iter(held)))


class LiveProcess:
    """`ocw live` on a journal in a folder.

    Parameters
    ----------
    folder : Path
        Where config, journal and output lie.
    venue : Venue
        Where it trades.
    port : int
        Of its health page; 0 for none.
    echo : bool
        Whether it writes to the terminal, not to a file.
    overrides : mapping, optional
        Values over the config's, by dotted key.
    """

    def __init__(
        self,
        folder: Path,
        venue: Venue,
        port: int = 0,
        *,
        echo: bool = False,
        overrides: Mapping[str, object] | None = None,
    ) -> None:
        self.overrides = dict(overrides or {})
        self.venue, self.config, self.journal = venue, folder / "node.toml", folder / "node.db"
        self.output, self._echo = folder / "output.txt", echo
        text = CONFIG.format(journal=self.journal, port=port, http=venue.http_url, ws=venue.ws_url)
        self.config.write_text(text, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment of the node: the venue's key is the demo account's."""
        venue = self.venue
        return os.environ | {
            "BINANCE_DEMO_API_KEY": venue.api_key,
            "BINANCE_DEMO_API_SECRET": venue.api_secret,
            "PYTHONWARNINGS": "default",
        }

    def ocw(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run another command, as from another shell; `typed` is what a person answers it."""
        return subprocess.run(
            [sys.executable, "-m", "ocw_strategy.cli", *arguments], env=self.environment(),
            input=typed, capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S,
        )  # fmt: skip

    def launch(self) -> Self:
        """Start the process."""
        command = [sys.executable, "-m", "ocw_strategy.cli", "live", str(self.config)]
        for key, value in self.overrides.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        with self.output.open("ab") as file:
            target = None if self._echo else file
            self.process = subprocess.Popen(
                command, env=self.environment(), stdout=target, stderr=target
            )
        return self

    def start(self) -> Self:
        """Start; return once the node trades."""
        begun_ns = time.time_ns()
        self.launch()

        def runs() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            beat = self.beat()
            return beat is not None and beat.started_wall_ns > begun_ns and beat.state == "running"

        until(runs, f"the node trades: {self.said()}")
        return self

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """Ask it to stop; return its exit code and how long that took, seconds."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.terminate()
        return self.process.wait(PATIENCE_S), time.monotonic() - begun

    def said(self) -> str:
        """Return what it wrote to the terminal."""
        return self.output.read_text(encoding="utf-8")

    def beat(self) -> Heartbeat | None:
        """Return its last heartbeat, or None."""
        path = heartbeat_path(self.journal)
        return read_heartbeat(path) if path.is_file() else None

    def read(self) -> JournalReader:
        """Open its journal for reading."""
        return Journal.read_only(self.journal)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, if it still lives."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


def kinds(node: LiveProcess) -> list[str]:
    """Return the kinds of the events that a node has journalled, in their order."""
    with node.read() as journal:
        return [event.kind for event in journal.rows(Event)]
