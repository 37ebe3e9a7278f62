"""End what a supervisor left running when it died, from the agent's process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tepui.containers.protocol import SupervisorAlive, SupervisorLost
from tepui.containers.supervisor.journal import JournalTooNew, read_journal
from tepui.containers.supervisor.main import JOURNAL_NAME, LOCK_NAME
from tepui.containers.supervisor.orphans import end_orphans
from tepui.linux.processes import boot_id


def kill_orphans(directory: Path) -> list[str]:
    """Kill every process that the dead supervisor of ``directory`` had started.

    Returns:
        The containers of which something was still there.

    Raises:
        SupervisorAlive: A supervisor holds the directory.
        SupervisorLost: A newer release has written its journal.
    """
    try:
        lock = os.open(directory / LOCK_NAME, os.O_RDWR)
    except FileNotFoundError:
        return []  # there has never been a supervisor
    try:
        # Held while we kill, so that no successor starts containers in between.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        records = read_journal(str(directory / JOURNAL_NAME), boot_id())
        containers, _ = end_orphans(str(directory), records.values())
    except BlockingIOError:
        raise SupervisorAlive(f"a supervisor holds {directory}") from None
    except JournalTooNew as error:
        raise SupervisorLost(str(error)) from None
    finally:
        os.close(lock)
    return containers
