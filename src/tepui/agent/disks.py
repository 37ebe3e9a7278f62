"""The disks of ``--resources`` that are not the work directory: are they there?"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tepui.agent.core.volumes import rooted
from tepui.messages import Resource
from tepui.resources.conversions import DiskType

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


class DiskError(Exception):
    """A disk is not what it is said to be; the text says which."""


def prepare_disks(resources: list[Resource], work_dir: Path) -> None:
    """Make the directories of PATH disks; see that those of MOUNT disks are mounted.

    A volume on a MOUNT disk is the whole of a file system: without it, tasks would fill up the
    disk below.

    Raises:
        DiskError: One cannot be made, is not mounted, or is there twice.
    """
    mounted: set[Path] = set()
    for resource in resources:
        source = resource.disk.source if resource.disk is not None else None
        if source is None:
            continue
        if source.type is DiskType.PATH and source.path is not None and source.path.root:
            root = Path(rooted(str(work_dir), source.path.root))
            try:
                root.mkdir(parents=True, exist_ok=True)
            except (OSError, ValueError) as error:
                raise DiskError(f"the PATH disk {root} cannot be made: {error}") from error
        if source.type is DiskType.MOUNT and source.mount is not None and source.mount.root:
            root = Path(rooted(str(work_dir), source.mount.root))
            if root in mounted:
                raise DiskError(f"two MOUNT disks have the root {root}")
            mounted.add(root)
            if os.fsencode(os.path.realpath(root)) not in mount_points():
                raise DiskError(f"nothing is mounted at {root}, the root of a MOUNT disk")


def mount_points(table: Path = MOUNTS) -> frozenset[bytes]:
    """Return where file systems are mounted, as this process sees it."""
    lines = table.read_bytes().splitlines()
    return frozenset(_unescape(line.split(b" ")[4]) for line in lines)


def _unescape(path: bytes) -> bytes:
    """Return a path of the kernel's table, in which spaces and the like are octal numbers."""
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), path)
