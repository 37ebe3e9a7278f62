"""Logs are events with fields: ``agent_registered agent_id=… hostname=…``.

One line an event, on standard error and, with ``--log_dir``, in a file. JSON on request.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog

LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
"""Mesos' names for ``--logging_level``."""

Logger = structlog.typing.FilteringBoundLogger


# Longer than any process lives; loops refuse timers that no clock reaches.
_LOUD_SECONDS_MAX = 10.0 * 365 * 86_400


class _Logger(structlog.make_filtering_bound_logger(logging.INFO)):  # type: ignore[misc]
    """What every logger is bound to.

    `_filter` exchanges its methods: loggers that somebody holds since long follow, and an event
    that is left out costs one empty call.
    """


def _filter(level: int) -> None:
    """Leave out the events below ``level`` from now on."""
    for name, method in vars(structlog.make_filtering_bound_logger(level)).items():
        if not name.startswith("__"):
            setattr(_Logger, name, method)


class Verbosity:
    """How much is logged, as Mesos counts it: 0 is ``--logging_level``, above that everything.

    Attributes:
        level: What it is now.
    """

    def __init__(self) -> None:
        self.level = 0
        self._flag = logging.INFO
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, flag: int) -> None:
        """Log what is at least as important as ``flag``, a level of the standard library."""
        self._flag = flag
        self._fall_back()

    def set(self, level: int, seconds: float) -> None:
        """Log by another level for a while; called on an event loop."""
        self._fall_back()
        if level > 0:
            self.level = level
            _filter(logging.DEBUG)
            self._timer = asyncio.get_running_loop().call_later(
                min(max(0.0, seconds), _LOUD_SECONDS_MAX), self._fall_back
            )

    def _fall_back(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.level = 0
        _filter(self._flag)


VERBOSITY = Verbosity()
"""This process's: there is one log."""


class Output:
    """Where the lines go: standard error, a file, both or neither."""

    def __init__(self, *, quiet: bool, file: TextIO | None) -> None:
        self._file = file
        streams = [] if quiet else [sys.stderr]
        self._streams = streams if file is None else [*streams, file]

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def configure(
    *, level: str = "INFO", quiet: bool = False, log_file: Path | None = None, as_json: bool = False
) -> Output:
    """Send logs where the flags say; called once, by a daemon at its start.

    Args:
        level: One of `LEVELS`.
        quiet: Nothing on standard error.
        log_file: Also append to this file; its directory is made.
        as_json: One JSON object a line rather than ``key=value``.

    Returns:
        The output, to be closed at the end.

    Raises:
        OSError: The file cannot be written.
    """
    file: TextIO | None = None
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        file = log_file.open("a", encoding="utf-8", buffering=1)
    output = Output(quiet=quiet, file=file)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
    )
    VERBOSITY.begin(LEVELS[level])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=_Logger,
        logger_factory=structlog.PrintLoggerFactory(output),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    return output


def get_logger(**fields: Any) -> Logger:
    """Return a logger that adds ``fields`` to each of its events."""
    logger: Logger = structlog.get_logger(**fields)
    return logger
