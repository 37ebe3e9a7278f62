"""A container ends with all that descends from it, however it hides."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

OpenStage = Callable[..., Any]
Gone = Callable[[list[int]], list[int]]
IsRunning = Callable[[int], bool]

# Every process ignores SIGTERM; the last has left the session and lost its parent.
STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
whistle = os.open(sys.argv[1], os.O_WRONLY)
def tell():
    os.write(whistle, b"%d\\n" % os.getpid())
tell()
if os.fork() == 0:
    tell()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            tell()
            signal.pause()
        os._exit(0)
    os.wait()
    signal.pause()
mode = sys.argv[2]
if mode == "stay":
    signal.pause()
os.read(os.open(sys.argv[3], os.O_RDONLY), 1)
sys.exit(5)
"""

# A daemon by the book; what it keeps of its container depends on its arguments.
DAEMON = """
import os, signal, sys
whistle, directory, *fields = sys.argv[1:]
if os.fork() == 0:
    if "setsid" in fields:
        os.setsid()
    if os.fork() == 0:
        os.chdir(directory)
        if "null" in fields:
            null = os.open("/dev/null", os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
        code = "import os, signal, sys; f = os.open(sys.argv[1], 1);"
        code += "os.write(f, b'%d\\\\n' % os.getpid()); signal.pause()"
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code, whistle], {})
    os._exit(0)
os.wait()
os.read(os.open(fields[-1], os.O_RDONLY), 1)
"""

PYTHON = (sys.executable, "-I", "-S", "-c")


@pytest.fixture
def gate(tmp_path: Any) -> Any:
    """A second pipe, at which a first process waits for its leave."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    yield path, lambda: os.write(descriptor, b"x")
    os.close(descriptor)


def test_destroy_ends_a_tree_that_ignores_signals_and_leaves_its_session(
    open_stage: OpenStage, whistle: Any, wait_until_gone: Gone, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            container_id = await stage.launch(*PYTHON, STUBBORN, str(whistle.path), "stay")
            pids = whistle.hear(3)
            stage.containerizer.kill(container_id, signal.SIGTERM)
            assert all(map(is_running, pids))
            await stage.containerizer.destroy(container_id)
            assert not any(map(is_running, pids))
            exited = await stage.exited(container_id)
            assert os.waitstatus_to_exitcode(exited.status) == -signal.SIGKILL
            await stage.containerizer.destroy(container_id)
            await stage.containerizer.destroy("unknown")
            assert stage.heard == [container_id]

    asyncio.run(story())


def test_an_exit_is_told_when_nothing_is_left_of_the_tree(
    open_stage: OpenStage, whistle: Any, gate: Any, is_running: IsRunning
) -> None:
    path, open_gate = gate

    async def story() -> None:
        async with open_stage() as stage:
            argv = (*PYTHON, STUBBORN, str(whistle.path), "leave", str(path))
            container_id = await stage.launch(*argv)
            pids = whistle.hear(3)
            open_gate()
            exited = await stage.exited(container_id)
            assert os.waitstatus_to_exitcode(exited.status) == 5
            assert not any(map(is_running, pids))

    asyncio.run(story())


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(["null"], id="known by its session"),
        pytest.param(["setsid"], id="known by its output"),
        pytest.param(["setsid", "null", "sandbox"], id="known by its working directory"),
    ],
)
def test_a_daemon_without_its_marker_is_known_by_what_it_kept(
    open_stage: OpenStage, whistle: Any, gate: Any, is_running: IsRunning, fields: list[str]
) -> None:
    path, open_gate = gate

    async def story() -> None:
        async with open_stage() as stage:
            other = await stage.launch("/bin/sleep", "1000")
            directory = "." if "sandbox" in fields else "/"
            argv = (*PYTHON, DAEMON, str(whistle.path), directory, *fields, str(path))
            container_id = await stage.launch(*argv)
            (daemon,) = whistle.hear(1)
            open_gate()
            await stage.exited(container_id)
            assert not is_running(daemon)
            assert stage.containerizer.status(other) is not None

    asyncio.run(story())


def test_a_daemon_that_kept_nothing_goes_when_no_container_is_left(
    open_stage: OpenStage, whistle: Any, gate: Any, wait_until_gone: Gone, is_running: IsRunning
) -> None:
    path, open_gate = gate

    async def story() -> None:
        async with open_stage() as stage:
            other = await stage.launch("/bin/sleep", "1000")
            argv = (*PYTHON, DAEMON, str(whistle.path), "/", "setsid", "null", str(path))
            container_id = await stage.launch(*argv)
            (daemon,) = whistle.hear(1)
            open_gate()
            await stage.exited(container_id)
            # It could be the other container's: nobody can tell.
            assert is_running(daemon)
            await stage.containerizer.destroy(other)
            assert await asyncio.to_thread(wait_until_gone, [daemon]) == []

    asyncio.run(story())


def test_a_daemon_of_a_running_container_is_left_alone(
    open_stage: OpenStage, whistle: Any, gate: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = '(setsid sh -c "echo \\$\\$ > \\"$1\\"; exec sleep 1000" &) ; exec sleep 1000'
            container_id = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            (daemon,) = whistle.hear(1)
            assert (await stage.run("/bin/true"))[0] == 0
            assert is_running(daemon)
            await stage.containerizer.destroy(container_id)
            assert not is_running(daemon)

    asyncio.run(story())


@pytest.mark.slow
def test_many_trees_are_ended_together(
    open_stage: OpenStage, whistle: Any, is_running: IsRunning
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = 'sleep 1000 & (setsid sleep 1000 &); echo $$ > "$1"; wait'
            ids = [
                await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
                for _ in range(50)
            ]
            pids = whistle.hear(50)
            async with asyncio.TaskGroup() as group:
                for container_id in ids:
                    group.create_task(stage.containerizer.destroy(container_id))
            assert not any(map(is_running, pids))
            assert sorted(stage.heard) == sorted(ids)

    asyncio.run(story())
