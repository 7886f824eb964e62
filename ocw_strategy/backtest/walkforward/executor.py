"""Where windows are computed: local processes, this process, or a Ray cluster.

An executor takes texts and gives texts back in the order they are done; it knows nothing of what
is in them, so results cannot depend on which one it is. Each task has a process of its own, which
ends with it: a task that dies takes no other with it and is known by name. A worker whose parent
dies ends too.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from types import TracebackType
from typing import Any, Protocol, Self

from ocw_strategy.backtest.walkforward.settings import ExecutionSettings
from ocw_strategy.backtest.walkforward.task import run_task
from ocw_strategy.environment import variable
from ocw_strategy.errors import OcwError, SettingsError

type Work = Callable[[str], str]


class WorkerDiedError(OcwError):
    """A worker's process ended before its task did."""


class Executor(Protocol):
    """Computes named tasks; used as a context manager, which ends what is still running."""

    slots: int
    """Tasks it computes at a time; whoever submits sees to it that there are no more."""

    def submit(self, name: str, text: str) -> None:
        """Start a task; names differ."""

    def next_done(self) -> tuple[str, str | BaseException]:
        """Wait for any task and return its name, and its result or what it raised."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class InlineExecutor:
    """One task after the other, in this process."""

    slots = 1

    def __init__(self, work: Work = run_task) -> None:
        self._work = work
        self._taken: list[tuple[str, str]] = []

    def submit(self, name: str, text: str) -> None:
        """Take a task."""
        self._taken.append((name, text))

    def next_done(self) -> tuple[str, str | BaseException]:
        """Do the task."""
        name, text = self._taken.pop()
        try:
            return name, self._work(text)
        except Exception as error:
            return name, error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._taken.clear()


class ProcessExecutor:
    """A fresh local process for every task, so many at a time.

    Each has a pool of its own: of a shared one, every task would fail with the one that died.

    Parameters
    ----------
    workers : int
    work : callable, optional
        What is done with a task's text; importable by name.
    """

    def __init__(self, workers: int, work: Work = run_task) -> None:
        self.slots = workers
        self._work = work
        self._context = multiprocessing.get_context("forkserver")
        self._running: dict[Future[str], tuple[str, ProcessPoolExecutor]] = {}

    def submit(self, name: str, text: str) -> None:
        """Start a task in a process of its own."""
        pool = ProcessPoolExecutor(
            max_workers=1, mp_context=self._context, initializer=_end_with_parent
        )
        self._running[pool.submit(self._work, text)] = (name, pool)

    def next_done(self) -> tuple[str, str | BaseException]:
        """Wait for any task."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        # of several, the one that was started first
        future = next(each for each in self._running if each in done)
        name, pool = self._running.pop(future)
        pool.shutdown()
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            return name, died("it was killed, or the machine ran out of memory")
        return name, error if error is not None else future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, pool in self._running.values():
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown()
        self._running.clear()


def _end_with_parent() -> None:
    # A pool's worker does not notice that its parent was killed: it would wait for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


class RayExecutor:
    """Tasks on a Ray cluster: the one ``RAY_ADDRESS`` names, or one made here and ended after.

    Every node must see the catalog, and the folder if journals are kept, under the same path.

    Parameters
    ----------
    workers : int
        Tasks at a time.
    work : callable, optional
        What is done with a task's text.

    Raises
    ------
    SettingsError
        If Ray is not installed.
    """

    def __init__(self, workers: int, work: Work = run_task) -> None:
        self._ray: Any = _import_ray()
        self._own = not self._ray.is_initialized()
        if self._own:
            local = {} if variable("RAY_ADDRESS") else {"num_cpus": workers}
            self._ray.init(include_dashboard=False, log_to_driver=False, **local)
        # a process that did one task ends, and a task that died is not tried again
        remote = self._ray.remote(num_cpus=1, max_calls=1, max_retries=0)
        self._remote = remote(work)
        self.slots = workers
        self._running: dict[Any, str] = {}

    def submit(self, name: str, text: str) -> None:
        """Start a task on any node with a free processor."""
        self._running[self._remote.remote(text)] = name

    def next_done(self) -> tuple[str, str | BaseException]:
        """Wait for any task."""
        (done,), _ = self._ray.wait(list(self._running), num_returns=1)
        name = self._running.pop(done)
        try:
            return name, self._ray.get(done)
        except self._ray.exceptions.RayTaskError as error:
            return name, error.cause
        except self._ray.exceptions.RayError as error:
            return name, died(str(error).partition("\n")[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for running in self._running:
            self._ray.cancel(running, force=True)
        self._running.clear()
        if self._own:
            self._ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise SettingsError(
            "execute.executor", "ray", "install it (`pip install ocw-strategy[cluster]`), or use "
            "processes",
        ) from error  # fmt: skip
    return ray


def died(how: str) -> WorkerDiedError:
    """Return the error of a worker that ended before its task did."""
    return WorkerDiedError(
        "worker", how, "give it more memory or set execute.workers lower, and run it again"
    )


def make_executor(settings: ExecutionSettings, work: Work = run_task) -> Executor:
    """Return the executor that the settings name."""
    makers: Mapping[str, Callable[[], Executor]] = {
        "inline": lambda: InlineExecutor(work),
        "processes": lambda: ProcessExecutor(settings.workers, work),
        "ray": lambda: RayExecutor(settings.workers, work),
    }
    return makers[settings.executor]()
