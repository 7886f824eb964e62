"""What holds for every test: no socket reaches beyond this machine, no machine is too slow."""

import ipaddress
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes says how busy the machine is, nothing else
settings.register_profile("ocw", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ocw")

# a shell that runs the suite in the background has it, and its children, ignore interrupts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class OutsideError(BaseException):
    """A test tried to reach another machine; no handler of ours may take it for a lost line."""


def is_local(address: Any) -> bool:
    """Return whether an address of a socket is on this machine."""
    if not isinstance(address, tuple):  # a Unix socket's path
        return True
    host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine() -> Iterator[None]:
    def guarded(method: str) -> Any:
        original = getattr(socket.socket, method)

        def connect(self: socket.socket, address: Any) -> Any:
            outward = self.family in (socket.AF_INET, socket.AF_INET6)
            # a connected datagram socket sends nothing: libraries learn their own address by it
            if outward and self.type == socket.SOCK_STREAM and not is_local(address):
                raise OutsideError(f"a test tried to reach {address}")
            return original(self, address)

        return connect

    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if host is not None and not is_local((host,)) and not _is_address(host):
            raise OutsideError(f"a test tried to find {host}")
        return resolve(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        patch.setattr(socket.socket, "connect", guarded("connect"))
        patch.setattr(socket.socket, "connect_ex", guarded("connect_ex"))
        yield
