"""What outlives whom: agents and supervisors that are killed, replaced, or spoken to badly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.posix import state_directory
from tepui.containers.protocol import LaunchFailed, SupervisorAlive
from tepui.linux.processes import read_process

OpenStage = Callable[..., Any]
Gone = Callable[[list[int]], list[int]]
IsRunning = Callable[[int], bool]

AGENT = """
import asyncio, sys
from pathlib import Path
from tepui.containers.fetcher import Fetcher
from tepui.containers.posix import PosixContainerizer
from tepui.containers.protocol import LaunchSpec

async def main():
    work_dir = Path(sys.argv[1])
    containerizer = PosixContainerizer(work_dir, Fetcher(), recovery_timeout=float(sys.argv[2]))
    await containerizer.start()
    await containerizer.recover()
    print(containerizer._supervisor_pid, flush=True)
    for number, script in enumerate(sys.argv[3:]):
        spec = LaunchSpec(container_id=f"c{number}", sandbox=str(work_dir / f"c{number}"),
                          argv=["/bin/sh", "-c", script], environment={"PATH": "/usr/bin:/bin"})
        print(await containerizer.launch(spec), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def run_agent(
    work_dir: Path, *scripts: str, recovery_timeout: float = 60.0
) -> tuple[subprocess.Popen[str], int, list[int]]:
    """Start an agent in a process of its own; return it, its supervisor and its containers."""
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(work_dir), str(recovery_timeout), *scripts],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert agent.stdout is not None
    supervisor, *containers = (int(agent.stdout.readline()) for _ in range(1 + len(scripts)))
    return agent, supervisor, containers


def kill_hard(agent: subprocess.Popen[str]) -> None:
    agent.kill()
    agent.wait()
    assert agent.stdout is not None
    agent.stdout.close()


def speak(work_dir: Path) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(10.0)
    directory = os.open(state_directory(work_dir), os.O_RDONLY)
    try:
        peer.connect(f"/proc/self/fd/{directory}/socket")
    finally:
        os.close(directory)
    return peer


def test_a_killed_agents_successor_finds_what_runs_and_what_ended(
    open_stage: OpenStage, whistle: Any, tmp_path: Path, wait_until_gone: Gone
) -> None:
    work_dir = tmp_path / "work"
    agent, supervisor, (runs, ends) = run_agent(
        work_dir, "exec sleep 1000", f'read x < "{whistle.path}"; exit 9'
    )
    kill_hard(agent)
    whistle.blow()
    assert wait_until_gone([ends]) == []

    async def story() -> None:
        async with open_stage(work_dir) as stage:
            assert stage.supervisor_pid == supervisor
            found = {item.container_id: item for item in stage.recovered}
            assert (found["c0"].pid, found["c0"].exited) == (runs, None)
            if found["c1"].exited is None:  # our hello came before the supervisor's turn
                exited = await stage.exited("c1")
            else:
                exited = found["c1"].exited
            assert os.waitstatus_to_exitcode(exited.status) == 9
            assert stage.containerizer.status("c0") == runs
            assert stage.containerizer.status("c1") is None
            stage.containerizer.acknowledge_exit("c1")
            await stage.containerizer.destroy("c0")
            await stage.containerizer.stop(kill_all=False)
            await stage.start()
            # What was acknowledged is forgotten, what was not is told again.
            assert [(r.container_id, r.exited is None) for r in stage.recovered] == [("c0", False)]

    asyncio.run(story())


def test_without_an_agent_containers_end_after_the_recovery_timeout(
    tmp_path: Path, wait_until_gone: Gone
) -> None:
    agent, supervisor, containers = run_agent(
        tmp_path, "exec sleep 1000", "setsid sleep 1000 & sleep 1000", recovery_timeout=0.05
    )
    kill_hard(agent)
    assert wait_until_gone([supervisor, *containers]) == []


def test_the_exits_of_an_ended_supervisor_are_told_by_its_successor(
    open_stage: OpenStage, tmp_path: Path, wait_until_gone: Gone
) -> None:
    work_dir = tmp_path / "work"
    agent, supervisor, _ = run_agent(work_dir, "exec sleep 1000", recovery_timeout=0.05)
    kill_hard(agent)
    assert wait_until_gone([supervisor]) == []

    async def story() -> None:
        async with open_stage(work_dir) as stage:
            (recovered,) = stage.recovered
            assert os.waitstatus_to_exitcode(recovered.exited.status) == -signal.SIGKILL

    asyncio.run(story())


def test_a_killed_supervisors_containers_are_ended_and_come_back_as_lost(
    open_stage: OpenStage, whistle: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = '(setsid sh -c "echo \\$\\$ > \\"$1\\"; exec sleep 1000" &) ; exec sleep 1000'
            lost = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            pids = [*whistle.hear(1), stage.containerizer.status(lost)]
            ended = await stage.launch("/bin/sh", "-c", "exit 4")
            await stage.exited(ended)
            os.kill(stage.supervisor_pid, signal.SIGKILL)
            await stage.lost.wait()
            assert stage.containerizer.status(lost) is None
            with pytest.raises(LaunchFailed):
                await stage.launch("/bin/true")
            await stage.start()
            assert not any(map(is_running, pids))
            exits = {item.container_id: item.exited for item in stage.recovered}
            assert exits[lost].status is None
            assert os.waitstatus_to_exitcode(exits[ended].status) == 4
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_an_agent_can_end_orphans_itself(
    open_stage: OpenStage, whistle: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = '(setsid sh -c "echo \\$\\$ > \\"$1\\"; exec sleep 1000" &) ; exec sleep 1000'
            container_id = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            pids = [*whistle.hear(1), stage.containerizer.status(container_id)]
            with pytest.raises(SupervisorAlive):
                await stage.containerizer.kill_orphans()
            os.kill(stage.supervisor_pid, signal.SIGKILL)
            await stage.lost.wait()
            # The journal knows only the first process; the other one is found by its marker.
            (state_directory(stage.work_dir) / "journal").write_bytes(b"")
            assert await stage.containerizer.kill_orphans() == [container_id]
            assert not any(map(is_running, pids))
            assert await stage.containerizer.kill_orphans() == []

    asyncio.run(story())


def test_nonsense_on_the_socket_harms_nobody(open_stage: OpenStage) -> None:
    def frame(body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + body

    nonsense = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        frame(b"not json"),
        frame(b"[1, 2]"),
        frame(b"[" * 100_000),
        frame(b"{}"),
        frame(b'{"id": 1, "call": "stop"}'),
        frame(b'{"id": 1, "call": "hello", "version": 99, "recovery_timeout": 1}'),
        frame(b'{"id": 1, "call": "hello", "version": 1, "recovery_timeout": "x"}'),
        frame(b'{"id": [], "call": {}}'),
        b"",
    ]

    async def story() -> None:
        async with open_stage() as stage:
            container_id = await stage.launch("/bin/sleep", "1000")
            for data in nonsense:
                with speak(stage.work_dir) as peer:
                    peer.sendall(data)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass
            assert stage.containerizer.status(container_id) is not None
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    "fields",
    [
        {"call": "launch"},
        {"call": "launch", "container_id": "a", "sandbox": 7, "argv": ["x"]},
        {"call": "launch", "container_id": "a", "sandbox": "/", "argv": []},
        {"call": "launch", "container_id": "a", "sandbox": "/", "argv": "true"},
        {"call": "kill", "container_id": "a", "signal": 1000},
        {"call": "kill", "container_id": "a", "signal": True},
        {"call": "destroy", "container_id": None},
        {"call": "dance"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    open_stage: OpenStage, fields: dict[str, Any]
) -> None:
    from tepui.containers.connection import RequestRefused

    async def story() -> None:
        async with open_stage() as stage:
            with pytest.raises(RequestRefused):
                await stage.containerizer._connection.request(**fields)
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_a_second_agent_takes_the_place_of_the_first(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as first:
            container_id = await first.launch("/bin/sleep", "1000")
            async with open_stage() as second:
                await first.lost.wait()
                assert second.supervisor_pid == first.supervisor_pid
                assert [item.container_id for item in second.recovered] == [container_id]

    asyncio.run(story())


def test_two_agents_that_start_at_once_get_one_supervisor(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_stage() as first:
            ended = first.supervisor_pid
            await first.containerizer.stop(kill_all=True)
            second, third = type(first)(first.work_dir), type(first)(first.work_dir)
            await asyncio.gather(second.containerizer.start(), third.containerizer.start())
            assert second.supervisor_pid == third.supervisor_pid != ended
            assert await third.containerizer.recover() == []
            for stage in (second, third):
                await stage.containerizer.stop(kill_all=True)

    asyncio.run(story())


def test_the_supervisor_is_small_and_in_a_session_of_its_own(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            for _ in range(20):
                await stage.run("/bin/true")
            process = read_process(stage.supervisor_pid)
            assert process.session == stage.supervisor_pid
            assert process.rss_pages * os.sysconf("SC_PAGE_SIZE") < 15 << 20
            assert process.threads == 1

    asyncio.run(story())


def test_a_long_work_directory_is_no_problem(open_stage: OpenStage, tmp_path: Path) -> None:
    async def story() -> None:
        async with open_stage(tmp_path / ("x" * 120) / ("y" * 120)) as stage:
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_a_launch_is_given_up_while_it_fetches(open_stage: OpenStage) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        hung_up.set()

    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def story() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, open_stage() as stage, asyncio.TaskGroup() as group:
            from tepui.containers.protocol import URI

            uri = URI(value=f"http://127.0.0.1:{port}/file")
            launch = group.create_task(_reason(stage.launch("x", container_id="a", uris=[uri])))
            await asked.wait()
            await stage.containerizer.destroy("a")
            assert "destroyed" in await launch
            await hung_up.wait()

    asyncio.run(story())


async def _reason(launch: Any) -> str:
    with pytest.raises(LaunchFailed) as failed:
        await launch
    return failed.value.reason
