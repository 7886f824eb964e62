"""Work for executors, importable by name in any process."""

import os
import signal
import time

from ocw_strategy.errors import CatalogError


def shout(text: str) -> str:
    return f"{text.upper()} {os.getpid()}"


def die(text: str) -> str:
    """Die as one whose memory ran out does; the others go on."""
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return text


def fail(text: str) -> str:
    if text == "catalog":
        raise CatalogError("bars", 3, "fetch them")
    raise ZeroDivisionError(text)


def note_and_sleep(path: str) -> str:
    """Write this process's id into a file, then be busy for long."""
    with open(path, "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    time.sleep(600)
    return ""
