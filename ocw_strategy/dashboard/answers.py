"""Answers read from the journal: each of one state of it, none sent twice to one who has it.

An answer carries an ``ETag`` of what it was made from: the journal's commits, the node's heartbeat
and its halt file. Who asks again with ``If-None-Match`` gets 304 and no body until one of them has
changed. A page may so ask every second, which costs next to nothing. No answer holds a key: its
texts go through `redact`.
"""

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from ocw_strategy.dashboard.node import NodeView, read_node
from ocw_strategy.dashboard.source import Source
from ocw_strategy.environment import redact
from ocw_strategy.journal import JournalReader

JSON = "application/json"


class Answers:
    """Make answers from one journal.

    Parameters
    ----------
    source : Source
    now_ns : callable
        Returns wall time.
    """

    def __init__(self, source: Source, now_ns: Callable[[], int]) -> None:
        self.source, self.now_ns = source, now_ns
        self._birth = os.urandom(4).hex()  # what another process has answered means nothing to us

    def node(self) -> NodeView:
        """Return the node as it is now."""
        return read_node(self.source.path, self.now_ns())

    def give(
        self, request: Request, build: Callable[[JournalReader, NodeView, int], BaseModel]
    ) -> Response:
        """Return what `build` makes of journal, node and wall time, or 304 to one who has it.

        Raises
        ------
        JournalError
            If the journal cannot be read.
        """
        now_ns = self.now_ns()
        node = read_node(self.source.path, now_ns)
        told = hashlib.sha256(node.model_dump_json().encode()).hexdigest()[:16]
        # before it is read: an answer may be newer than its tag, never older
        etag = f'"{self._birth}.{self.source.version()}.{told}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        with self.source.reading() as journal:
            found = build(journal, node, now_ns)
        return Response(_safe(found), media_type=JSON, headers={"ETag": etag})


def _safe(found: BaseModel) -> str:
    text = found.model_dump_json()
    if redact(text) == text:  # nearly always
        return text
    # only what is told, never a name or a number of ours
    return json.dumps(_redacted(found.model_dump(mode="json")), separators=(",", ":"))


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case list():
            return [_redacted(each) for each in value]
        case dict():
            return {name: _redacted(each) for name, each in value.items()}
        case _:
            return value
