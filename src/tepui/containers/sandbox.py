"""Where sandboxes lie, and how they are made: Mesos' layout, which tools and people know.

``<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>``, beside
it a symbolic link ``latest``; a nested container's lies in ``containers/<id>`` of its parent's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from tepui.containers.beneath import Beneath, Escapes

LATEST = "latest"


class Owner(NamedTuple):
    """Whom a sandbox and the processes in it belong to."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def escape_id(value: str) -> str:
    """Return ``value`` as one path component that cannot lead anywhere else.

    Different ids give different components, and ids of the usual letters stay as they are.
    """
    if value in {"", ".", ".."}:
        return value.replace(".", "%2E") or "%"
    return value.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")


def agents_directory(work_dir: Path) -> Path:
    """Return the directory with one directory for each agent id that this machine has had."""
    return work_dir / "slaves"


def agent_directory(work_dir: Path, agent_id: str) -> Path:
    """Return the directory of all that ran under one agent id."""
    return agents_directory(work_dir) / escape_id(agent_id)


def framework_directory(work_dir: Path, agent_id: str, framework_id: str) -> Path:
    """Return the directory of all that one framework ran on an agent."""
    return agent_directory(work_dir, agent_id) / "frameworks" / escape_id(framework_id)


def executor_directory(work_dir: Path, agent_id: str, framework_id: str, executor_id: str) -> Path:
    """Return the directory of all runs of one executor."""
    framework = framework_directory(work_dir, agent_id, framework_id)
    return framework / "executors" / escape_id(executor_id)


def executor_sandbox(
    work_dir: Path, agent_id: str, framework_id: str, executor_id: str, container_id: str
) -> Path:
    """Return the sandbox of one run of an executor; a command task is its own executor."""
    executor = executor_directory(work_dir, agent_id, framework_id, executor_id)
    return executor / "runs" / escape_id(container_id)


def nested_sandbox(parent_sandbox: Path, container_id: str) -> Path:
    """Return the sandbox of a nested container; ``container_id`` may be the whole dotted id."""
    return parent_sandbox / "containers" / escape_id(container_id.rpartition(".")[2])


def create_sandbox(work_dir: Path, sandbox: Path, owner: Owner | None) -> None:
    """Make ``sandbox``, which must not exist, and all directories above it.

    Below ``work_dir`` no symbolic link is followed: the owner of a sandbox further up could have
    put one there.

    Raises:
        OSError: It is not below ``work_dir``, exists, or cannot be made.
    """
    parts = sandbox.parts[len(work_dir.parts) :]
    is_below = sandbox.parts[: len(work_dir.parts)] == work_dir.parts
    if not is_below or not parts or ".." in parts:
        raise PermissionError(f"the sandbox {sandbox} is not below {work_dir}")
    try:
        with Beneath(work_dir) as beneath:
            directory = beneath.open_directory(parts[:-1])
            try:
                os.mkdir(parts[-1], 0o750, dir_fd=directory)
            finally:
                os.close(directory)
            if owner is not None:
                made = beneath.open_directory(parts, create=False)
                try:
                    os.fchown(made, owner.uid, owner.gid)
                finally:
                    os.close(made)
    except Escapes as error:
        raise PermissionError(f"the sandbox {sandbox} cannot be made: {error}") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(sandbox)) from None


def link_latest(sandbox: Path) -> None:
    """Let ``latest`` beside a run of an executor name that run."""
    fresh = sandbox.with_name(f".{LATEST}.{sandbox.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(sandbox.absolute())
    fresh.replace(sandbox.with_name(LATEST))
