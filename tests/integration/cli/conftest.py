"""A cluster from ``tepui up``, and the commands as people run them: as processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import IO, Any, NamedTuple

import pytest

from tepui.cli.app import run
from tepui.sdk import OperatorClient

TIMEOUT_SECONDS = 60


class Done(NamedTuple):
    """What a command has come to."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a table, without its headings."""
        return [re.split(r"  +", line.strip()) for line in self.out.splitlines()[1:]]

    @property
    def json(self) -> Any:
        """What was printed, for programs."""
        return json.loads(self.out)


class Up:
    """A running ``tepui up``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.ready_line = _line_of(process.stdout)
        words = self.ready_line.split()
        assert words[:2] == ["ready", "cluster"], self.ready_line
        self.master = words[2]
        self.agents = words[3].removeprefix("agents=").split(",")

    @contextmanager
    def start(self, *arguments: str, program: str = "main") -> Iterator[subprocess.Popen[str]]:
        """Start a command against this cluster; it does not outlive the block."""
        with _start(program, arguments, {"TEPUI_MASTER": self.master}) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, program: str = "main") -> subprocess.CompletedProcess[str]:
        """Run a command against this cluster to its end."""
        with self.start(*arguments, program=program) as process:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def stop(self) -> int:
        """End it as Ctrl-C does and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode


def _line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def _start(
    program: str, arguments: Sequence[str], environment: dict[str, str]
) -> subprocess.Popen[str]:
    # A process started in the background by a shell without job control ignores SIGINT, and so
    # would all that it starts: here Ctrl-C is meant to be heard.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"from tepui.cli import {program}; {program}()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


async def _registered(master: str, agents: int) -> None:
    """Return when so many agents have registered, which is after they are ready."""
    count = 0
    async with OperatorClient(master) as operator, aclosing(operator.subscribe()) as events:
        async for event in events:
            if event.subscribed is not None:
                assert event.subscribed.get_state is not None
                assert event.subscribed.get_state.get_agents is not None
                count = len(event.subscribed.get_state.get_agents.agents)
            count += event.agent_added is not None
            if count >= agents:
                return


@contextmanager
def _running_up() -> Iterator[Up]:
    resources = "cpus:4;mem:1024;disk:1024;ports:[31000-31999]"
    arguments = ["up", "--port=0", "--agents=2", f"--resources={resources}"]
    process = _start("main", arguments, {})
    try:
        running = Up(process)
        asyncio.run(_registered(running.master, 2))
        yield running
        assert running.stop() == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with _running_up() as running:
        yield running


@pytest.fixture
def fresh_up() -> Iterator[Up]:
    """A cluster for a test that leaves it with less than it had."""
    with _running_up() as running:
        yield running


@pytest.fixture
def tepui(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """A function that runs a command within this process, which is quicker."""

    def run_here(up: Up, *arguments: str) -> Done:
        monkeypatch.setenv("TEPUI_MASTER", up.master)
        capsys.readouterr()
        code = run("tepui", arguments)
        return Done(code, *capsys.readouterr())

    return run_here
