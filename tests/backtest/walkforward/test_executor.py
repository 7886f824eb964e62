"""Where windows are computed: each task its own process, and a death known by its name."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ocw_strategy.backtest.walkforward import (
    Executor,
    InlineExecutor,
    ProcessExecutor,
    WorkerDiedError,
)
from ocw_strategy.backtest.walkforward.executor import make_executor
from ocw_strategy.backtest.walkforward.settings import ExecutionSettings
from ocw_strategy.errors import CatalogError
from tests.backtest.walkforward.works import die, fail, note_and_sleep, shout

ROOT = Path(__file__).parents[3]


def test_every_task_has_a_process_of_its_own_but_inline() -> None:
    with ProcessExecutor(2, shout) as executor:
        executor.submit("a", "one")
        executor.submit("b", "two")
        done = dict([executor.next_done(), executor.next_done()])
    words = {name: str(said).split() for name, said in done.items()}
    assert {name: said[0] for name, said in words.items()} == {"a": "ONE", "b": "TWO"}
    assert len({said[1] for said in words.values()} | {str(os.getpid())}) == 3
    with InlineExecutor(shout) as inline:
        inline.submit("a", "one")
        assert inline.next_done() == ("a", f"ONE {os.getpid()}")


def test_a_worker_that_dies_is_named_and_takes_no_other_with_it() -> None:
    with ProcessExecutor(2, die) as executor:
        executor.submit("bad", "die")
        executor.submit("good", "live")
        done = dict([executor.next_done(), executor.next_done()])
    assert done["good"] == "live"
    assert isinstance(done["bad"], WorkerDiedError)
    assert "killed" in str(done["bad"])
    assert "execute.workers" in str(done["bad"])


@pytest.mark.parametrize(
    "make", [lambda: InlineExecutor(fail), lambda: ProcessExecutor(1, fail)], ids=["inline", "own"]
)
def test_what_a_task_raises_comes_back_as_it_was(make: Callable[[], Executor]) -> None:
    with make() as executor:
        executor.submit("a", "catalog")
        _, error = executor.next_done()
        executor.submit("b", "bug")
        _, bug = executor.next_done()
    assert isinstance(error, CatalogError)
    assert str(error) == "bars: was 3; fetch them"
    assert isinstance(bug, ZeroDivisionError)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    # a zombie that nobody has waited for is dead
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_leaving_an_executor_ends_what_is_still_running(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    with ProcessExecutor(1, note_and_sleep) as executor:
        executor.submit("long", str(noted))
        wait_until(lambda: noted.exists() and bool(noted.read_text()))
    wait_until(lambda: not is_alive(int(noted.read_text())))


def test_a_worker_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = (
        "import sys, time\n"
        "from ocw_strategy.backtest.walkforward import ProcessExecutor\n"
        "from tests.backtest.walkforward.works import note_and_sleep\n"
        "executor = ProcessExecutor(1, note_and_sleep)\n"
        "executor.submit('long', sys.argv[1])\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(noted)], cwd=ROOT)
    try:
        wait_until(lambda: noted.exists() and bool(noted.read_text()))
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not is_alive(int(noted.read_text())))


def test_without_ray_its_executor_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('no ray here')")
    code = (
        "from ocw_strategy.backtest.walkforward.executor import make_executor\n"
        "from ocw_strategy.backtest.walkforward.settings import ExecutionSettings\n"
        "from ocw_strategy.errors import SettingsError\n"
        "try:\n"
        "    make_executor(ExecutionSettings(executor='ray'))\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert "ocw-strategy[cluster]" in done.stdout


def test_the_settings_name_the_executor() -> None:
    assert isinstance(make_executor(ExecutionSettings(executor="inline")), InlineExecutor)
    made = make_executor(ExecutionSettings(workers=3))
    assert isinstance(made, ProcessExecutor)
    assert made.slots == 3
