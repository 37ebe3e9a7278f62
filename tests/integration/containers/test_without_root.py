"""The same, by an agent that is nobody special."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STORY = """
import asyncio, os, signal, sys
from pathlib import Path
from tepui.containers.fetcher import Fetcher
from tepui.containers.posix import PosixContainerizer
from tepui.containers.protocol import LaunchSpec

async def main():
    work_dir = Path(sys.argv[1]).resolve()
    exits = asyncio.Queue()
    containerizer = PosixContainerizer(work_dir, Fetcher(), recovery_timeout=5.0)
    containerizer.on_exit = exits.put_nowait
    await containerizer.start()
    await containerizer.recover()

    def spec(name, script, user=None):
        return LaunchSpec(container_id=name, sandbox=str(work_dir / name), user=user,
                          argv=["/bin/sh", "-c", script], environment={"PATH": "/usr/bin:/bin"})

    await containerizer.launch(spec("a", "id -u; exit 3"))
    print((await exits.get()).status, (work_dir / "a" / "stdout").read_text().strip())
    await containerizer.launch(spec("b", "trap '' TERM; (setsid sleep 1000 &); sleep 1000"))
    await containerizer.destroy("b")
    print((await exits.get()).status)
    await containerizer.launch(spec("c", "id -u", user="root"))
    print((await exits.get()).status, (work_dir / "c" / "stdout").read_text().strip())
    await containerizer.stop(kill_all=True)

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare of util-linux")
def test_an_agent_without_root_runs_and_ends_containers_as_itself(tmp_path: Path) -> None:
    # In a user namespace of its own a process has no rights but those of its user, and yet
    # reads this checkout and interpreter, wherever they lie.
    nobody = pwd.getpwnam("nobody")
    ids = [f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"]
    probe = subprocess.run(["unshare", "--user", *ids, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this kernel gives out no user namespaces")
    done = subprocess.run(
        ["unshare", "--user", *ids, sys.executable, "-c", STORY, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{3 << 8} {nobody.pw_uid}",
        "9",
        f"0 {nobody.pw_uid}",
    ]
