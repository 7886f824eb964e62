"""Lives of `ocw live` that begin at once: a process imports everything, and each life is its fork.

``python -m tests.live.nursery`` reads one line of JSON a life from standard input, forks, and
answers with the pid. A fork runs the command line as a process started by hand does; what it
writes goes to the file that is named, and its exit code, if it lives to have one, to ``<file>.rc``.
A life may be told to die at a boundary of its journal, or to be broken (see `breaking`).
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def live(order: dict[str, Any]) -> int:
    """Be one life; return its exit code."""
    from ocw_strategy import cli
    from tests.live import breaking

    os.environ.update(order["environment"])
    breaking.apply(order)
    sys.argv = ["ocw", *order["arguments"]]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _fork(order: dict[str, Any]) -> int:
    with warnings.catch_warnings():
        # threads that imports have started do nothing that a fork would wait for
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = Path(order["output"])
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    code = 1
    try:
        code = live(order)
    except BaseException:
        import traceback

        traceback.print_exc()
    output.with_name(output.name + ".rc").write_text(str(code))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Fork a life for each line until the input ends."""
    from ocw_strategy import cli_live  # noqa: F401  # what a life needs, once
    from ocw_strategy.live import run  # noqa: F401
    from tests.live import breaking  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    print("ready", flush=True)
    for line in sys.stdin:
        print(_fork(json.loads(line)), flush=True)


class Life:
    """A process that this one did not start itself: known by its pid, watched by a handle of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def alive(self) -> bool:
        """Return whether it still runs."""
        import select

        return not select.select([self._handle], [], [], 0)[0]

    def kill(self) -> None:
        """Kill it, as a power cut would, and wait until it is gone."""
        import select

        if self.alive():
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        select.select([self._handle], [], [], 30)


class Nursery:
    """Starts lives; to be used as a context manager."""

    def __enter__(self) -> Self:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._answer()
        return self

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the nursery has ended"
        return line

    def begin(self, **order: Any) -> Life:
        """Begin a life and return it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Life(int(self._answer()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


if __name__ == "__main__":
    main()
