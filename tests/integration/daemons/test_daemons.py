"""Daemons as an operator starts them: flags, the ready line, signals, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tepui.daemons.cluster import Cluster, ClusterFailed, start_daemon

pytestmark = pytest.mark.slow


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "arguments", "complaint"),
    [
        ("tepui.daemons.master", ["--prot=1"], "--prot: unknown flag; did you mean --port?"),
        ("tepui.daemons.master", ["--port=0"], "--work_dir is needed by --registry"),
        ("tepui.daemons.master", ["--zk=zk://a"], "--zk: the URL names no path"),
        ("tepui.daemons.agent", ["--work_dir=/x"], "--master is missing"),
        ("tepui.daemons.agent", ["--master=here:1"], "--work_dir is missing"),
        (
            "tepui.daemons.agent",
            ["--master=here", "--work_dir=/tmp"],
            "--master: 'here' is neither host:port nor",
        ),
        (
            "tepui.daemons.agent",
            ["--master=h:1", "--work_dir=/dev/null/x"],
            "--work_dir=/dev/null/x",
        ),
    ],
)
def test_a_flag_that_is_wrong_is_one_clear_line(
    module: str, arguments: list[str], complaint: str
) -> None:
    done = run(module, *arguments)
    assert done.returncode == 64
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_help_and_version_go_to_standard_output() -> None:
    shown = run("tepui.daemons.agent", "--help")
    assert shown.returncode == 0
    assert "--executor_shutdown_grace_period" in shown.stdout
    assert run("tepui.daemons.master", "--version").stdout.startswith("mesos 1.11.0 (")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = await start_daemon(
            "first",
            "tepui.daemons.master",
            ["--ip=127.0.0.1", "--port=0", "--registry=in_memory"],
            tmp_path,
        )
        port = first.url.rpartition(":")[2]
        arguments = ["--ip=127.0.0.1", f"--port={port}", "--registry=in_memory"]
        with pytest.raises(ClusterFailed, match=f"cannot listen on port {port}"):
            await start_daemon("second", "tepui.daemons.master", arguments, tmp_path)
        await first.stop(signal.SIGTERM)
        assert await first.wait() == 0

    asyncio.run(scenario())


def test_a_foreign_registry_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"no database at all" * 100)
    done = run("tepui.daemons.master", "--ip=127.0.0.1", "--port=0", f"--work_dir={tmp_path}")
    assert done.returncode == 69
    assert "registry.sqlite" in done.stderr.splitlines()[-1]


def test_a_cluster_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with Cluster(work_dir=tmp_path, agents=2, resources="cpus:1;mem:64"):
            return len(_processes_of(tmp_path))

    # Master, agents, and the agents' supervisors.
    assert asyncio.run(scenario()) == 5
    assert _processes_of(tmp_path) == []


def _processes_of(directory: Path) -> list[str]:
    """Return the command lines that name ``directory``."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(directory) in line:
            found.append(line)
    return found


def test_daemons_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = (
        "import asyncio, json, sys, pathlib\n"
        "from tepui.daemons.cluster import Cluster\n"
        "async def main():\n"
        "    cluster = Cluster(work_dir=pathlib.Path(sys.argv[1]), agents=1)\n"
        "    await cluster.start()\n"
        "    pids = [cluster.master.pid, cluster.agents[0].pid]\n"
        "    print(json.dumps(pids), flush=True)\n"
        "    sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        daemons = [psutil.Process(pid) for pid in json.loads(parent.stdout.readline())]
        parent.kill()
        gone, alive = psutil.wait_procs(daemons, timeout=60)
    assert len(gone) == 2
    assert not alive
