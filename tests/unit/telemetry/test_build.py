"""The version that clients take apart."""

from __future__ import annotations

from tepui.telemetry.build import MESOS_VERSION, version_info


def test_every_part_of_the_version_is_a_number() -> None:
    assert version_info().version == MESOS_VERSION
    assert [int(part) for part in MESOS_VERSION.split(".")] == [1, 11, 0]


def test_the_build_is_described() -> None:
    info = version_info()
    assert info.build_user == "tepui"
    assert info.build_time is not None
    assert info.build_date is not None
    assert len(info.build_date) == len("2026-01-01 00:00:00")
