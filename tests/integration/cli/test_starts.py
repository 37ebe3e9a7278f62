"""``tepui up`` at its start: what it says when it cannot, and what an interrupt leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]

# A shell without job control would have its background processes ignore SIGINT.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from tepui.cli import main; main()"
)

ROOT = Path(__file__).parents[3]

# SIGINT waits until the program imports what its first argument names.
INTERRUPTED = """
import runpy, signal, sys
wanted = sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.argv.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__")
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("program", "imported", "code"),
    [
        (["tepui.cli", "up", "--port=0"], "tepui.cli.app", -signal.SIGINT),
        (["tepui.cli", "up", "--port=0"], "typer", -signal.SIGINT),
        (["tepui.cli", "up", "--port=0"], "tepui.daemons.cluster", 130),
        (["examples.wordcount.demo"], "tepui.sdk", -signal.SIGINT),
        (["examples.wordcount.demo"], "tepui.daemons.cluster", -signal.SIGINT),
    ],
)
def test_ctrl_c_in_the_first_moment_shows_no_traceback(
    program: list[str], imported: str, code: int
) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, imported, *program],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.send_signal(signal.SIGINT)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with start("up", "--port=0", f"--work-dir={tmp_path}") as process:
        # The master's log is there as soon as the master is started, long before it is ready.
        while not (tmp_path / "master.log").exists():
            assert process.poll() is None
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert running_in(tmp_path) == []


def running_in(directory: Path) -> list[str]:
    """Return the command lines of processes that have to do with a directory."""
    lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(directory) in line]


def test_a_terminal_that_is_closed_ends_the_cluster_and_its_directory() -> None:
    with start("up", "--port=0", "--agents=1") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        directory = Path(ready.rpartition("work_dir=")[2].strip())
        assert directory.parent == Path(tempfile.gettempdir())
        process.stdout.close()
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 0
    assert not directory.exists()
    assert running_in(directory) == []


def test_what_agents_refuse_is_one_line(tmp_path: Path) -> None:
    with start("up", "--port=0", "--resources=bogus", f"--work-dir={tmp_path}") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.count("\n") == 1
    assert "--resources: 'bogus' is not a resource" in err
    assert running_in(tmp_path) == []
