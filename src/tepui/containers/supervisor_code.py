"""Which code a supervisor runs and where its socket is, as its agent wants it."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from tepui.containers.protocol import SupervisorLost
from tepui.linux import processes

DIGEST_CHARS = 16


class SupervisorCode(NamedTuple):
    """A supervisor's program: its interpreter, its script, and what tells it from others."""

    executable: str
    script: str
    identity: str

    @classmethod
    def of(cls, script: Path, *others: Path) -> SupervisorCode:
        """Return the program that ``script`` starts; ``others`` are its modules elsewhere."""
        digest = hashlib.sha256()
        for part in (sys.version, sys.executable, str(script)):
            digest.update(part.encode() + b"\0")
        for path in (*sorted(script.parent.glob("*.py")), *others):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return cls(sys.executable, str(script), digest.hexdigest()[:DIGEST_CHARS])

    @classmethod
    def own(cls) -> SupervisorCode:
        """Return the program that belongs to this agent."""
        # A script by its path, not ``-m``: that would import every package above it.
        script = Path(__file__).with_name("supervisor") / "__main__.py"
        return cls.of(script, Path(processes.__file__))


def socket_directory(runtime_dir: Path | None, state_directory: Path) -> Path:
    """Return where a supervisor's socket belongs, which is there and nobody else's then.

    Agents may share a runtime directory: each has a place of its own in it.

    Raises:
        SupervisorLost: It cannot be made, or is not ours.
    """
    if runtime_dir is None:
        return state_directory
    name = hashlib.sha256(os.fsencode(state_directory)).hexdigest()[:DIGEST_CHARS]
    directory = runtime_dir / f"agent-{name}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise SupervisorLost(f"the runtime directory cannot be made: {error}") from None
    # Others may write to what is above it, /tmp for example.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SupervisorLost(f"{directory} is not a directory that only this user may write to")
    return directory
