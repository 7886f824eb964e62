"""What hosts are told agrees with the code: locks, image, Fly, systemd, launchd."""

import configparser
import json
import plistlib
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.alerts import VARIABLES
from ocw_strategy.live.settings import load_live
from ocw_strategy.serve import load_serve
from ocw_strategy.serve.plan import DASHBOARD_SECRETS, NODE_SECRETS
from tests.dockerfile import Instruction, read_dockerfile

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
DEMO = ROOT / "configs" / "demo.toml"
SECRETS = {*NODE_SECRETS, *DASHBOARD_SECRETS, *VARIABLES}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
FLY: dict[str, Any] = tomllib.loads((ROOT / "fly.toml").read_text(encoding="utf-8"))
STEPS = read_dockerfile(ROOT / "Dockerfile")


def pins(lock: str) -> dict[str, str]:
    """Return the requirements of a lock by name, each with its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    return {re.split(r"[=\s]", block)[0]: block.strip() for block in blocks if block.strip()}


def stop_seconds() -> float:
    settings = load_serve(DEMO)
    return settings.others_stop_seconds + settings.node_stop_seconds


def the(name: str) -> list[Instruction]:
    return [step for step in STEPS if step.name == name]


def test_the_image_runs_the_versions_that_were_tested() -> None:
    everything, runtime = pins("requirements.lock"), pins("requirements-runtime.lock")
    pinned = {name: block.split(" ", 1)[0] for name, block in everything.items()}
    for name, block in runtime.items():
        assert block.split(" ", 1)[0] == pinned[name]
        assert set(re.findall(r"sha256:\w+", block)) == set(
            re.findall(r"sha256:\w+", everything[name])
        )


def test_the_image_holds_what_runs_and_nothing_that_only_develops() -> None:
    runtime = pins("requirements-runtime.lock")
    declared = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dashboard"]]
    names = {re.split(r"[=<>\[]", each)[0].replace("_", "-") for each in declared}
    assert names <= runtime.keys()
    assert not runtime.keys() & {"pytest", "ruff", "mypy", "hypothesis", "ray", "selenium", "pip"}
    builder = pins("requirements-build.lock")
    assert set(PYPROJECT["build-system"]["requires"]) <= builder.keys()
    for block in (*runtime.values(), *builder.values()):
        assert "--hash=sha256:" in block


def test_what_the_image_copies_is_there_and_enters_the_context() -> None:
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for step in the("COPY"):
        if "--from" in step.text:
            continue
        *sources, _ = [part for part in step.text.split() if not part.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{source}" in let_in
    assert "*" in let_in
    assert "**/.env" in let_in


def test_the_images_command_serves_the_demo_config_as_it_stands() -> None:
    command = json.loads(the("CMD")[-1].text)
    assert command[:2] == ["serve", str(DEMO.relative_to(ROOT))]
    pairs = [pair for pair in command if "=" in pair]
    assert len(pairs) == 2
    load_serve(DEMO, dict(pair.split("=") for pair in pairs))
    load_live(DEMO, 0, dict(pair.split("=") for pair in pairs))


def test_every_host_asks_the_ports_the_config_serves() -> None:
    live, _ = load_live(DEMO, 0)
    page = load_serve(DEMO).dashboard_port
    [health] = the("HEALTHCHECK")
    assert f"127.0.0.1:{live.health_port}/health" in health.text
    assert the("EXPOSE")[0].text.split() == [str(page), str(live.health_port)]
    assert FLY["http_service"]["internal_port"] == page
    assert (FLY["checks"]["node"]["port"], FLY["checks"]["node"]["path"]) == (
        live.health_port, "/health",
    )  # fmt: skip


def test_every_host_waits_until_all_has_stopped() -> None:
    unit = systemd_unit()
    plist = plistlib.loads((DEPLOY / "ocw.plist").read_bytes())
    patience = (
        float(FLY["kill_timeout"].removesuffix("s")),
        float(unit["Service"]["TimeoutStopSec"]),
        float(plist["ExitTimeOut"]),
    )
    assert all(seconds > stop_seconds() for seconds in patience)


def systemd_unit() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign, assignment]
    unit.read(DEPLOY / "ocw.service", encoding="utf-8")
    return unit


def test_every_host_starts_it_again_whatever_it_ended_with() -> None:
    assert FLY["restart"] == [{"policy": "always"}]
    assert systemd_unit()["Service"]["Restart"] == "always"
    assert plistlib.loads((DEPLOY / "ocw.plist").read_bytes())["KeepAlive"] is True


def test_every_host_runs_the_same_command() -> None:
    plist = plistlib.loads((DEPLOY / "ocw.plist").read_bytes())
    for command in (
        shlex.split(systemd_unit()["Service"]["ExecStart"]), plist["ProgramArguments"],
    ):  # fmt: skip
        assert command[-3].endswith("/bin/ocw")
        assert command[-2:] == ["serve", "configs/demo.toml"]


def test_fly_keeps_one_machine_on_with_the_images_volume() -> None:
    assert FLY["mounts"]["destination"] == the("VOLUME")[0].text
    assert FLY["http_service"]["auto_stop_machines"] == "off"
    assert FLY["http_service"]["min_machines_running"] == 1
    assert FLY["deploy"]["strategy"] == "immediate"
    assert FLY["vm"] == [{"size": "shared-cpu-1x", "memory": "2gb"}]


@pytest.mark.parametrize("name", ["fly.toml", "docs/deploy.md"])
def test_every_secret_is_named_where_it_is_to_be_set(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert {secret for secret in SECRETS if secret not in text} == set()


def test_the_container_never_runs_as_root() -> None:
    wrapper = (DEPLOY / "ocw").read_text(encoding="utf-8")
    assert "--reuid ocw --regid ocw" in wrapper
    assert "--no-new-privs" in wrapper
    assert json.loads(the("ENTRYPOINT")[0].text) == ["ocw"]
