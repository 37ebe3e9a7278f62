"""A journal is executed anew, and the first step that goes another way is found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from recorded import START, conversation, core, header, journal_of

from tepui.allocator import HierarchicalAllocator
from tepui.master import journal
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import AllocateSlice, AnyEvent, Persisted
from tepui.master.journal import JournalError, Raised
from tepui.master.replaying import Divergence, Replay, Run


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def follow(run: Run) -> tuple[Replay, Divergence | None]:
    replay = Replay(run.header, HierarchicalAllocator)
    for step in run.steps():
        if (divergence := replay.take(step)) is not None:
            return replay, divergence
    return replay, None


def test_the_same_steps_lead_to_the_same_core(tmp_path: Path) -> None:
    run = Run(write(tmp_path / "000001.journal", journal_of(conversation())))
    replay, divergence = follow(run)
    assert divergence is None
    assert len(replay.core.state.agents) == 1
    assert len(replay.core.state.frameworks) == 1
    assert len(replay.core.state.offers) == 1


def test_another_configuration_diverges_where_it_first_matters(tmp_path: Path) -> None:
    """The agent's pings are the first that comes of it."""
    data = journal_of(conversation(), MasterConfig(agent_ping_timeout=20.0))
    records = data[len(journal.segment_start(header(MasterConfig(agent_ping_timeout=20.0)))) :]
    run = Run(write(tmp_path / "000001.journal", journal.segment_start(header()) + records))
    _, divergence = follow(run)
    assert divergence is not None
    assert divergence.step.number == 3
    assert isinstance(divergence.step.event, Persisted)
    assert divergence.effects
    assert "step 3 is not as it was" in str(divergence)


def test_another_seed_is_noticed_before_the_first_step() -> None:
    with pytest.raises(JournalError, match="the journal's seed leads elsewhere"):
        Replay(header(seed="8"), HierarchicalAllocator)


def test_a_step_that_raised_raises_again(tmp_path: Path) -> None:
    """Which is what a journal is for: the input was written before the step."""
    data = journal_of(conversation())
    bad: AnyEvent = Persisted(token=77)
    data += journal.block([journal.input_record(bad, START.later(10))])
    with pytest.raises(KeyError) as raised:
        core().handle(bad, START)
    data += journal.block([journal.raised_record(raised.value)])
    replay, divergence = follow(Run(write(tmp_path / "000001.journal", data)))
    assert divergence is None
    assert isinstance(replay.error, KeyError)


def test_a_step_that_raises_no_more_diverges(tmp_path: Path) -> None:
    data = journal_of(conversation())
    data += journal.block([journal.input_record(AllocateSlice(), START.later(10))])
    data += journal.block([journal.raised_record(KeyError("mended"))])
    _, divergence = follow(Run(write(tmp_path / "000001.journal", data)))
    assert divergence is not None
    assert divergence.step.outcome == Raised("KeyError('mended')")
    assert divergence.effects is not None


def test_a_step_that_raises_now_diverges(tmp_path: Path) -> None:
    data = journal_of(conversation())
    data += journal.block([journal.input_record(Persisted(token=77), START.later(10))])
    data += journal.block([journal.effects_record([])])
    _, divergence = follow(Run(write(tmp_path / "000001.journal", data)))
    assert divergence is not None
    assert isinstance(divergence.error, KeyError)
    assert "the core raises KeyError(77)" in str(divergence)


def test_a_step_that_never_ended_is_executed_and_there_is_nothing_to_compare(
    tmp_path: Path,
) -> None:
    data = journal_of(conversation())
    data += journal.block([journal.input_record(AllocateSlice(), START.later(10))])
    run = Run(write(tmp_path / "000001.journal", data))
    *_, last = run.steps()
    assert (last.number, last.outcome) == (7, None)
    assert follow(run)[1] is None
    assert run.ending == "the journal ends without a word, as that of a master that was killed does"


def test_the_ending_says_what_was_torn(tmp_path: Path) -> None:
    run = Run(write(tmp_path / "000001.journal", journal_of(conversation())[:-3]))
    assert [step.outcome for step in run.steps()][-1] is None
    assert "bytes at its end are half a record" in run.ending


def two_segments(directory: Path) -> Path:
    events = conversation()
    run = directory / header().run
    run.mkdir()
    first = journal_of(events[:3])
    rest = journal_of(events)[len(first) :]
    write(run / "000001.journal", first)
    write(run / "000002.journal", journal.segment_start(header(segment=2, steps_before=3)) + rest)
    return run


def test_a_run_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    run = Run(two_segments(tmp_path))
    assert [step.number for step in run.steps()] == [1, 2, 3, 4, 5, 6]
    assert follow(run)[1] is None


def test_a_run_without_its_beginning_is_read_and_known_as_such(tmp_path: Path) -> None:
    path = two_segments(tmp_path)
    (path / "000001.journal").unlink()
    run = Run(path)
    assert not run.is_whole
    assert [step.number for step in run.steps()] == [4, 5, 6]


def test_a_run_with_a_hole_is_refused_at_the_hole(tmp_path: Path) -> None:
    path = two_segments(tmp_path)
    (path / "000002.journal").rename(path / "000003.journal")
    data = (path / "000003.journal").read_bytes()
    start = len(journal.segment_start(header(segment=2, steps_before=3)))
    later = journal.segment_start(header(segment=3, steps_before=5)) + data[start:]
    write(path / "000003.journal", later)
    steps = Run(path).steps()
    assert [next(steps).number for _ in range(3)] == [1, 2, 3]
    with pytest.raises(JournalError, match=r"segment 2 is missing.*after step 3"):
        next(steps)


def test_a_segment_of_another_run_is_refused(tmp_path: Path) -> None:
    path = two_segments(tmp_path)
    other = msgspec.structs.replace(header(segment=2, steps_before=3), run="000002-x")
    write(path / "000002.journal", journal.segment_start(other))
    with pytest.raises(JournalError, match="belongs to run 000002-x"):
        list(Run(path).steps())


def test_an_empty_directory_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no segment"):
        Run(tmp_path)


@pytest.mark.parametrize("left", [0, 1, 15, 16, 20, 60])
def test_a_last_segment_without_its_header_was_never_written(tmp_path: Path, left: int) -> None:
    """A loss of power leaves a file without its content."""
    write(tmp_path / "000001.journal", journal_of(conversation()))
    torn = journal.segment_start(header(segment=2, steps_before=len(conversation())))[:left]
    for data in (torn, bytes(left)):
        write(tmp_path / "000002.journal", data)
        run = Run(tmp_path)
        _, divergence = follow(run)
        assert divergence is None
        assert (f"{left} bytes at its end" in run.ending) == (left > 0)


def test_a_last_segment_of_somebody_else_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "000001.journal", journal_of(conversation()))
    write(tmp_path / "000002.journal", b"SQLite format 3")
    with pytest.raises(JournalError, match=r"000002\.journal: it is no journal .* after step 6"):
        follow(Run(tmp_path))
