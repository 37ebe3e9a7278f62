"""``--journal``: the journal of a master from its start to its end."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from importlib.metadata import version as distribution_version
from pathlib import Path

from tepui.base.flags import FlagError, format_bytes
from tepui.base.time import Instant
from tepui.daemons.starting import StartFailed
from tepui.master.core.master import Master
from tepui.master.flags import MasterFlags
from tepui.master.journal import Header
from tepui.master.recording import JOURNAL_BYTES_MIN, JournalDirectory, Recorder


def check_journal_flags(flags: MasterFlags) -> None:
    """Refuse a bound within which no journal can be kept.

    Raises:
        FlagError: It is too low.
    """
    if flags.journal_max_bytes < JOURNAL_BYTES_MIN:
        raise FlagError(
            f"--journal_max_bytes: {format_bytes(flags.journal_max_bytes)} is less than "
            f"{format_bytes(JOURNAL_BYTES_MIN)}"
        )


@contextlib.contextmanager
def journaled(
    flags: MasterFlags, core: Master, seed: int, started: Instant
) -> Iterator[Recorder | None]:
    """Give what records ``core``, if ``--journal`` asks for it.

    Args:
        seed: Of the chance that the core and its allocator were made with.
        started: The time at which the core was made.

    Raises:
        StartFailed: The directory cannot be used.
    """
    if flags.journal is None:
        yield None
        return
    try:
        directory = JournalDirectory(Path(flags.journal), flags.journal_max_bytes)
    except OSError as error:
        raise StartFailed(f"--journal={flags.journal}: {error}") from error
    try:
        header = Header(
            run=directory.next_run(started.wall),
            segment=1,
            steps_before=0,
            tepui=distribution_version("tepui"),
            python=platform.python_version(),
            master_id=core.state.master_id,
            started=started,
            seed=f"{seed:x}",
            allocator=flags.allocator,
            config=core.state.config,
            flags=flags.as_mesos(),
        )
        recorder = Recorder(directory, header)
        try:
            yield recorder
        finally:
            recorder.close("the master ended")
    finally:
        directory.close()
