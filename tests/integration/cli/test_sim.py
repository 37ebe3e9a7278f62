"""``tepui sim`` in several processes leaves none of them behind."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest


@pytest.mark.slow
def test_processes_end_with_the_one_that_is_killed() -> None:
    """Nobody gives them work then, and they would wait for it for ever."""
    command = [sys.executable, "-m", "tepui.cli", "sim", "run", "calm", "--seeds", "1..1000"]
    with subprocess.Popen([*command, "--jobs", "2"], stdout=subprocess.PIPE) as program:
        own = psutil.Process(program.pid)
        # Two that simulate, and one of Python's own.
        while len(started := own.children(recursive=True)) < 3:
            assert program.poll() is None
        program.kill()
        program.wait(timeout=30)
        _, alive = psutil.wait_procs(started, timeout=30)
        for each in alive:
            each.kill()
        assert alive == []
