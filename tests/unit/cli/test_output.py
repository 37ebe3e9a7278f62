"""Tables: plain for pipes, folded for terminals, and never cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from tepui.cli.output import print_table

COLUMNS = ("ID", "HOST", "STATE")
ROW = ("24bd7d84-3731-4621-8ff6-ae2169ba2798-S0", "10.0.0.1:5051", "disconnected")


def test_a_pipe_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [ROW])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [list(COLUMNS), list(ROW)]
    assert lines[0].index("HOST") == lines[1].index("10.0.0.1")


def on_terminal(columns: int) -> str:
    """Return what a terminal of so many columns gets to show."""
    ours, theirs = pty.openpty()
    code = f"from tepui.cli.output import print_table; print_table({COLUMNS!r}, [{ROW!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=theirs,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # what Linux answers when nobody holds the other side any more
        assert process.wait(timeout=60) == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [(120, 2), (60, 3), (30, 2)])
def test_a_terminal_of_any_width_gets_all_of_it(columns: int, rows: int) -> None:
    """Wide enough: a line. Narrower: ids are folded. Too narrow: the terminal wraps the line."""
    shown = on_terminal(columns)
    assert len(shown.splitlines()) == rows
    assert ROW[0] in "".join(line.split(" ")[0] for line in shown.splitlines())
    assert ROW[1] in shown
    assert ROW[2] in shown
