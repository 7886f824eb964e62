"""Keeps a node's companions alive and stops all in the right order.

The node is started once: when it ends, for whatever reason, everything ends with its exit code, and
whoever runs the supervisor (systemd, launchd, a container's host) starts anew from a clean slate.
The companions are started again whenever they end, ever more slowly while they fail, and never take
the node with them. Told to stop, the supervisor stops the companions first and the node last, each
given a time after which it is killed.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ocw_strategy.serve.settings import ServeSettings

STEADY_S: Final = 60.0
"""A companion that lived so long has recovered: its next wait is the first one again."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""


class Supervisor:
    """Run a node and its companions.

    Parameters
    ----------
    node : Child
    companions : Sequence[Child]
    settings : ServeSettings
    log : callable
        Takes a line for the operator.
    """

    def __init__(
        self,
        node: Child,
        companions: Sequence[Child],
        settings: ServeSettings,
        log: Callable[[str], None],
    ) -> None:
        self._node, self._companions = node, companions
        self._settings, self._log = settings, log
        self._told = asyncio.Event()

    async def run(self) -> int:
        """Run until the node ends or SIGTERM or SIGINT comes; return the node's exit code.

        A node that a signal ended counts as 128 and the signal's number, as a shell has it.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told.set)
        node = await _start(self._node)
        self._log(f"{self._node.name} started (pid {node.pid})")
        keepers = [asyncio.ensure_future(self._keep(child)) for child in self._companions]
        ended = asyncio.ensure_future(node.wait())
        told = asyncio.ensure_future(self._told.wait())
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                self._log(f"{self._node.name} ended with code {node.returncode}")
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._stop(self._node.name, node, self._settings.node_stop_seconds)
            told.cancel()
            await ended
        code = node.returncode or 0
        return code if code >= 0 else 128 - code

    async def _keep(self, child: Child) -> None:
        # start, wait, start again, until cancelled
        loop, wait_s = asyncio.get_running_loop(), self._settings.first_wait_seconds
        while True:
            begun = loop.time()
            how = await self._life(child)
            if loop.time() - begun >= STEADY_S:
                wait_s = self._settings.first_wait_seconds
            self._log(f"{child.name} {how}; again in {wait_s:g} s")
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._settings.longest_wait_seconds)

    async def _life(self, child: Child) -> str:
        try:
            process = await _start(child)
        except OSError as error:  # no memory, no process ids: the node goes on
            return f"could not be started: {error}"
        try:
            return f"ended with code {await process.wait()}"
        finally:
            await self._stop(child.name, process, self._settings.others_stop_seconds)

    async def _stop(
        self, name: str, process: asyncio.subprocess.Process, patience_s: float
    ) -> None:
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            self._log(f"{name} did not stop within {patience_s:g} s and is killed")
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start(child: Child) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*child.command, env=dict(child.environment))
