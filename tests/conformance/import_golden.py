"""Turn recorded exchanges of a real Mesos into the rows that tests/data/golden holds.

Usage: ``python tests/conformance/import_golden.py FOLDER``, where FOLDER holds one JSON
file an exchange. What is kept: the request, the status, the names of the answer's headers
(of two of them the value, which is a fact), and the *shape* of its body or of its stream's
records: see ``golden/shapes.py``; ``text`` is a body that is no JSON. What is dropped:
every value and every sentence of the original.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from golden.shapes import shape

TARGET = Path(__file__).resolve().parents[1] / "data" / "golden"

# Headers whose values are facts.
KEPT_HEADERS = ("Allow", "Content-Type")
# Replaced, so that nothing of the recorded run's own remains.
RUN = re.compile(r"[0-9a-f]{8}([-_])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
# Made up by the recorder: it has to stay wrong.
WRONG = "11111111-2222-3333-4444-555555555555"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
DAEMONS = {5050: "master", 5051: "agent1", 5052: "agent2"}


def neutral(value: Any) -> Any:
    """Return a value without the identifiers of the recorded run, keys included."""
    text = RUN.sub(lambda m: WRONG if m.group() == WRONG else "RUN", json.dumps(value))
    return json.loads(text)


def body_shape(response: dict[str, Any]) -> Any:
    body = response.get("body")
    if isinstance(body, dict | list):
        return shape(neutral(body))
    return "text" if body or response.get("body_length") or response.get("body_raw") else ""


def record_shapes(frames: list[Any]) -> list[Any]:
    """Return the shapes of a stream's records; ``end`` where the server ended it."""
    shapes: list[Any] = []
    for frame in frames:
        event = json.loads(frame) if isinstance(frame, str) and frame[0] == "{" else frame
        if isinstance(event, dict) and "closed" not in event:
            shapes.append(shape(neutral(event.get("event", event))))
        else:
            shapes.append("end")
    return shapes


def header_facts(headers: Any) -> dict[str, Any]:
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    return {
        "headers": sorted({name for name, _ in pairs}),
        "values": {name: value for name, value in pairs if name in KEPT_HEADERS},
    }


def exchange(name: str, recorded: dict[str, Any]) -> dict[str, Any]:
    request, response = recorded["request"], recorded["response"]
    if "port" in request:
        daemon = DAEMONS[request["port"]]
    else:
        daemon = {"agent": "agent1", "agent2": "agent2"}.get(name.partition("_")[0], "master")
    row: dict[str, Any] = {
        "name": neutral(name),
        "daemon": daemon,
        "method": request.get("method", "POST"),
        "path": neutral(request["path"]),
        "request_headers": neutral(request.get("headers", JSON if "body" in request else {})),
    }
    for part in ("body", "body_raw"):
        if request.get(part) is not None:
            row[f"request_{part}"] = neutral(request[part])
    row |= {"status": response["status"]} | header_facts(response.get("headers", []))
    frames = response.get("frames", recorded.get("frames"))
    if frames and "master_v1" not in name and name != "scheduler_session":
        return row | {"records": record_shapes(frames)}
    return row | {"shape": body_shape(response)}


def scheduler_session(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the calls and events of the scheduler in their true order, and whose offers are."""
    offers: dict[str, str] = {}
    timed: list[tuple[float, list[Any]]] = []
    for frame in recorded["frames"]:
        event = neutral(frame.get("event", frame))
        for offer in event.get("offers", {}).get("offers", []):
            offers[offer["id"]["value"]] = offer["agent_id"]["value"]
        status = event.get("update", {}).get("status", {})
        of = status.get("task_id", {}).get("value")
        timed.append((frame["t"], ["event", of, *record_shapes([frame])]))
    timed += [(call["t"], ["call", f"scheduler_{call['name']}"]) for call in recorded["calls"]]
    timed.sort(key=lambda step: step[0])
    return {"offers": offers, "steps": [step for _, step in timed]}


def executor_session(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return what an executor found in its environment, was sent and was answered."""
    subscribe = recorded["subscribe"]
    return {
        "environment": sorted(recorded["environment"]),
        "subscribe": {"request": neutral(subscribe["request"])}
        | {"status": subscribe["response"]["status"]}
        | header_facts(subscribe["response"]["headers"]),
        "records": record_shapes(recorded["frames"]),
        "calls": [
            {"type": call["request"]["type"], "status": call["status"]}
            | header_facts(call["headers"])
            for call in recorded["calls"]
        ],
    }


def raw_socket(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return what the first bytes of a scheduler's stream are made of."""
    head, _, body = recorded["response_raw_first_3s"].partition("\r\n\r\n")
    chunks = re.findall(r"(?m)^[0-9a-f]+\r\n(\d+)\n(\{.*\})\r$", body)
    request = neutral(json.loads(recorded["request_raw"].partition("\r\n\r\n")[2]))
    pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:]]
    return {"request_body": request, "status": int(head.split()[1])} | {
        **header_facts(pairs),
        "records": record_shapes([text for _, text in chunks]),
    }


def main(folder: Path) -> None:
    """Write exchanges.json, events.json and sessions.json."""
    order = (folder / "INDEX.txt").read_text().split()
    rank = {name: position for position, name in enumerate(order)}
    exchanges, events = [], []
    sessions: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json"), key=lambda p: (rank.get(p.stem, 10**6), p.stem)):
        recorded = json.loads(path.read_text())
        if path.stem == "scheduler_session":
            sessions[path.stem] = scheduler_session(recorded)
        if path.stem == "executor_v1_session":
            sessions[path.stem] = executor_session(recorded)
        if path.stem == "scheduler_SUBSCRIBE_raw_socket":
            sessions[path.stem] = raw_socket(recorded)
        if path.stem == "master_v1_SUBSCRIBE_events":
            sessions[path.stem] = record_shapes(recorded["frames"])
        if path.stem == "scheduler_RESUBSCRIBE":  # written in a form of its own
            recorded["request"] = {"path": "/api/v1/scheduler", "body": recorded["request"]}
        if "request" in recorded and "response" in recorded:
            exchanges.append(exchange(path.stem, recorded))
        elif "type" in recorded:
            events.append({"name": path.stem, "shape": shape(neutral(recorded))})
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, rows in [("exchanges", exchanges), ("events", events)]:
        lines = ",\n".join(json.dumps(row) for row in rows)
        (TARGET / f"{name}.json").write_text(f"[\n{lines}\n]\n")
    (TARGET / "sessions.json").write_text(json.dumps(sessions, indent=0) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
