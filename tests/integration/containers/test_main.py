"""The supervisor's life: it outlives its agents, but not for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tepui.containers import supervisor as supervisor_room
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


def test_a_supervisor_whose_agent_never_says_hello_ends_too(tmp_path: Path) -> None:
    script = Path(supervisor_room.__file__).with_name("__main__.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, tmp_path, "0.05", "1"],
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout) == (0, b"ready")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "lock"]


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
