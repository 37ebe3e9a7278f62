"""Logs are events with fields: ``agent_registered agent_id=… hostname=…``.

One line an event, on standard error and, with ``--log_dir``, in a file. JSON on request.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog

LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
"""Mesos' names for ``--logging_level``."""

Logger = structlog.typing.FilteringBoundLogger


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
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(output),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    return output


def get_logger(**fields: Any) -> Logger:
    """Return a logger that adds ``fields`` to each of its events."""
    logger: Logger = structlog.get_logger(**fields)
    return logger
