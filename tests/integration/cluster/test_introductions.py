"""The command lines of Mesos' introductions, as they stand, with a real ZooKeeper."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zookeeper")]

PROGRAMS = Path(sys.executable).parent
CREDENTIALS = "mesos:sesame"


class Console:
    """Programs as people start them; what they say first is that they are ready."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        # What is for this machine only, so that the command lines stay as they are.
        self._environment = {
            **os.environ,
            "MESOS_IP": "127.0.0.1",
            "MESOS_HOSTNAME": "127.0.0.1",
            "MESOS_PORT": "0",
        }

    def start(self, line: str) -> str:
        """Start a daemon; return its URL."""
        program, *arguments = line.split()
        log = self._stack.enter_context((self._directory / "log").open("ab"))
        process = subprocess.Popen(
            [str(PROGRAMS / program), *arguments],
            env=self._environment,
            cwd=self._directory,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self._stack.callback(self._end, process, program)
        assert process.stdout is not None
        ready, _, url, *_ = process.stdout.readline().split() or ("", "", "")
        assert ready == "ready", self.log()
        return url

    def _end(self, process: subprocess.Popen[str], program: str) -> None:
        # An agent that is told to leave takes its supervisor with it.
        process.send_signal(signal.SIGUSR1 if program == "mesos-agent" else signal.SIGTERM)
        process.communicate(timeout=30)

    def say(self, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        program, *arguments = line.split()
        return subprocess.run(
            [str(PROGRAMS / program), *arguments],
            env={**self._environment, **environment},
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log(self) -> str:
        return (self._directory / "log").read_text()

    def close(self) -> None:
        self._stack.close()


def candidates(client: Any, path: str, count: int) -> list[str]:
    """The names of so many candidates, once they are there: daemons are ready a little before."""
    while True:
        changed = threading.Event()

        def on_change(event: object, changed: threading.Event = changed) -> None:
            changed.set()

        if client.exists(path, watch=on_change):
            names = sorted(
                name for name in client.get_children(path, watch=on_change) if "info" in name
            )
            if len(names) == count:
                return names
        assert changed.wait(30)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


def test_a_cluster_is_started_as_it_is_written(
    console: Console, three_zookeepers: Any, zookeeper_paths: Callable[[], str], tmp_path: Path
) -> None:
    path = zookeeper_paths()
    zk = three_zookeepers.url(path)
    first = console.start(f"mesos-master --zk={zk} --quorum=2 --work_dir={tmp_path}/m1")
    console.start(f"mesos-master --zk={zk} --quorum=2 --work_dir={tmp_path}/m2")
    rest = "--resources=cpus:1;mem:64;disk:64 --containerizers=mesos,docker"
    console.start(f"mesos-agent --zk={zk} --work_dir={tmp_path}/a1 {rest}")
    place = tmp_path / "zk"
    place.write_text(f"{zk}\n")
    console.start(f"mesos-agent --master=file://{place} --work_dir={tmp_path}/a2 {rest}")

    # What tools look for that know Mesos' leader.
    with three_zookeepers.client() as client:
        leader, _ = candidates(client, path, 2)
        content = json.loads(client.get(f"{path}/{leader}")[0])
    assert leader == "json.info_0000000000"
    port = int(first.rpartition(":")[2])
    assert content["pid"] == f"master@127.0.0.1:{port}"
    assert content["ip"] == 16777343
    assert content["port"] == port
    assert content["hostname"] == "127.0.0.1"
    assert content["address"] == {"hostname": "127.0.0.1", "ip": "127.0.0.1", "port": port}
    assert [each["type"] for each in content["capabilities"]] == [
        "AGENT_UPDATE",
        "AGENT_DRAINING",
        "QUOTA_V2",
    ]
    assert content["version"] == "1.11.0"
    assert content["id"]

    done = console.say(f"mesos-execute --master={zk} --name=t --command=true --resources=cpus:0.1")
    assert done.returncode == 0, done.stderr
    shown = console.say(f"tepui agents --json --master file://{place}")
    assert shown.returncode == 0, shown.stderr
    assert len(json.loads(shown.stdout)) == 2
    assert "docker_missing" in console.log()


def test_credentials_come_from_a_file_and_are_not_shown(
    console: Console, three_zookeepers: Any, zookeeper_paths: Callable[[], str], tmp_path: Path
) -> None:
    path = zookeeper_paths()
    place = tmp_path / "zk"
    place.write_text(three_zookeepers.url(path, f"{CREDENTIALS}@"))
    flags = "--quorum=1 --zk_session_timeout=10secs"
    url = console.start(f"mesos-master --zk=file://{place} {flags} --work_dir={tmp_path}/m1")
    with three_zookeepers.client() as client:
        (leader,) = candidates(client, path, 1)
        found, _ = client.get_acls(f"{path}/{leader}")
        assert {(acl.id.scheme, acl.perms) for acl in found} == {("world", 1), ("digest", 31)}
        content = client.get(f"{path}/{leader}")[0]
    assert json.loads(content)["port"] == int(url.rpartition(":")[2])
    stranger = console.say(
        f"mesos-master --zk={three_zookeepers.url(path)} --quorum=1 --work_dir={tmp_path}/m2"
    )
    assert stranger.returncode == 69
    assert "permissions" in stranger.stderr.splitlines()[-1]
    shown = console.say(f"tepui state --json --master {three_zookeepers.url(path)}")
    assert shown.returncode == 0, shown.stderr
    assert "sesame" not in shown.stdout + stranger.stderr + console.log()
