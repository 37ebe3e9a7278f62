"""What every daemon does around its work: flags, logs, signals, the ready line."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import uvloop

from tepui.base.daemon_flags import DaemonFlags
from tepui.base.errors import InvariantViolated
from tepui.base.flags import FlagError, Sources, load, usage
from tepui.http.files import Files
from tepui.telemetry import logs

MESOS_VERSION = "1.11.0"
"""The version of Mesos' interfaces that we speak, and report."""

EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70

F = TypeVar("F", bound=DaemonFlags)


class StartFailed(Exception):
    """The daemon cannot start; the text tells the operator why, on one line."""


def read_flags(
    kind: type[F],
    program: str,
    arguments: Sequence[str],
    fixed: Mapping[str, str],
    refused: Mapping[str, str],
) -> F:
    """Return the flags from all sources, or end the process with help, version or an error."""
    sources = Sources(
        arguments=arguments,
        environment=os.environ,
        read_file=lambda path: Path(path).read_text(encoding="utf-8"),
        refused=refused,
        fixed=fixed,
    )
    try:
        flags = load(kind, sources)
    except FlagError as error:
        fail(program, f"{error}", EX_USAGE)
    if flags.help:
        sys.stdout.write(usage(kind, program) + "\n")
        raise SystemExit(0)
    if flags.version:
        # As Mesos' programs begin, whose output scripts take apart.
        sys.stdout.write(f"mesos {MESOS_VERSION} ({program} {distribution_version('tepui')})\n")
        raise SystemExit(0)
    return flags


def fail(program: str, message: str, code: int) -> NoReturn:
    """Say one line on standard error and end the process with ``code``."""
    sys.stderr.write(f"{program}: {message}\n")
    raise SystemExit(code)


def cannot_listen(port: int, error: OSError) -> StartFailed:
    """Return why there is nothing to listen on, in the system's own words."""
    # The event loops put the whole address in theirs.
    why = os.strerror(error.errno) if error.errno else str(error)
    return StartFailed(f"cannot listen on port {port}: {why}")


class Stops:
    """Why the daemon should stop: signals, and the end of the process that started it."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.reason = ""
        self.is_broken = False

    def ask(self, reason: str) -> None:
        """Stop for ``reason``, unless something else asked before."""
        if not self._asked.is_set():
            self.reason = reason
            self._asked.set()

    def on_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what nobody caught; a broken invariant of ours ends the process."""
        error = context.get("exception")
        logs.get_logger().error("unhandled", message=context.get("message"), exc_info=error)
        if isinstance(error, InvariantViolated):
            self.is_broken = True
            self.ask("an invariant is broken")

    async def wait(self) -> str:
        """Return the reason once there is one."""
        await self._asked.wait()
        return self.reason

    def listen(self, *, with_parent: bool) -> None:
        """Turn signals, and the end of standard input if ``with_parent``, into reasons."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            loop.add_signal_handler(number, self.ask, number.name)
        if with_parent:
            loop.add_reader(0, self._read_parent)

    def _read_parent(self) -> None:
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            self.ask("parent ended")


def say_ready(flags: DaemonFlags, component: str, url: str, **fields: str) -> None:
    """Print the ready line: what is ready and where, for people or as JSON."""
    if flags.log_format == "json":
        line = json.dumps({"event": "ready", "component": component, "url": url, **fields})
    else:
        told = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"ready {component} {url}{told}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def log_path(flags: DaemonFlags, program: str) -> Path | None:
    """Return the log file that is written, if one is."""
    return None if flags.log_dir is None else Path(flags.log_dir) / f"{program}.log"


def log_files(flags: DaemonFlags, program: str, virtual_path: str) -> Files:
    """Return the files that the /files endpoints show from the start: the log, if there is one.

    Raises:
        StartFailed: ``--external_log_file`` is not there.
    """
    files = Files()
    path = flags.external_log_file or log_path(flags, program)
    if path is not None:
        try:
            files.attach(virtual_path, path)
        except OSError as error:
            raise StartFailed(f"the log cannot be shown: {error}") from error
    return files


def run(flags: DaemonFlags, program: str, main: Callable[[Stops], Awaitable[int]]) -> int:
    """Run ``main`` on an event loop until it returns the exit code.

    ``main`` raises `StartFailed` for what the operator has to mend.
    """
    try:
        output = logs.configure(
            level=flags.logging_level,
            quiet=flags.quiet,
            log_file=log_path(flags, program),
            as_json=flags.log_format == "json",
        )
    except OSError as error:
        fail(program, f"--log_dir={flags.log_dir}: {error}", EX_UNAVAILABLE)

    async def body() -> int:
        stops = Stops()
        stops.listen(with_parent=flags.exit_with_parent)
        asyncio.get_running_loop().set_exception_handler(stops.on_unhandled)
        code = await main(stops)
        return EX_SOFTWARE if stops.is_broken else code

    # What the imports made stays for ever: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    try:
        return uvloop.run(body())
    except StartFailed as error:
        fail(program, str(error), EX_UNAVAILABLE)
    finally:
        output.close()
