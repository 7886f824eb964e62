"""Reads a Dockerfile and carries out its steps without an engine, in roots of its own.

Each stage is an overlay over a base folder; a RUN is a shell in it, by `chroot` in a mount and
process namespace of its own. What is carried out: FROM, ENV, WORKDIR, COPY, RUN; what only an
engine uses (HEALTHCHECK, ENTRYPOINT, ...) is read and left to the test.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continued lines joined."""

    name: str
    text: str


def read_dockerfile(path: Path) -> list[Instruction]:
    """Return the instructions of a file in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    whole = re.sub(r"\\\n\s*", "", kept)
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    return [Instruction(*line.split(maxsplit=1)) for line in lines]


@dataclass
class Stage:
    """A root in the making."""

    layers: list[Path]
    """Folders, the topmost first; the first is written to."""
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"

    def run(
        self,
        command: Sequence[str],
        work: Path,
        *,
        mounts: Mapping[Path, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        """Start a command in the root, with nothing of this machine but what is bound."""
        root = work / "root"
        upper, *lower = self.layers
        for folder in (root, work / "work", upper):
            folder.mkdir(parents=True, exist_ok=True)
        script = [
            f"mount -t overlay overlay -o lowerdir={':'.join(map(str, lower))},"
            f"upperdir={upper},workdir={work / 'work'} {root}",
            f"mount -t proc proc {root}/proc",
            f"mount --bind /dev {root}/dev",
        ]
        for source, target in (mounts or {}).items():
            inside = f"{root}{target}"
            if source.is_dir():
                script.append(f"mkdir -p {inside}")
            else:
                script.append(f"mkdir -p $(dirname {inside}) && touch {inside}")
            script.append(f"mount --bind {source} {inside}")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **self.environment}
        pairs = [f"{name}={value}" for name, value in {**environment, **(given or {})}.items()]
        inner = shlex.join(["cd", self.folder]) + " && exec " + shlex.join(command)
        script.append(
            shlex.join(["exec", "env", "-i", *pairs, "chroot", str(root), "/bin/sh", "-c", inner])
        )
        # the first process of a process namespace: when it ends, all in it end
        return subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork",
             "sh", "-ec", "\n".join(script)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


def build(
    steps: Sequence[Instruction],
    context: Path,
    base: Path,
    work: Path,
    *,
    mounts: Mapping[Path, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Stage:
    """Carry out the steps; return the last stage.

    Parameters
    ----------
    steps : Sequence[Instruction]
    context : Path
        Where COPY takes files from.
    base : Path
        What every base image is taken to be: a root.
    work : Path
        An empty folder for the layers.
    mounts : Mapping, optional
        Folders of this machine that RUN steps see, by where they see them.
    given : Mapping, optional
        Variables that RUN steps see beside the image's own.

    Raises
    ------
    RuntimeError
        With the output of the first RUN that fails.
    """
    stages: dict[str, Stage] = {}
    stage = Stage([])
    for number, step in enumerate(steps):
        match step.name:
            case "FROM":
                name = step.text.split()[-1]
                stage = Stage([work / f"layer-{number}", base])
                stages[name] = stage
            case "ENV":
                stage.environment |= dict(part.split("=", 1) for part in shlex.split(step.text))
            case "WORKDIR":
                stage.folder = step.text
            case "COPY":
                _copy(step.text, stage, stages, context)
            case "RUN":
                running = stage.run(
                    ["/bin/sh", "-ec", step.text], work / "run", mounts=mounts, given=given
                )
                output, _ = running.communicate()
                if running.returncode:
                    raise RuntimeError(f"RUN {step.text}\n{output}")
    return stage


def _copy(text: str, stage: Stage, stages: Mapping[str, Stage], context: Path) -> None:
    parts = shlex.split(text)
    options = dict(part[2:].split("=") for part in parts if part.startswith("--"))
    *sources, target = [part for part in parts if not part.startswith("--")]
    named = options.get("from")
    root = stages[named].layers[0] if named else context
    for source in sources:
        found = root / source.lstrip("/")
        inside = Path(f"{stage.layers[0]}{target}")
        if target.endswith("/") and found.is_file():
            inside /= found.name
        inside.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(
                found, inside, symlinks=True, dirs_exist_ok=True,
                ignore=None if named else shutil.ignore_patterns("__pycache__", ".env"),
            )  # fmt: skip
        else:
            shutil.copy2(found, inside)
        if mode := options.get("chmod"):
            inside.chmod(int(mode, 8))


def exec_form(step: Instruction) -> list[str]:
    """Return the words of an instruction in its JSON form, options left out."""
    return list(map(str, json.loads(step.text[step.text.index("[") :])))
