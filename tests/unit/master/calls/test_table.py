"""The table of operator calls against the facts about Mesos'."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tepui.base.errors import Rejected
from tepui.master.call_context import CallKind
from tepui.master.calls import (
    TABLE,
    cluster,
    daemon,
    events,
    files,
    find_call,
    frameworks,
    inventory,
    weights,
)
from tepui.messages.master import Call

ROWS: list[dict[str, Any]] = [
    row
    for row in json.loads(
        (Path(__file__).parents[3] / "data" / "mesos" / "operator-calls.json").read_text()
    )
    if row["daemon"] == "master"
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["call"])
def test_a_call_is_answered_and_guarded_as_the_facts_say(row: dict[str, Any]) -> None:
    call = TABLE[Call.Type[row["call"]]]
    kinds = {True: CallKind.READ, False: CallKind.WRITE}
    is_stream = "stream" in row["ok"] or "streaming" in row
    expected = CallKind.STREAM if is_stream else kinds["Response" in row["ok"]]
    assert call.kind is expected
    guards = (row["authz"] or "").replace("same name", row["call"]).replace(",", " ").split()
    for name in (call.permission, *call.filters):
        assert name is None or any(fnmatch(name, guard) for guard in guards)


def test_each_handler_is_in_the_module_of_its_family() -> None:
    families = (cluster, daemon, events, files, frameworks, inventory, weights)
    modules = {module.__name__ for module in families}
    handlers = [row.handler for row in TABLE.values() if row.handler is not None]
    assert {handler.__module__ for handler in handlers} == modules
    assert [handler.__name__ for handler in handlers] == [
        kind.name.lower() for kind, row in TABLE.items() if row.handler is not None
    ]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (Call(), 400),
        (Call(type=Call.Type.UNKNOWN), 501),
        (Call(type=Call.Type.READ_FILE), 400),
        (Call(type=Call.Type.MARK_AGENT_GONE), 400),
    ],
)
def test_what_is_no_call_is_refused(call: Call, status: int) -> None:
    with pytest.raises(Rejected) as refused:
        find_call(call)
    assert refused.value.status == status
