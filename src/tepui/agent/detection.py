"""What a machine has to offer, where the operator does not say.

The rules are Mesos': one gigabyte of memory and five of disk stay with the machine, or half
of them where there is less than twice as much.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from tepui.resources import Resources, parse_resources

MEGABYTE = 1024 * 1024
MEM_KEPT_MB = 1024
DISK_KEPT_MB = 5 * 1024
PORTS = "[31000-32000]"


def left_over(total: int, kept: int) -> int:
    """Return what may be given away of ``total`` when ``kept``, or half if less, stays."""
    return total - kept if total > 2 * kept else total // 2


def detect(work_dir: Path) -> dict[str, str]:
    """Return the machine's resources as texts by name, as they stand in ``--resources``."""
    memory = psutil.virtual_memory().total // MEGABYTE
    disk = shutil.disk_usage(work_dir).total // MEGABYTE
    return {
        "cpus": str(psutil.cpu_count() or 1),
        "mem": str(left_over(memory, MEM_KEPT_MB)),
        "disk": str(left_over(disk, DISK_KEPT_MB)),
        "ports": PORTS,
    }


def total_resources(text: str | None, default_role: str, work_dir: Path) -> Resources:
    """Return what the agent offers: what ``text`` says, and what it does not name as detected.

    Raises:
        ParseError: The text cannot be understood.
    """
    said = parse_resources(text or "", default_role=default_role)
    names = {message.name for message in said.to_messages()}
    detected = ";".join(
        f"{name}:{amount}" for name, amount in detect(work_dir).items() if name not in names
    )
    return said + parse_resources(detected, default_role=default_role)
