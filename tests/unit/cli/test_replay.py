"""``tepui replay``: what it says, where it stops, and what it refuses."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tepui.cli.app import run
from tepui.master import journal
from tepui.master.core.events import AllocateSlice, Persisted

sys.path.insert(0, str(Path(__file__).parents[1] / "master"))

from recorded import START, conversation, header, journal_of


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A segment that holds a whole run of six steps, a second apart."""
    path = tmp_path / "000001.journal"
    path.write_bytes(journal_of(conversation()))
    return path


def replay(*arguments: object) -> int:
    return run("tepui", ["replay", *map(str, arguments)])


def test_a_summary_says_what_there_was(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(recorded) == 0
    out = capsys.readouterr().out
    assert "run 000001-20231114T221320Z: master" in out
    assert "6 steps over 5s went as they did" in out
    assert "1 agents, 1 frameworks, 0 tasks" in out
    assert replay(recorded, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["steps"], told["seconds"], told["agents"]) == (6, 5.0, 1)
    assert told["is_executed"]


def test_each_step_can_be_printed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(recorded, "--print") == 0
    out = capsys.readouterr().out
    assert "step 1  2023-11-14T22:13:20.000000Z  RegistryRecovered" in out
    assert "    -> SendToAgent" in out
    assert replay(recorded, "--print", "--json") == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    assert [step["step"] for step in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[1]["event"]["message"]["type"] == "Register"
    assert [effect["type"] for effect in steps[1]["effects"]] == ["Persist"]
    assert steps[1]["recorded"]["effects"] == 1


def test_it_stops_after_a_step_or_a_time(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, steps in (
        ("--until=4", 4),
        ("--until=0", 0),
        ("--until=99", 6),
        ("--at=2023-11-14T22:13:22Z", 3),
        ("--at=1999-01-01T00:00Z", 0),
    ):
        assert replay(recorded, "--json", option) == 0
        assert json.loads(capsys.readouterr().out)["steps"] == steps
    assert replay(recorded, "--at=then") == 2
    assert "'then' is no time" in capsys.readouterr().err
    assert replay(recorded, "--until=-1") == 2


def test_the_first_step_that_goes_another_way_is_shown_and_is_a_failure(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = recorded.read_bytes()
    data += journal.block([journal.input_record(AllocateSlice(), START.later(6))])
    data += journal.block([journal.effects_record([])])[:-1] + b"?"
    # The checksum is mended, so that the digest alone is wrong.
    body = journal.effects_record([])[:-1] + b"?"
    data = data[: -len(journal.block([body]))] + journal.block([body])
    data += journal.block([journal.input_record(AllocateSlice(), START.later(7))])
    recorded.write_bytes(data)
    assert replay(recorded) == 1
    out = capsys.readouterr().out
    assert "step 7 is not as it was: recorded is" in out
    assert "AllocateSlice" in out
    assert "step 8" not in out
    assert replay(recorded, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["step"] == 7
    assert told["effects"] == []
    assert replay(recorded, "--until=6") == 0


def test_a_crash_is_shown_as_it_was(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = recorded.read_bytes()
    data += journal.block([journal.input_record(Persisted(token=77), START.later(6))])
    recorded.write_bytes(data + journal.block([journal.raised_record(KeyError(77))]))
    assert replay(recorded) == 0
    out = capsys.readouterr().out
    assert "the last step raised, and does so again:" in out
    assert "_on_persisted" in out
    assert replay(recorded, "--json") == 0
    assert json.loads(capsys.readouterr().out)["raised"] == "KeyError(77)"


def test_a_run_without_its_beginning_is_read_but_not_executed(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = recorded.read_bytes()
    start = len(journal.segment_start(header()))
    rest = journal.segment_start(header(segment=4, steps_before=40)) + data[start:]
    recorded.write_bytes(rest)
    assert replay(recorded) == 1
    said = capsys.readouterr()
    assert "its beginning is gone (--journal_max_bytes)" in said.err
    assert "it goes on from step 41; --print shows it" in said.err
    assert replay(recorded, "--print") == 0
    out = capsys.readouterr().out
    assert "step 41" in out
    assert "step 46" in out
    assert "not executed" in out


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"# a shell script\n", "no journal of a Tepui master"),
        (journal.MAGIC + struct.pack("<H", 9), "a newer one wrote it"),
        (journal.MAGIC, "ends before its header does"),
        (
            journal.segment_start(header(allocator="gone:Away")),
            "the allocator of this journal: --allocator: 'gone:Away' cannot be loaded",
        ),
        (journal.segment_start(header(seed="8")), "the journal's seed leads elsewhere"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_line(
    content: bytes, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "000001.journal"
    path.write_bytes(content)
    assert replay(path) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_a_damaged_journal_is_followed_to_the_damage(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = recorded.read_bytes()
    middle = len(data) - 300
    recorded.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    assert replay(recorded) == 1
    assert "damaged at byte" in capsys.readouterr().err


def test_what_is_not_there_or_holds_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(tmp_path / "away") == 2
    assert "is not there" in capsys.readouterr().err
    assert replay(tmp_path) == 1
    assert "holds no journal of a master" in capsys.readouterr().err


def test_a_run_of_which_nothing_came_to_the_disk_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("000001-20231114T221319Z", "000002-20231114T221320Z"):
        (tmp_path / name).mkdir()
    (tmp_path / "000002-20231114T221320Z" / "000001.journal").write_bytes(
        journal_of(conversation())
    )
    assert replay(tmp_path) == 0
    assert "6 steps" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_needs_no_word(recorded: Path) -> None:
    command = [sys.executable, "-m", "tepui.cli", "replay", str(recorded), "--print"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.close()
        assert program.stderr is not None
        assert program.stderr.read() == b""
