from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tepui.linux.processes import (
    Process,
    boot_id,
    children_by_parent,
    descendants,
    environment_of,
    own_children,
    paths_in_use,
    read_process,
    send_signal,
    snapshot,
    wait_for_ends,
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["/bin/cat"], env={"MARK": "here"}, cwd="/", stdin=pipe, stdout=pipe
    ) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        # An answer: the kernel has finished to make the process what it is to be.
        cat.stdin.write(b"!")
        cat.stdin.flush()
        cat.stdout.read(1)
        yield cat
        cat.kill()


def read(pid: int) -> Process:
    process = read_process(pid)
    assert process is not None
    return process


def test_a_process_is_read_as_it_is(child: subprocess.Popen[bytes]) -> None:
    process = read(child.pid)
    assert (process.parent, process.threads, process.is_alive) == (os.getpid(), 1, True)
    assert process.session == os.getsid(child.pid)
    assert snapshot()[child.pid].start == process.start
    assert child.pid in own_children()
    assert environment_of(child.pid) == b"MARK=here\0"
    assert "/" in paths_in_use(child.pid)


def test_a_name_full_of_parentheses_confuses_nobody() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') R 1 ('); print(end='x', flush=True); "
    command = [sys.executable, "-I", "-S", "-c", code + "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.read(1)
        assert read(process.pid).parent == os.getpid()
        process.stdin.write(b"\n")


def test_there_is_nothing_to_read_of_what_is_not_there() -> None:
    assert read_process(2**22 + 1) is None
    assert environment_of(2**22 + 1) == b""
    assert paths_in_use(2**22 + 1) == []


def test_a_signal_reaches_the_process_it_is_meant_for(child: subprocess.Popen[bytes]) -> None:
    process = read(child.pid)
    assert not send_signal(process._replace(start=process.start + 1), signal.SIGKILL)
    assert child.poll() is None
    assert send_signal(process, signal.SIGKILL)
    wait_for_ends([process], 20.0)
    assert not read(child.pid).is_alive
    child.wait()
    assert not send_signal(process, signal.SIGKILL)
    wait_for_ends([process], 20.0)


def test_waiting_for_an_end_that_does_not_come_is_bounded(child: subprocess.Popen[bytes]) -> None:
    wait_for_ends([read(child.pid)], 0.01)
    assert child.poll() is None


def test_descendants_are_found_once_and_with_their_roots() -> None:
    def process(pid: int, parent: int) -> Process:
        return read(os.getpid())._replace(pid=pid, parent=parent)

    made = {pid: process(pid, parent) for pid, parent in [(2, 1), (3, 2), (4, 3), (5, 1), (6, 6)]}
    children = children_by_parent(made)
    found = descendants([made[2], made[3], made[6]], children)
    assert sorted(item.pid for item in found) == [2, 3, 4, 6]


def test_a_boot_has_an_id() -> None:
    assert boot_id() == boot_id() != ""
