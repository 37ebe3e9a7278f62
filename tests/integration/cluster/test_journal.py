"""A master's journal, from a real cluster: killed, and executed anew by ``tepui replay``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.daemons.cluster import ClusterFailed, start_daemon
from tepui.master import journal
from tepui.master.core.events import SchedulerCalled
from tepui.master.journal import Digest, Header, Input, Raised
from tepui.master.recording import runs, segments
from tepui.messages import TaskInfo

pytestmark = pytest.mark.slow

_TEPUI = "import sys; from tepui.cli.app import run; sys.exit(run('tepui', sys.argv[1:]))"


def replay(path: Path, *arguments: str, seed: int = 0) -> subprocess.CompletedProcess[str]:
    """Run ``tepui replay`` in a process of its own, which has hashes of its own."""
    return subprocess.run(
        [sys.executable, "-c", _TEPUI, "replay", str(path), *arguments],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=False,
    )


async def use(stage: Any, new_task: Callable[..., TaskInfo]) -> None:
    """Have tasks run and end, operators ask, and the master die in the midst of it."""
    framework = await stage.framework()
    for name, command in (("ends", "exit 0"), ("fails", "exit 3"), ("stays", "exec sleep 1000")):
        await framework.launch(new_task(name, command))
    await framework.sees("ends", "TASK_FINISHED")
    await framework.sees("fails", "TASK_FAILED")
    await framework.sees("stays", "TASK_RUNNING")
    # What was seen is on its way to the disk, unless it was written a moment ago.
    await stage.shows("/metrics/snapshot", lambda metrics: metrics["journal/waiting_bytes"] == 0.0)
    metrics = await stage.get("/metrics/snapshot")
    assert metrics["journal/recording"] == 1.0
    await stage.kill(stage.cluster.master, signal.SIGKILL)


def rewritten(
    run: Path,
    to: Path,
    change: Callable[[Header], Header] = lambda header: header,
    event: Callable[[int, Input], Input] = lambda number, taken: taken,
) -> Path:
    """Write the run's only segment anew, with something else in it."""
    [segment] = segments(run)
    data = b""
    number = 0
    for record in journal.records(segment.read_bytes()):
        if isinstance(record, Header):
            data += journal.segment_start(change(record))
        elif isinstance(record, Input):
            number += 1
            taken = event(number, record)
            data += journal.block([journal.input_record(taken.event, taken.now)])
        elif isinstance(record, Digest):
            data += journal.block([journal.digest_record(record)])
        else:
            assert not isinstance(record, Raised)
    to.write_bytes(data)
    return to


def test_what_a_killed_master_did_is_executed_anew_and_what_is_not_as_it_was_is_found(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], tmp_path: Path
) -> None:
    directory = tmp_path / "journal"

    async def scenario() -> None:
        async with open_stage(master_flags=(f"--journal={directory}", "--weights=x=2")) as stage:
            await use(stage, new_task)

    asyncio.run(scenario())
    [run] = runs(directory)
    agrees_whatever_the_hashes(run)
    # The directory of --journal holds this one run.
    assert replay(directory).returncode == 0
    another_flag_diverges(run, tmp_path / "flag.journal")
    another_input_diverges(run, tmp_path / "input.journal")


def agrees_whatever_the_hashes(run: Path) -> None:
    """The order of sets, and of all that hashes decide, is another in each process."""
    for seed in (1, 2, 3):
        done = replay(run, "--json", seed=seed)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert (told["agents"], told["tasks_over"]) == (1, 2)
        assert "killed" in told["ending"]


def another_flag_diverges(run: Path, changed: Path) -> None:
    """The interval of allocations is asked for with the first step."""

    def slower(header: Header) -> Header:
        options = msgspec.structs.replace(header.config.allocator, allocation_interval=7.0)
        config = msgspec.structs.replace(header.config, allocator=options)
        return msgspec.structs.replace(header, config=config)

    done = replay(rewritten(run, changed, slower))
    assert done.returncode == 1
    assert "step 1 is not as it was: recorded is" in done.stdout
    assert "RegistryRecovered" in done.stdout
    assert '"seconds": 7.0' in done.stdout


def another_input_diverges(run: Path, changed: Path) -> None:
    planted: list[int] = []

    def change(number: int, taken: Input) -> Input:
        event = taken.event
        if not isinstance(event, SchedulerCalled) or event.call.accept is None or planted:
            return taken
        planted.append(number)
        return Input(taken.now, msgspec.structs.replace(event, stream_id="another's"))

    rewritten(run, changed, event=change)
    done = replay(changed, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["step"] == planted[0]
    assert told["event"]["call"]["type"] == "ACCEPT"
    assert [effect["status"] for effect in told["effects"]] == [400]
    assert replay(changed, f"--until={planted[0] - 1}").returncode == 0


def test_each_master_that_leads_begins_a_run(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], tmp_path: Path
) -> None:
    directory = tmp_path / "journal"

    async def scenario() -> None:
        async with open_stage(master_flags=(f"--journal={directory}",)) as stage:
            framework = await stage.framework()
            await framework.launch(new_task("stays", "exec sleep 1000"))
            await framework.sees("stays", "TASK_RUNNING")
            await stage.cluster.master.stop(signal.SIGTERM)
            await stage.cluster.start_master()
            await stage.shows("/slaves", lambda state: len(state["slaves"]) == 1)

    asyncio.run(scenario())
    assert len(runs(directory)) == 2
    done = replay(directory, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["ending"] == "the journal was closed: the master ended"
    assert first["master_id"] != second["master_id"]
    refused = replay(directory, "--until=1")
    assert refused.returncode == 2
    assert "several runs" in refused.stderr


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--journal={0}/j", "--journal_max_bytes=1000B"), "1000B is less than 1MB"),
        (("--journal=/dev/null/j",), "--journal=/dev/null/j: "),
    ],
)
def test_a_journal_that_cannot_be_kept_is_said_at_the_start(
    flags: Sequence[str], complaint: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        arguments = ["--ip=127.0.0.1", "--port=0", "--registry=in_memory"]
        arguments += [each.format(tmp_path) for each in flags]
        with pytest.raises(ClusterFailed, match=complaint):
            await start_daemon("master", "tepui.daemons.master", arguments, tmp_path)

    asyncio.run(scenario())
