"""What is known of a real Mesos, its recorded answers and its calls, to compare ours with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tepui.http.calls import CallKind, OperatorCall

_DATA = Path(__file__).parents[1] / "data" / "golden"

# Objects whose keys are names of things: roles, attributes, flags, metrics, files.
_DYNAMIC = frozenset(
    {"flags", "attributes", "reserved_resources", "reserved_resources_full", "resources"}
    | {"reserved_resources_allocated", "quantities", "consumed", "allocated", "offered", "reserved"}
    | {"used_resources", "offered_resources", "unreserved_resources", "guarantee", "limit"}
    | {"unreserved_resources_allocated"}
)

# Keys that are there only when something is known or set.
_WHEN_KNOWN = frozenset({"git_sha", "git_branch", "git_tag", "cluster", "log_dir", "labels"})


class Golden:
    """The recorded exchanges by name."""

    def __init__(self) -> None:
        rows = json.loads((_DATA / "exchanges.json").read_text())
        self.rows: dict[str, dict[str, Any]] = {row["name"]: row for row in rows}

    def differences(self, name: str, body: bytes | object) -> list[str]:
        """Say where ``body`` has another key tree or other kinds of values than the record."""
        value = json.loads(body) if isinstance(body, bytes) else body
        return list(_differences(self.rows[name]["shape"], value, ""))


@pytest.fixture(scope="session")
def golden() -> Golden:
    """Return the recorded exchanges."""
    return Golden()


def _differences(shape: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, dict) and isinstance(value, dict):
        yield from _object_differences(shape, value, path)
    elif isinstance(shape, list) and isinstance(value, list):
        for index, item in enumerate(value if shape else []):
            yield from _differences(shape[0], item, f"{path}[{index}]")
    elif shape != "any" and _kind(value) != _kind_of_shape(shape):
        yield f"{path} is {_kind(value)} and not {_kind_of_shape(shape)}"


def _object_differences(shape: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
    is_dynamic = path.rpartition(".")[2].partition("[")[0] in _DYNAMIC
    expected = {key.rstrip("?"): child for key, child in shape.items()}
    for key in shape:
        if key.endswith("?") or key in value or is_dynamic or key in _WHEN_KNOWN:
            continue
        yield f"{path}.{key} is missing"
    for key, item in value.items():
        if key in expected:
            yield from _differences(expected[key], item, f"{path}.{key}")
        elif not is_dynamic and key not in _WHEN_KNOWN:
            yield f"{path}.{key} is too much"


def _kind_of_shape(shape: Any) -> str:
    if isinstance(shape, dict):
        return "object"
    if isinstance(shape, list):
        return "list"
    return shape if shape in ("num", "bool", "null") else "str"


def _kind(value: Any) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "list"
        case bool():
            return "bool"
        case int() | float():
            return "num"
        case None:
            return "null"
        case _:
            return "str"


# What the facts say of an operator call: each daemon's table is compared with them.
_CALLS = Path(__file__).parents[1] / "data" / "mesos" / "operator-calls.json"


@pytest.fixture(scope="session")
def unlike_the_facts() -> Callable[[str, Mapping[Any, OperatorCall[Any]]], list[str]]:
    """Return who names the rows of a daemon's table that differ from the facts about Mesos'."""
    facts = json.loads(_CALLS.read_text())

    def differences(daemon: str, table: Mapping[Any, OperatorCall[Any]]) -> list[str]:
        rows = {row["call"]: row for row in facts if row["daemon"] == daemon}
        calls = {kind.name: call for kind, call in table.items()}
        return [
            name
            for name in sorted({*rows, *calls})
            if name not in rows or name not in calls or not _is_as(rows[name], calls[name])
        ]

    return differences


def _is_as(row: dict[str, Any], call: OperatorCall[Any]) -> bool:
    if "stream" in row["ok"] or "streaming" in row:
        kind = CallKind.STREAM
    else:
        kind = CallKind.READ if "Response" in row["ok"] else CallKind.WRITE
    guards = (row["authz"] or "").replace("same name", row["call"]).replace(",", " ").split()
    asked = [name for name in (call.permission, *call.filters) if name is not None]
    return call.kind is kind and all(
        any(fnmatch(name, guard) for guard in guards) for name in asked
    )
