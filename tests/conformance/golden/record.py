"""The recorded facts, as tests/conformance/import_golden.py left them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parents[2] / "data" / "golden"


def _load(name: str) -> Any:
    return json.loads((_DATA / name).read_text())


ROWS: dict[str, dict[str, Any]] = {row["name"]: row for row in _load("exchanges.json")}
"""The exchanges, in the order in which they were recorded."""

EVENTS: dict[str, Any] = {row["name"]: row["shape"] for row in _load("events.json")}
"""Events of the scheduler's stream that were kept by a name."""

_SESSIONS = _load("sessions.json")
SCHEDULER: dict[str, Any] = _SESSIONS["scheduler_session"]
EXECUTOR: dict[str, Any] = _SESSIONS["executor_v1_session"]
OPERATOR_EVENTS: list[Any] = _SESSIONS["master_v1_SUBSCRIBE_events"]
RAW_SOCKET: dict[str, Any] = _SESSIONS["scheduler_SUBSCRIBE_raw_socket"]

CALLS: list[str] = [step[1] for step in SCHEDULER["steps"] if step[0] == "call"]
"""The scheduler's calls in their true order."""


def updates(task_id: str) -> list[Any]:
    """Return the shapes of the updates about a task in their order."""
    return [step[2] for step in SCHEDULER["steps"] if step[0] == "event" and step[1] == task_id]


TASKS: list[str] = list(
    dict.fromkeys(
        step[1] for step in SCHEDULER["steps"] if step[0] == "event" and step[1] is not None
    )
)
"""The tasks that updates are about."""
