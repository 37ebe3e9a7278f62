"""A supervisor becomes another code, keeps its children, and says so when that is not to be."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tepui
from tepui.containers.connection import RequestRefused
from tepui.containers.protocol import SupervisorLost
from tepui.containers.supervisor_code import SupervisorCode, socket_directory

OpenStage = Callable[..., Any]
Gone = Callable[[list[int]], list[int]]
MakeCode = Callable[..., SupervisorCode]

FOREVER = ("/bin/sleep", "1000")


@pytest.fixture
def make_code(tmp_path: Path) -> MakeCode:
    """Make another release's supervisor: ours, with a few texts replaced."""

    def made(name: str, **replaced: tuple[str, str]) -> SupervisorCode:
        ours, root = Path(tepui.__file__).parent, tmp_path / name / "tepui"
        for room in ("containers/supervisor", "linux"):
            shutil.copytree(ours / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
        for module, (old, new) in replaced.items():
            path = root / "containers" / "supervisor" / f"{module}.py"
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new))
        script = root / "containers" / "supervisor" / "__main__.py"
        return SupervisorCode.of(script, root / "linux" / "processes.py")

    return made


def code_of(pid: int) -> str:
    """Return the script that a process runs."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[3]


def test_tasks_survive_and_their_ends_are_caught(
    open_stage: OpenStage, make_code: MakeCode, whistle: Any, wait_until_gone: Gone
) -> None:
    old = make_code("old", main=('"""The supervisor', '"""An older supervisor'))

    async def story() -> None:
        async with open_stage(supervisor_code=old) as before:
            sleeps = await before.launch(*FOREVER)
            script = f'setsid sleep 1000 & echo $! > "{whistle.path}"; exec sleep 1000'
            forks = await before.launch("/bin/sh", "-c", script)
            (daemon,) = whistle.hear(1)
            ends = await before.launch("/bin/sh", "-c", f'read x < "{whistle.path}"; exit 9')
            over = await before.launch("/bin/sh", "-c", "exit 4")
            await before.exited(over)
            assert code_of(before.supervisor_pid) == old.script
            await before.containerizer.stop(kill_all=False)

            async with open_stage() as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert after.containerizer.supervisor_difference is None
                own = SupervisorCode.own().script
                assert code_of(after.supervisor_pid) == own
                found = {each.container_id: each for each in after.recovered}
                assert list(found) == [sleeps, forks, ends, over]
                if found[over].exited is None:
                    assert os.waitstatus_to_exitcode((await after.exited(over)).status) == 4
                else:
                    assert os.waitstatus_to_exitcode(found[over].exited.status) == 4
                whistle.blow()
                exited = await after.exited(ends)
                assert os.waitstatus_to_exitcode(exited.status) == 9
                pid = after.containerizer.status(sleeps)
                assert pid == found[sleeps].pid
                os.kill(pid, signal.SIGTERM)
                assert os.waitstatus_to_exitcode((await after.exited(sleeps)).status) == -15
                # What left its session still falls to us, and to its container.
                await after.containerizer.destroy(forks)
                assert wait_until_gone([daemon]) == []
                assert (await after.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_who_dies_on_the_way_is_told_with_the_real_status(
    open_stage: OpenStage, make_code: MakeCode, whistle: Any
) -> None:
    # It waits for the death of a child in its last moments, and does not take it in.
    lets_go = f'os.write(os.open("{whistle.path}", os.O_RDWR), b"go\\n")'
    waits = "os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)"
    line = "        words = inheritance.words(previous)\n"
    dying = f"{line}        {lets_go}\n        {waits}\n"
    old = make_code("old", handover=(line, dying))

    async def story() -> None:
        async with open_stage(supervisor_code=old) as before:
            script = f'read x < "{whistle.path}"; exit 9'
            ends = await before.launch("/bin/sh", "-c", script)
            await before.containerizer.stop(kill_all=False)
            async with open_stage() as after:
                (found,) = after.recovered
                exited = found.exited or await after.exited(ends)
                assert os.waitstatus_to_exitcode(exited.status) == 9
                assert after.supervisor_pid == before.supervisor_pid

    asyncio.run(story())


def test_a_journal_that_was_damaged_meanwhile_is_handed_over_whole(
    open_stage: OpenStage, make_code: MakeCode
) -> None:
    async def story() -> None:
        async with open_stage() as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            (before.work_dir / "meta" / "supervisor" / "journal").write_bytes(b"")
            async with open_stage(supervisor_code=make_code("new")) as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert after.containerizer.status(sleeps) is not None

    asyncio.run(story())


@pytest.mark.parametrize("broken", ["import", "executable", "journal"])
def test_if_the_new_code_does_not_start_the_old_goes_on(
    open_stage: OpenStage, make_code: MakeCode, broken: str
) -> None:
    if broken == "import":
        new = make_code("new", frames=("VERSION = 1", "VERSION = does_not_exist"))
    elif broken == "journal":
        new = make_code("new", journal=("VERSION = 1", "VERSION = 0"))
    else:
        new = make_code("new")._replace(executable="/nowhere/python")

    async def story() -> None:
        async with open_stage() as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            async with open_stage(supervisor_code=new) as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert "does not start" in after.containerizer.supervisor_difference
                assert code_of(after.supervisor_pid) == SupervisorCode.own().script
                os.kill(after.containerizer.status(sleeps), signal.SIGKILL)
                assert (await after.exited(sleeps)).status == signal.SIGKILL

    asyncio.run(story())


@pytest.mark.parametrize("cause", ["mistake", "socket"])
def test_if_the_new_code_fails_later_the_old_takes_over_again(
    open_stage: OpenStage, make_code: MakeCode, tmp_path: Path, cause: str
) -> None:
    run = tmp_path / "run"
    new = make_code(
        "new",
        containers=("        own = os.getpid()\n        for r", "        1 / 0\n        for r"),
    )

    async def story() -> None:
        async with open_stage() as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            options: dict[str, Any] = {"supervisor_code": new}
            if cause == "socket":
                place = socket_directory(run, before.work_dir.resolve() / "meta" / "supervisor")
                (place / "socket" / "is a directory").mkdir(parents=True)
                options = {"runtime_dir": run}
            async with open_stage(**options) as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert "has not become" in after.containerizer.supervisor_difference
                assert code_of(after.supervisor_pid) == SupervisorCode.own().script
                os.kill(after.containerizer.status(sleeps), signal.SIGKILL)
                assert (await after.exited(sleeps)).status == signal.SIGKILL
                assert (await after.run("/bin/true"))[0] == 0

    asyncio.run(story())


def test_an_idle_supervisor_is_replaced_and_its_exits_are_kept(
    open_stage: OpenStage, make_code: MakeCode
) -> None:
    async def story() -> None:
        async with open_stage(supervisor_code=make_code("old")) as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            os.kill(before.containerizer._supervisor_pid, 0)
            async with open_stage() as between:
                os.kill(between.containerizer.status(sleeps), signal.SIGKILL)
                await between.exited(sleeps)
                # As by kill -9 of the agent: the supervisor is left alone with its exit.
                await between.containerizer._connection.close()
                async with open_stage(supervisor_code=make_code("new")) as after:
                    assert after.supervisor_pid != before.supervisor_pid
                    (recovered,) = after.recovered
                    assert recovered.exited.status == signal.SIGKILL

    asyncio.run(story())


def test_one_that_speaks_another_language_is_asked_to_become_ours(
    open_stage: OpenStage, make_code: MakeCode
) -> None:
    foreign = make_code("foreign")
    version = ("VERSION = 1", "VERSION = 7"), ("VERSION_MIN = 1", "VERSION_MIN = 7")

    async def story() -> None:
        async with open_stage(supervisor_code=foreign) as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            speaks = make_code("speaks", frames=version[0])
            frames = Path(speaks.script).with_name("frames.py")
            frames.write_text(frames.read_text().replace(*version[1]))
            # It goes on as one that we do not understand, and we cannot even say hello to it.
            with pytest.raises(SupervisorLost, match="versions 1 to 1 are not spoken here, but 7"):
                async with open_stage(supervisor_code=speaks):
                    pass
            async with open_stage() as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert after.containerizer.status(sleeps) is not None

    asyncio.run(story())


def test_one_from_before_handovers_is_taken_as_it_is_until_nothing_runs(
    open_stage: OpenStage, make_code: MakeCode
) -> None:
    ancient = make_code(
        "ancient",
        requests=('if call == "upgrade"', 'if call == "there was none"'),
        handover=('code=named.get("code", "")', 'code=""'),
    )

    async def story() -> None:
        async with open_stage(supervisor_code=ancient) as before:
            sleeps = await before.launch(*FOREVER)
            await before.containerizer.stop(kill_all=False)
            async with open_stage() as after:
                assert after.supervisor_pid == before.supervisor_pid
                assert "no call 'upgrade'" in after.containerizer.supervisor_difference
                await after.containerizer.destroy(sleeps)
                await after.containerizer._connection.close()
                async with open_stage() as last:
                    assert last.supervisor_pid != before.supervisor_pid
                    assert last.containerizer.supervisor_difference is None

    asyncio.run(story())


def test_nobody_replaces_a_supervisor_behind_its_agents_back(
    open_stage: OpenStage, make_code: MakeCode
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            await stage.launch(*FOREVER)
            stranger = await stage.containerizer._process._try_connect()
            new = make_code("new")
            with pytest.raises(RequestRefused, match="an agent is served"):
                await stranger.request(
                    "upgrade",
                    executable=new.executable,
                    script=new.script,
                    code=new.identity,
                    socket_directory=str(stage.work_dir),
                )
            with pytest.raises(RequestRefused, match="script is None"):
                await stage.containerizer._connection.request("upgrade", executable="/bin/sh")
            assert not stage.lost.is_set()
            await stranger.close()

    asyncio.run(story())


# Where the socket is.


def place_of(runtime_dir: Path) -> Path:
    (place,) = runtime_dir.iterdir()
    return place


def test_the_socket_may_be_elsewhere_and_nothing_else_is(
    open_stage: OpenStage, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    async def story() -> None:
        async with open_stage(runtime_dir=run) as stage:
            assert (await stage.run("/bin/true"))[0] == 0
            assert [each.name for each in place_of(run).iterdir()] == ["socket"]
            state = stage.work_dir / "meta" / "supervisor"
            assert (state / "socket").readlink() == place_of(run) / "socket"
            assert sorted(each.name for each in state.iterdir()) == [
                "journal",
                "lock",
                "log",
                "socket",
            ]
        assert list(place_of(run).iterdir()) == []
        assert not (state / "socket").is_symlink()

    asyncio.run(story())


def test_agents_share_a_runtime_directory(open_stage: OpenStage, tmp_path: Path) -> None:
    async def story() -> None:
        run = tmp_path / "run"
        async with (
            open_stage(tmp_path / "a", runtime_dir=run) as first,
            open_stage(tmp_path / "b", runtime_dir=run) as second,
        ):
            assert first.supervisor_pid != second.supervisor_pid
            assert len(list(run.iterdir())) == 2
            await first.containerizer.stop(kill_all=True)
            assert (await second.run("/bin/true"))[0] == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    ("before", "after"), [("run", "other"), (None, "run"), ("run", None)], ids=str
)
def test_a_supervisor_moves_with_its_containers(
    open_stage: OpenStage, tmp_path: Path, before: str | None, after: str | None
) -> None:
    def directory(name: str | None) -> Path | None:
        return None if name is None else tmp_path / name

    async def story() -> None:
        async with open_stage(runtime_dir=directory(before)) as first:
            sleeps = await first.launch(*FOREVER)
            await first.containerizer.stop(kill_all=False)
            async with open_stage(runtime_dir=directory(after)) as second:
                assert second.supervisor_pid == first.supervisor_pid
                assert second.containerizer.supervisor_difference is None
                assert second.containerizer.status(sleeps) is not None
                if before is not None:
                    assert list(place_of(tmp_path / before).iterdir()) == []
                state = second.work_dir / "meta" / "supervisor"
                assert (state / "socket").is_symlink() is (after is not None)
                assert (state / "socket").is_socket()

    asyncio.run(story())


def test_a_socket_that_was_cleaned_away_is_made_anew(open_stage: OpenStage, tmp_path: Path) -> None:
    async def story() -> None:
        run = tmp_path / "run"
        async with open_stage(runtime_dir=run) as first:
            sleeps = await first.launch(*FOREVER)
            await first.containerizer.stop(kill_all=False)
            shutil.rmtree(run)
            async with open_stage(runtime_dir=run) as second:
                assert second.supervisor_pid == first.supervisor_pid
                assert second.containerizer.status(sleeps) is not None

    asyncio.run(story())


def test_a_runtime_directory_may_be_lost_with_the_boot(
    open_stage: OpenStage, tmp_path: Path, wait_until_gone: Gone
) -> None:
    async def story() -> None:
        run = tmp_path / "run"
        async with open_stage(runtime_dir=run) as first:
            sleeps = await first.launch(*FOREVER)
            _, sandbox = await first.run("/bin/sh", "-c", "exit 7")
            await first.containerizer.stop(kill_all=False)
            os.kill(first.supervisor_pid, signal.SIGKILL)
            assert wait_until_gone([first.supervisor_pid]) == []
            shutil.rmtree(run)
            async with open_stage(runtime_dir=run) as second:
                # The journal is not there, so that no status is lost that was known.
                ends = {each.container_id: each.exited.status for each in second.recovered}
                assert ends == {sleeps: None, sandbox.name: 7 << 8}
                assert place_of(run).is_dir()

    asyncio.run(story())


def test_a_place_that_others_may_write_to_is_refused(open_stage: OpenStage, tmp_path: Path) -> None:
    async def story() -> None:
        run = tmp_path / "run"
        async with open_stage(runtime_dir=run):
            pass
        place_of(run).chmod(0o777)
        with pytest.raises(SupervisorLost, match="only this user may write to"):
            async with open_stage(runtime_dir=run):
                pass

    asyncio.run(story())
