"""The image, built from the Dockerfile's own steps in clean roots, runs and stops as promised.

Needs root on Linux, `debootstrap` and the network: it makes a minimal Debian with the libraries of
the base image and this machine's Python 3.13 in it, and carries out every step there. What is
installed is fetched by this machine's pip and checked against the lock by the step itself.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ocw_strategy.journal import Event, Journal
from ocw_strategy.serve import load_serve
from tests.dockerfile import Stage, build, exec_form, read_dockerfile
from tests.live.process import sample_venue, until
from tests.venue import Venue

ROOT = Path(__file__).parents[1]
STEPS = read_dockerfile(ROOT / "Dockerfile")
PYTHON = Path(sys.base_prefix) / "bin" / "python3.13"
TOKEN = "a-token-of-the-page-0123456789"
LIBRARIES = (
    "ca-certificates", "netbase", "tzdata", "libbz2-1.0", "libffi8", "liblzma5", "libncursesw6",
    "libreadline8", "libsqlite3-0", "libssl3", "libuuid1", "zlib1g",
)  # fmt: skip
"""What the slim image of Python adds to Debian."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("debootstrap", "unshare", "chroot"))),
        reason="needs root on Linux and debootstrap: apt-get install debootstrap",
    ),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root that is what the base image is: a slim Debian with Python in /usr/local."""
    root = tmp_path_factory.mktemp("base")
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(LIBRARIES)}", "bookworm", root],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    library = Path(sys.base_prefix) / "lib" / "python3.13"
    shutil.copytree(
        library, root / "usr/local/lib/python3.13", symlinks=True,
        ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"),
    )  # fmt: skip
    shutil.copy(PYTHON, root / "usr/local/bin/python3.13")
    for shared in library.parent.glob("libpython3.13.so*"):
        shutil.copy(shared, root / "usr/local/lib")
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("python3.13")
    for command in (["ldconfig"], ["python", "-m", "ensurepip"]):
        subprocess.run(["chroot", root, *command], check=True, stdout=subprocess.DEVNULL)
    return root


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of what the steps install: this machine's pip fetches, theirs checks."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
         "--dest", folder, "-r", ROOT / "requirements-runtime.lock",
         "-r", ROOT / "requirements-build.lock"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def image(base: Path, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    work = tmp_path_factory.mktemp("image")
    given = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    return build(STEPS, ROOT, base, work, mounts={wheels: "/wheels"}, given=given)


def words(name: str) -> list[str]:
    return exec_form(next(step for step in reversed(STEPS) if step.name == name))


class Container:
    """The image's entry point at work, with a volume that root owns."""

    def __init__(self, image: Stage, folder: Path, venue: Venue) -> None:
        self.volume = folder / "volume"
        self.volume.mkdir()
        sets = (
            "data.bar_minutes=5", "run.warmup_days=9", 'advisor.kind="rules"',
            f"live.venue_http={venue.http_url}", f"live.venue_ws={venue.ws_url}",
        )  # fmt: skip
        command = [*words("ENTRYPOINT"), *words("CMD"), *(p for s in sets for p in ("--set", s))]
        self.process = image.run(
            command, folder / "run", mounts={self.volume: "/data"},
            given={
                "BINANCE_DEMO_API_KEY": venue.api_key,
                "BINANCE_DEMO_API_SECRET": venue.api_secret,
                "OCW_DASHBOARD_TOKEN": TOKEN,
            },
        )  # fmt: skip

    @property
    def first_pid(self) -> int:
        """The container's first process, as this machine numbers it."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text().split()[0])

    def pids(self) -> list[int]:
        """Return every process in it."""
        path = Path(f"/proc/{self.first_pid}/task/{self.first_pid}/children")
        return [self.first_pid, *map(int, path.read_text().split())]

    def is_healthy(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        check = [sys.executable, *words("HEALTHCHECK")[1:]]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0


@contextmanager
def container(image: Stage, folder: Path, venue: Venue) -> Iterator[Container]:
    started = Container(image, folder, venue)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            os.kill(started.first_pid, signal.SIGKILL)  # and with it all that it started
        started.process.communicate()


def serves(page: str) -> bool:
    try:
        return httpx.get(f"{page}/health").is_success
    except httpx.TransportError:
        return False


def memory_mb(pid: int) -> float:
    """Return a process's share of memory, pages that it shares counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def test_it_starts_turns_healthy_and_stops_as_a_host_asks(image: Stage, tmp_path: Path) -> None:
    with sample_venue() as venue, container(image, tmp_path, venue) as started:
        venue.market.play(60.0)  # a market that stands still is a lost connection
        until(started.is_healthy, "the health check is green", 120.0)
        page = f"http://127.0.0.1:{load_serve(ROOT / 'configs' / 'demo.toml').dashboard_port}"
        until(lambda: serves(page), "the page answers")
        answer = httpx.get(f"{page}/api/overview", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.json()["node"]["live"] is True
        assert httpx.get(f"{page}/api/overview").status_code == httpx.codes.UNAUTHORIZED
        for pid in started.pids():
            owner = next(
                line.split()[1]
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("Uid:")
            )
            assert owner == "10001"
        print("memory, MB:", [round(memory_mb(pid)) for pid in started.pids()])
        assert sum(map(memory_mb, started.pids())) < 600
        begun = time.monotonic()
        os.kill(started.first_pid, signal.SIGTERM)
        output, _ = started.process.communicate(timeout=30)
        assert started.process.returncode == 0, output
        assert time.monotonic() - begun < 30
        for secret in (venue.api_key, venue.api_secret, TOKEN):
            assert secret not in output
    with Journal.read_only(started.volume / "live" / "demo.db") as journal:
        kinds = [event.kind for event in journal.rows(Event)]
    assert (kinds[0], kinds[-1]) == ("node_started", "node_stopped")
    assert (started.volume / "live" / "demo.db").stat().st_uid == 10001


def test_a_person_at_its_shell_is_not_root_either(image: Stage, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    halting = image.run(["ocw", "halt"], tmp_path / "run", mounts={volume: "/data"})
    output, _ = halting.communicate(timeout=60)
    assert halting.returncode == 0, output
    assert (volume / "live" / "demo.db.HALT").stat().st_uid == 10001


def test_it_holds_no_tool_that_only_builds_and_no_secret(image: Stage) -> None:
    program = image.layers[0] / "opt/ocw"
    packages = (program / "lib/python3.13/site-packages").iterdir()
    names = {path.name.split("-")[0] for path in packages}
    assert not names & {"pip", "pytest", "ray", "ruff", "mypy", "selenium"}
    assert not list(program.rglob(".env"))
    megabytes = sum(p.lstat().st_size for p in program.rglob("*") if p.is_file()) / 1e6
    print(f"the program and its libraries: {megabytes:.0f} MB")
    assert megabytes < 1300  # the engine alone is half of it
