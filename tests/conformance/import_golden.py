"""Turn recorded exchanges of a real Mesos into the rows that tests/data/golden holds.

Usage: ``python tests/conformance/import_golden.py FOLDER``, where FOLDER holds one JSON
file an exchange. What is kept: the request, the status, the names of the answer's
headers, and the *shape* of its body. What is dropped: every value and every sentence of
the original. A shape is a tree: an object's keys, ``[shape]`` for a list (its elements
merged), and ``str``, ``num``, ``bool`` or ``null`` for a leaf; ``text`` is a body that is
no JSON; enum-like values (upper case) of a few keys are kept, because they are facts.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "data" / "golden"

# Facts rather than sentences: their values matter and are compared.
KEPT_VALUES = {"type", "state", "source", "reason"}
CONSTANT = re.compile(r"^[A-Z][A-Z_]+$")
# Replaced in requests, so that nothing of the recorded run's own remains.
RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def shape(value: Any, key: str = "") -> Any:
    """Return the shape of a JSON value."""
    match value:
        case dict():
            return {name: shape(child, name) for name, child in sorted(value.items())}
        case list():
            merged: Any = None
            for child in value:
                merged = merge(merged, shape(child, key))
            return [] if merged is None else [merged]
        case bool():
            return "bool"
        case int() | float():
            return "num"
        case str():
            return value if key in KEPT_VALUES and CONSTANT.match(value) else "str"
        case _:
            return "null"


def merge(one: Any, other: Any) -> Any:
    """Return a shape that both fit; keys that are not in both end in ``?``."""
    if one is None or one == other:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        merged: dict[str, Any] = {}
        plain_one = {name.rstrip("?"): name for name in one}
        plain_other = {name.rstrip("?"): name for name in other}
        for name in sorted({*plain_one, *plain_other}):
            if name in plain_one and name in plain_other:
                optional = plain_one[name].endswith("?") or plain_other[name].endswith("?")
                child = merge(one[plain_one[name]], other[plain_other[name]])
                merged[name + "?" * optional] = child
            else:
                holder = one[plain_one[name]] if name in plain_one else other[plain_other[name]]
                merged[name + "?"] = holder
        return merged
    if isinstance(one, list) and isinstance(other, list):
        return [merge(one[0], other[0])] if one and other else one or other
    if isinstance(one, str) and isinstance(other, str):
        return "str" if "num" not in (one, other) and "bool" not in (one, other) else "any"
    return "any"


def body_shape(response: dict[str, Any]) -> Any:
    body = response.get("body")
    if isinstance(body, dict | list):
        return shape(body)
    return "text" if response.get("body_length") or response.get("body_raw") else ""


def neutral(value: Any) -> Any:
    """Return a request without the identifiers of the recorded run."""
    return json.loads(RUN.sub("RUN", json.dumps(value)))


def exchange(name: str, recorded: dict[str, Any]) -> dict[str, Any]:
    request, response = recorded["request"], recorded["response"]
    row: dict[str, Any] = {
        "name": name,
        "method": request.get("method", "POST"),
        "path": neutral(request["path"]),
        "request_headers": neutral(request.get("headers", {})),
    }
    for part in ("body", "body_raw"):
        if request.get(part) is not None:
            row[f"request_{part}"] = neutral(request[part])
    return row | {
        "status": response["status"],
        "headers": sorted({header for header, _ in response.get("headers", [])}),
        "shape": body_shape(response),
    }


def main(folder: Path) -> None:
    """Write exchanges.json, events.json and sessions.json."""
    order = (folder / "INDEX.txt").read_text().split()
    rank = {name: position for position, name in enumerate(order)}
    exchanges, events, sessions = [], [], {}
    for path in sorted(folder.glob("*.json"), key=lambda p: (rank.get(p.stem, 10**6), p.stem)):
        recorded = json.loads(path.read_text())
        if "frames" in recorded:
            frames = [frame.get("event", frame) for frame in recorded["frames"]]
            sessions[path.stem] = {
                "environment": sorted(recorded.get("environment", {})),
                "frames": [shape(frame) for frame in frames],
            }
        if path.stem == "scheduler_RESUBSCRIBE":  # written in a form of its own
            recorded["request"] = {"path": "/api/v1/scheduler", "body": recorded["request"]}
        if "request" in recorded and "response" in recorded:
            exchanges.append(exchange(path.stem, recorded))
        elif "type" in recorded:
            events.append({"name": path.stem, "shape": shape(recorded)})
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, rows in [("exchanges", exchanges), ("events", events)]:
        lines = ",\n".join(json.dumps(row) for row in rows)
        (TARGET / f"{name}.json").write_text(f"[\n{lines}\n]\n")
    (TARGET / "sessions.json").write_text(json.dumps(sessions, indent=0) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
