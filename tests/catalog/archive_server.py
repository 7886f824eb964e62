"""A public archive on the loopback interface: good files of its own making, and faults on demand.

It keeps what it published and counts what it was asked. A fault is put before a path; each request
of that path uses up one, and after the last one the path is served well.
"""

import hashlib
import io
import socket
import struct
import threading
import time
import zipfile
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import NamedTuple, Self


@dataclass(frozen=True)
class Fault:
    """How one request goes wrong.

    `status` answers without a file; `sent` breaks the connection after so many bytes of the body;
    `reset` breaks it before the first; `body` is served instead of the file; `seconds` passes
    before anything is said, alone or with one of the others.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    reset: bool = False
    body: bytes | None = None
    seconds: float = 0.0


class Asked(NamedTuple):
    path: str
    range_header: str


def zipped(csv_text: str, member: str) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, csv_text)
    return whole.getvalue()


class ArchiveServer:
    """Use as a context manager; `url` is its address while it serves."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.asked: list[Asked] = []
        self.ranges = True
        self.busiest = 0
        self._busy = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, path: str, csv_text: str) -> None:
        """Publish a ZIP of one CSV and its checksum."""
        self.publish_bytes(path, zipped(csv_text, PurePosixPath(path).with_suffix(".csv").name))

    def publish_bytes(self, path: str, data: bytes, *, digest: str | None = None) -> None:
        """Publish bytes as they are; `digest` is what the checksum says, if not the truth."""
        digest = digest or hashlib.sha256(data).hexdigest()
        self.files[path] = data
        self.files[f"{path}.CHECKSUM"] = f"{digest}  {PurePosixPath(path).name}\n".encode()

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults[path].extend(faults)

    def times_asked(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def zips_asked(self) -> list[str]:
        return [asked.path for asked in self.asked if asked.path.endswith(".zip")]

    def begin(self, path: str, range_header: str) -> Fault:
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            self.asked.append(Asked(path, range_header))
            waiting = self.faults[path]
            return waiting.popleft() if waiting else Fault()

    def end(self) -> None:
        with self._lock:
            self._busy -= 1


def _handler(archive: ArchiveServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            fault = archive.begin(path, self.headers.get("Range", ""))
            try:
                self._answer(path, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has had enough
            finally:
                archive.end()

        def _answer(self, path: str, fault: Fault) -> None:
            if fault.seconds:
                time.sleep(fault.seconds)
            if fault.reset:
                self._reset()
                return
            body = archive.files.get(path) if fault.body is None else fault.body
            status = fault.status or (200 if body is not None else 404)
            if status >= 400 or body is None:
                self._send(status, dict(fault.headers), b"no")
                return
            headers: dict[str, str] = {}
            asked = self.headers.get("Range")
            if asked and archive.ranges:
                begin = int(asked.removeprefix("bytes=").removesuffix("-"))
                if begin >= len(body):
                    self._send(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
                    return
                headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[begin:]
            self._send(status, headers, body, fault.sent)

        def _send(
            self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:sent])
            self.wfile.flush()
            if sent is not None:
                self.close_connection = True

        def _reset(self) -> None:
            linger = struct.pack("ii", 1, 0)  # close with RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
