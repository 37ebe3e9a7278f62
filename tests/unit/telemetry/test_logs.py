"""Logs: one line an event, in the form that was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tepui.telemetry import logs


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    logs.VERBOSITY.begin(logs.LEVELS["INFO"])
    structlog.reset_defaults()


def test_an_event_is_one_line_of_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.get_logger(component="master").info("agent_registered", agent_id="S0", hostname="a b")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert " level=info event=agent_registered component=master " in line
    assert 'hostname="a b"' in line


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    logs.get_logger().warning("x", count=2)
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"], event["count"]) == ("x", "warning", 2)


def test_levels_below_the_asked_one_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="ERROR")
    logs.get_logger().info("no")
    logs.get_logger().error("yes")
    assert "event=yes" in (shown := capsys.readouterr().err)
    assert "event=no" not in shown


def test_quiet_logs_go_to_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = logs.configure(quiet=True, log_file=tmp_path / "deep" / "master.log")
    logs.get_logger().info("started")
    output.close()
    assert capsys.readouterr().err == ""
    assert "event=started" in (tmp_path / "deep" / "master.log").read_text()


def test_for_a_while_everything_is_logged_by_loggers_that_are_there_already(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(level="WARNING")
    logger = logs.get_logger()
    logger.debug("before")

    async def raise_level() -> None:
        logs.VERBOSITY.set(2, 0.0)
        assert logs.VERBOSITY.level == 2
        logger.debug("meanwhile")
        fallen_back = asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, fallen_back.set)
        await fallen_back.wait()

    asyncio.run(raise_level())
    assert logs.VERBOSITY.level == 0
    logger.info("afterwards")
    logger.warning("still")
    shown = capsys.readouterr().err
    assert [word for word in shown.split() if word.startswith("event=")] == [
        "event=meanwhile",
        "event=still",
    ]


def test_level_0_ends_the_while_and_a_longer_one_replaces_it() -> None:
    async def change() -> list[int]:
        logs.VERBOSITY.set(1, -5.0)
        logs.VERBOSITY.set(3, 2.0**63 / 1e9)
        await asyncio.sleep(0)
        seen = [logs.VERBOSITY.level]
        logs.VERBOSITY.set(0, 60.0)
        return [*seen, logs.VERBOSITY.level]

    assert asyncio.run(change()) == [3, 0]
