"""The file of ``--whitelist``: rule 11 of Mesos' allocator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tepui.master.whitelist import WhitelistFile

Told = list[tuple[str, ...]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "whitelist"


def test_rule_11_a_line_is_a_host_name(path: Path) -> None:
    told: Told = []
    path.write_text("host-1\r\n\n  host-2 \nhost-1\nhost-3")
    WhitelistFile(str(path), told.append).poll()
    assert told == [("host-1", "host-2", "host-3")]


def test_only_changes_are_told(path: Path) -> None:
    told: Told = []
    whitelist = WhitelistFile(str(path), told.append)
    path.write_text("host-1\n")
    whitelist.poll()
    whitelist.poll()
    path.write_text("host-2\n")
    whitelist.poll()
    assert told == [("host-1",), ("host-2",)]


def test_rule_11_an_unreadable_file_keeps_the_last_list_and_is_complained_of_once(
    path: Path,
) -> None:
    told: Told = []
    whitelist = WhitelistFile(str(path), told.append)
    with capture_logs() as logs:
        whitelist.poll()
        whitelist.poll()
        path.write_text("host-1\n")
        whitelist.poll()
        path.unlink()
        whitelist.poll()
    assert told == [("host-1",)]
    assert [each["event"] for each in logs] == ["whitelist_unreadable"] * 2
    assert str(path) in logs[0]["reason"]


def test_rule_11_an_empty_file_is_an_empty_list(path: Path) -> None:
    told: Told = []
    path.write_text("\n")
    with capture_logs() as logs:
        WhitelistFile(str(path), told.append).poll()
    assert told == [()]
    assert [each["event"] for each in logs] == ["whitelist_empty"]


def test_rule_11_the_file_is_read_again_and_again(path: Path) -> None:
    def say(text: str) -> None:
        path.write_text(text)

    async def story() -> Told:
        told: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        whitelist = WhitelistFile(str(path), told.put_nowait)
        say("host-1\n")
        whitelist.poll()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(whitelist.watch(poll_seconds=0.001))
            first = await told.get()
            say("host-2\n")
            second = await told.get()
            watching.cancel()
        return [first, second]

    assert asyncio.run(story()) == [("host-1",), ("host-2",)]
