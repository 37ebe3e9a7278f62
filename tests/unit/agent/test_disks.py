"""Disks are looked at before anything is put on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.agent.disks import DiskError, mount_points, prepare_disks
from tepui.resources import parse_resources


def disks(*roots: tuple[str, str]) -> str:
    one = (
        '{{"name":"disk","type":"SCALAR","scalar":{{"value":10}},'
        '"disk":{{"source":{{"type":"{0}","{1}":{{"root":"{2}"}}}}}}}}'
    )
    return f"[{','.join(one.format(kind, kind.lower(), root) for kind, root in roots)}]"


def test_the_directory_of_a_path_disk_is_made(tmp_path: Path) -> None:
    given = parse_resources(disks(("PATH", f"{tmp_path}/a/b"), ("PATH", "relative")))
    for _ in range(2):
        prepare_disks(given.to_messages(), tmp_path / "work")
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "work" / "relative").is_dir()


def test_a_path_disk_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    given = parse_resources(disks(("PATH", f"{tmp_path}/file")))
    with pytest.raises(DiskError, match=f"{tmp_path}/file"):
        prepare_disks(given.to_messages(), tmp_path)


def test_a_mount_disk_has_to_be_mounted(tmp_path: Path) -> None:
    given = parse_resources(disks(("MOUNT", f"{tmp_path}")))
    with pytest.raises(DiskError, match=f"nothing is mounted at {tmp_path}"):
        prepare_disks(given.to_messages(), tmp_path)
    prepare_disks(parse_resources(disks(("MOUNT", "/proc"))).to_messages(), tmp_path)


def test_a_file_system_is_given_away_once(tmp_path: Path) -> None:
    given = parse_resources(disks(("MOUNT", "/proc"), ("MOUNT", "/proc")))
    with pytest.raises(DiskError, match="two MOUNT disks"):
        prepare_disks(given.to_messages(), tmp_path)


def test_disks_of_other_kinds_are_the_operators_business(tmp_path: Path) -> None:
    prepare_disks(parse_resources("disk:10;cpus:1").to_messages(), tmp_path)


def test_the_kernels_table_escapes_what_would_end_a_field(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(b"36 35 98:0 / /mnt/a\\040b\\134c rw shared:1 - ext4 /dev/sda rw\n")
    assert mount_points(table) == {b"/mnt/a b\\c"}
