"""The journal is kept beside the master: whole, bounded, and never in its way."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import START, conversation, core, header

from tepui.allocator import HierarchicalAllocator
from tepui.master import recording
from tepui.master.core.events import AllocateSlice, Persisted, WhitelistChanged
from tepui.master.recording import JOURNAL_BYTES_MIN, JournalDirectory, Recorder, runs, segments
from tepui.master.replaying import Replay, Run


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[JournalDirectory]:
    found = JournalDirectory(tmp_path / "journal", 1 << 30)
    yield found
    found.close()


def big(letter: str, size: int) -> WhitelistChanged:
    return WhitelistChanged(hostnames=(letter * size,))


def followed(path: Path) -> int:
    """Replay a run, and return how many steps went as they did."""
    run = Run(path)
    replay = Replay(run.header, HierarchicalAllocator)
    steps = 0
    for step in run.steps():
        assert replay.take(step) is None
        steps += 1
    return steps


def test_what_a_core_did_is_executed_anew(directory: JournalDirectory) -> None:
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    for event in conversation():
        handle(event, START)
    recorder.close("the test is over")
    [run] = runs(directory.path)
    assert followed(run) == len(conversation())
    reading = Run(run)
    assert len(list(reading.steps())) == 6
    assert reading.ending == "the journal was closed: the test is over"


def test_a_master_that_only_waits_leaves_no_run(directory: JournalDirectory) -> None:
    recorder = Recorder(directory, header())
    recorder.over(core().handle)
    recorder.close("it never led")
    assert runs(directory.path) == []


def test_what_led_to_a_crash_is_written_before_the_master_ends(
    directory: JournalDirectory,
) -> None:
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    for event in conversation():
        handle(event, START)
    with pytest.raises(KeyError):
        handle(Persisted(token=99), START)
    # Nobody closes it: the process is gone.
    [run] = runs(directory.path)
    reading = Run(run)
    replay = Replay(reading.header, HierarchicalAllocator)
    assert [replay.take(step) for step in reading.steps()] == [None] * 7
    assert isinstance(replay.error, KeyError)
    recorder.close("the test is over")


def test_a_step_is_on_its_way_to_the_disk_before_it_is_done(directory: JournalDirectory) -> None:
    """So that the journal of a master that hangs in a step has what it hangs in."""
    recorder = Recorder(directory, header())
    master = core()
    seen: list[int] = []

    def handle(event: object, now: object) -> list[object]:
        recorder.flush()
        seen.append(len(list(Run(runs(directory.path)[0]).steps())))
        return []

    recorded = recorder.over(handle)  # type: ignore[arg-type]
    recorded(AllocateSlice(), START)
    recorded(AllocateSlice(), START)
    assert seen == [1, 2]
    assert master.state.agents == {}
    recorder.close("the test is over")


def test_the_files_are_for_nobody_elses_eyes(directory: JournalDirectory) -> None:
    recorder = Recorder(directory, header())
    recorder.over(core().handle)(conversation()[0], START)
    recorder.close("the test is over")
    [run] = runs(directory.path)
    [segment] = segments(run)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (directory.path, run, segment)]
    assert modes == [0o700, 0o700, 0o600]


def test_each_start_begins_a_run_of_its_own(directory: JournalDirectory) -> None:
    for _ in range(2):
        name = directory.next_run(START.wall)
        recorder = Recorder(directory, header(run=name))
        recorder.over(core().handle)(conversation()[0], START)
        recorder.close("the test is over")
    assert [run.name for run in runs(directory.path)] == [
        "000001-20231114T221320Z",
        "000002-20231114T221320Z",
    ]


def test_two_masters_do_not_share_a_directory(directory: JournalDirectory) -> None:
    with pytest.raises(OSError, match="another master keeps its journal there"):
        JournalDirectory(directory.path, 1 << 30)


def test_a_run_goes_on_in_new_segments_and_can_be_executed(tmp_path: Path) -> None:
    directory = JournalDirectory(tmp_path, JOURNAL_BYTES_MIN)
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    for event in conversation():
        handle(event, START)
    for letter in "abcdef":
        handle(big(letter, 100_000), START)
    recorder.close("the test is over")
    [run] = runs(tmp_path)
    assert len(segments(run)) == 6
    assert followed(run) == 12
    assert recorder.metrics()["journal/steps"] == 12.0
    assert recorder.metrics()["journal/replayable"] == 1.0
    directory.close()


def test_the_oldest_runs_go_first_and_then_the_beginning_of_this_one(tmp_path: Path) -> None:
    directory = JournalDirectory(tmp_path, JOURNAL_BYTES_MIN)
    old = Recorder(directory, header(run=directory.next_run(0.0)))
    old.over(core().handle)(big("x", 300_000), START)
    old.close("the test is over")
    strange = tmp_path / "000001-19700101T000000Z" / "notes.txt"
    strange.write_text("somebody's own")
    recorder = Recorder(directory, header(run=directory.next_run(0.0)))
    handle = recorder.over(core().handle)
    for event in conversation():
        handle(event, START)
    for number in range(30):
        handle(big(str(number % 10), 100_000), START)
        recorder.flush()
        taken = sum(each.stat().st_size for each in tmp_path.rglob("*.journal"))
        assert taken <= JOURNAL_BYTES_MIN
    recorder.close("the test is over")
    # What is not ours stays.
    assert [each.name for each in strange.parent.iterdir()] == ["notes.txt"]
    reading = Run(runs(tmp_path)[1])
    assert not reading.is_whole
    assert [step.number for step in reading.steps()][-1] == 36
    assert recorder.metrics()["journal/replayable"] == 0.0
    directory.close()


def test_a_disk_that_is_full_ends_the_journal_and_not_the_master(
    directory: JournalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    events = conversation()
    for event in events[:3]:
        handle(event, START)
    recorder.flush()
    monkeypatch.setattr(os, "write", full)
    handle(events[3], START)
    recorder.flush()
    monkeypatch.undo()
    assert handle(events[4], START)
    recorder.close("the test is over")
    assert recorder.failure is not None
    assert "No space left on device" in recorder.failure
    assert recorder.metrics()["journal/recording"] == 0.0
    assert followed(runs(directory.path)[0]) == 3


def test_a_disk_that_is_full_from_the_start_is_left_no_segment_that_cannot_be_read(
    directory: JournalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", full)
    recorder = Recorder(directory, header())
    recorder.over(core().handle)(conversation()[0], START)
    recorder.close("the test is over")
    monkeypatch.undo()
    assert recorder.failure is not None
    [run] = runs(directory.path)
    assert segments(run) == []


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_disk_that_is_too_slow_ends_the_journal_and_not_the_master(
    directory: JournalDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "WAITING_BYTES_MAX", 1000)
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    handle(conversation()[0], START)
    handle(big("a", 2000), START)
    assert recorder.failure == "the disk is too slow"
    assert recorder.metrics()["journal/recording"] == 0.0
    assert handle(conversation()[1], START)
    recorder.close("the test is over")
    reading = Run(runs(directory.path)[0])
    assert [step.number for step in reading.steps()] == [1, 2]
    assert reading.ending == "the journal was closed: the disk is too slow"


def test_what_cannot_be_encoded_ends_the_journal_and_not_the_master(
    directory: JournalDirectory,
) -> None:
    recorder = Recorder(directory, header())
    handle = recorder.over(core().handle)
    handle(conversation()[0], START)
    handle(WhitelistChanged(hostnames=("\ud800",)), START)
    assert recorder.failure is not None
    assert recorder.failure.startswith("a WhitelistChanged cannot be encoded")
    recorder.close("the test is over")
    assert followed(runs(directory.path)[0]) == 1
