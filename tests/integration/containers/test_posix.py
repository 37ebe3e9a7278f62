"""What a container's first process finds, and what is heard of its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.protocol import URI, LaunchFailed, Rlimit

OpenStage = Callable[..., Any]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="switching users takes root")


def test_the_exit_status_is_told_as_wait_gives_it(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            assert (await stage.run("/bin/true"))[0] == 0
            assert (await stage.run("/bin/sh", "-c", "exit 7"))[0] == 7
            assert (await stage.run("/bin/sh", "-c", "kill -9 $$"))[0] == -signal.SIGKILL

    asyncio.run(story())


def test_output_goes_to_files_in_the_sandbox_which_is_the_working_directory(
    open_stage: OpenStage,
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            _, sandbox = await stage.run("/bin/sh", "-c", "pwd; echo problem >&2")
            assert (sandbox / "stdout").read_text() == f"{sandbox}\n"
            assert (sandbox / "stderr").read_text() == "problem\n"

    asyncio.run(story())


def test_the_environment_is_the_given_one_and_two_markers(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")

    async def story() -> None:
        async with open_stage() as stage:
            _, sandbox = await stage.run("/usr/bin/env", environment={"A": "1", "B": "ü =x"})
            lines = (sandbox / "stdout").read_text().splitlines()
            assert sorted(line for line in lines if not line.startswith("TEPUI_")) == [
                "A=1",
                "B=ü =x",
            ]
            assert f"TEPUI_CONTAINER_ID={sandbox.name}" in lines
            assert len(lines) == 4

    asyncio.run(story())


def test_a_relative_working_directory_lies_below_the_sandbox(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    (tmp_path / "data.gz").write_bytes(b"")

    async def story() -> None:
        async with open_stage() as stage:
            uri = URI(value=str(tmp_path / "data.gz"), output_file="sub/data", extract=False)
            _, sandbox = await stage.run("/bin/pwd", working_directory="sub", uris=[uri])
            assert (sandbox / "stdout").read_text() == f"{sandbox}/sub\n"

    asyncio.run(story())


def test_a_process_leads_a_session_of_its_own_with_clean_signals(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = "cut -d' ' -f1,6 /proc/self/stat; grep SigIgn /proc/$$/status; echo $$"
            _, sandbox = await stage.run("/bin/sh", "-c", script)
            stat, ignored, own = (sandbox / "stdout").read_text().splitlines()
            assert stat.split()[1] == own
            # 32 and 33 are the C library's own.
            assert int(ignored.split()[1], 16) & ~(0b11 << 31) == 0

    asyncio.run(story())


def test_the_executable_may_differ_from_the_first_argument(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            code, sandbox = await stage.run("my-name", "-c", "echo $0", executable="/bin/sh")
            assert (code, (sandbox / "stdout").read_text()) == (0, "my-name\n")
            code, _ = await stage.run("true", environment={"PATH": "/nowhere:/usr/bin:/bin"})
            assert code == 0

    asyncio.run(story())


def test_limits_hold_in_the_process(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            rlimits = [
                Rlimit(resource="RLIMIT_NOFILE", soft=64, hard=128),
                Rlimit(resource="RLIMIT_CORE", soft=0, hard=0),
                # What clients in C have as "no limit".
                Rlimit(resource="RLIMIT_CPU", soft=2**64 - 1, hard=2**64 - 1),
            ]
            _, sandbox = await stage.run(
                "/bin/sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; ulimit -t", rlimits=rlimits
            )
            said = (sandbox / "stdout").read_text().split()
            assert said == ["64", "128", "0", "unlimited"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"argv": ("/no/such/file",)}, "/no/such/file"),
        ({"argv": ("no-such-command",)}, "no-such-command"),
        ({"argv": ("/bin/true",), "working_directory": "missing"}, "missing"),
        ({"argv": ("/bin/true", "a\0b")}, "null byte"),
        ({"argv": ("/bin/true",), "environment": {"A=B": "c"}}, "environment"),
        pytest.param(
            {"argv": ("/bin/true",), "user": "no-such-user"},
            "no-such-user",
            marks=[pytest.mark.root, needs_root],
        ),
        ({"argv": ("/bin/true",), "rlimits": [Rlimit(resource="RLIMIT_ODD")]}, "RLIMIT_ODD"),
        ({"argv": ("/bin/true",), "rlimits": [Rlimit(resource="RLIMIT_CPU", soft=9, hard=1)]}, ""),
    ],
)
def test_what_cannot_start_says_why(
    open_stage: OpenStage, fields: dict[str, Any], reason: str
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            argv = fields.pop("argv")
            with pytest.raises(LaunchFailed) as failed:
                await stage.launch(*argv, **fields)
            assert reason in failed.value.reason
            assert (await stage.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_an_id_is_good_for_one_container(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            first = await stage.launch("/bin/sleep", "60")
            with pytest.raises(LaunchFailed, match="already"):
                await stage.launch("/bin/true", container_id=first)
            assert stage.containerizer.status(first) is not None

    asyncio.run(story())


def test_a_sandbox_outside_of_the_work_directory_is_refused(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            with pytest.raises(LaunchFailed, match="is not below"):
                await stage.launch("/bin/true", container_id="../../escaped")
            assert not (tmp_path / "escaped").exists()

    asyncio.run(story())


def test_a_signal_reaches_the_whole_group(open_stage: OpenStage, whistle: Any) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            script = 'trap "exit 3" TERM; echo $$ > "$1"; sleep 1000 & wait; wait'
            container_id = await stage.launch("/bin/sh", "-c", script, "sh", str(whistle.path))
            (pid,) = whistle.hear(1)
            assert stage.containerizer.status(container_id) == pid
            stage.containerizer.kill(container_id, signal.SIGTERM)
            exited = await stage.exited(container_id)
            assert os.waitstatus_to_exitcode(exited.status) == 3
            assert stage.containerizer.status(container_id) is None
            stage.containerizer.kill(container_id, signal.SIGTERM)
            stage.containerizer.kill("unknown", signal.SIGTERM)

    asyncio.run(story())


def test_usage_covers_the_tree(open_stage: OpenStage, whistle: Any) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            # A daemon, two levels below and in a session of its own, counts too. It stops itself,
            # for a process on its way to another program has no environment to be known by; and
            # the first whistles when the one between them has ended.
            daemon = 'echo $$ > "$1"; kill -STOP $$'
            script = '(setsid sh -c "$2" sh "$1" &); echo $$ > "$1"; exec sleep 1000'
            arguments = ["sh", str(whistle.path), daemon]
            container_id = await stage.launch("/bin/sh", "-c", script, *arguments)
            whistle.hear(2)
            usage = await stage.containerizer.usage(container_id)
            assert usage.processes == 2
            assert usage.threads == 2
            assert usage.mem_rss_bytes > 100_000
            assert usage.cpus_user_time_secs + usage.cpus_system_time_secs < 1.0
            await stage.containerizer.destroy(container_id)
            assert await stage.containerizer.usage(container_id) is None

    asyncio.run(story())


def test_nested_containers_end_apart_from_their_parent(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            parent = await stage.launch("/bin/sleep", "1000")
            child = f"{parent}.{uuid.uuid4()}"
            await stage.launch("/bin/sleep", "1000", container_id=child)
            await stage.containerizer.destroy(child)
            assert stage.containerizer.status(parent) is not None
            assert stage.heard == [child]

    asyncio.run(story())


@pytest.mark.root
@needs_root
def test_a_container_runs_as_its_user_who_owns_the_sandbox(open_stage: OpenStage) -> None:
    user = pwd.getpwnam("nobody")

    async def story() -> None:
        async with open_stage() as stage:
            code, sandbox = await stage.run(
                "/bin/sh", "-c", "id -u; id -g; id -G; touch made", user="nobody"
            )
            uid, gid, groups = (sandbox / "stdout").read_text().splitlines()
            assert (code, int(uid), int(gid)) == (0, user.pw_uid, user.pw_gid)
            assert {int(group) for group in groups.split()} == {
                *os.getgrouplist("nobody", user.pw_gid)
            }
            for path in [sandbox, *sandbox.iterdir()]:
                assert path.stat().st_uid == user.pw_uid
            limits = [Rlimit(resource="RLIMIT_NOFILE", soft=10, hard=10)]
            code, sandbox = await stage.run(
                "/bin/sh", "-c", "id -u; ulimit -n", user="nobody", rlimits=limits
            )
            assert (sandbox / "stdout").read_text().split() == [str(user.pw_uid), "10"]

    asyncio.run(story())


@pytest.mark.root
@needs_root
def test_users_are_not_switched_when_the_agent_may_not(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage(switch_user=False) as stage:
            _, sandbox = await stage.run("/usr/bin/id", "-u", user="nobody")
            assert (sandbox / "stdout").read_text() == f"{os.geteuid()}\n"

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


def test_a_supervisor_without_containers_ends_with_its_agent_and_keeps_the_exits(
    open_stage: OpenStage, wait_until_gone: Callable[[list[int]], list[int]]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            container_id = await stage.launch("/bin/sh", "-c", "exit 7")
            await stage.exited(container_id)
            await stage.containerizer.stop(kill_all=False)
            assert wait_until_gone([stage.supervisor_pid]) == []
        async with open_stage() as successor:
            assert successor.supervisor_pid != stage.supervisor_pid
            (found,) = successor.recovered
            assert found.container_id == container_id
            assert found.exited is not None
            assert os.waitstatus_to_exitcode(found.exited.status or 0) == 7

    asyncio.run(story())


def test_a_supervisor_with_containers_outlives_an_agent_that_stops(open_stage: OpenStage) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            container_id = await stage.launch("/bin/sleep", "1000")
            await stage.containerizer.stop(kill_all=False)
            async with open_stage() as successor:
                assert successor.supervisor_pid == stage.supervisor_pid
                assert [found.container_id for found in successor.recovered] == [container_id]
                assert successor.recovered[0].exited is None

    asyncio.run(story())
