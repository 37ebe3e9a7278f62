"""Answers to requests that are wrong in one way or another, as a real Mesos gave them."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data" / "golden" / "exchanges.json"
ROWS: list[dict[str, Any]] = [
    row
    for row in json.loads(DATA.read_text(encoding="utf-8"))
    if row["name"].startswith(("scheduler_err_", "scheduler_suberr_"))
]


Found = dict[str, tuple[int, dict[str, str], list[str]]]


@pytest.fixture(scope="module")
def answers(run_master: Any) -> Found:
    """Return what one master answers to all of the recorded requests."""
    return asyncio.run(replay(run_master))


async def replay(run_master: Any) -> Found:
    """Send every recorded request, with our framework's id and stream where it had its own."""
    found: Found = {}
    async with run_master() as master:
        stream = await master.subscribe()
        framework_id = (await stream.event("SUBSCRIBED"))["subscribed"]["framework_id"]["value"]
        over = await master.subscribe()
        over_id = (await over.event("SUBSCRIBED"))["subscribed"]["framework_id"]["value"]
        teardown = {"type": "TEARDOWN", "framework_id": {"value": over_id}}
        stream_id = over.headers["Mesos-Stream-Id"]
        await master.request(teardown, Content_Type="application/json", Mesos_Stream_Id=stream_id)
        for row in ROWS:
            mine = over_id if "completed" in row["name"] else framework_id
            headers = {
                name.replace("-", "_"): value for name, value in row["request_headers"].items()
            }
            body = body_of(row).replace(b"RUN-0001", mine.encode())
            if headers.get("Mesos_Stream_Id", "").startswith("RUN"):
                headers["Mesos_Stream_Id"] = stream.headers["Mesos-Stream-Id"]
            exchange = await master.open(body, method=row["method"], **headers)
            records: list[str] = []
            if exchange.headers.get("Transfer-Encoding") == "chunked":
                records = await first_records(exchange)
            found[row["name"]] = (exchange.status, exchange.headers, records)
            exchange.close()
        stream.close()
        over.close()
    return found


async def first_records(exchange: Any) -> list[str]:
    """Read until the first heartbeat or the end of a stream."""
    kinds: list[str] = []
    while not kinds or kinds[-1] not in ("HEARTBEAT", "end"):
        chunk = await exchange.chunk()
        kinds.append("end" if chunk is None else json.loads(chunk.split(b"\n", 1)[1])["type"])
    return kinds


def body_of(row: dict[str, Any]) -> bytes:
    """Return the recorded body's bytes."""
    body = row.get("request_body")
    if body is None:
        return b""
    if isinstance(body, dict):
        return json.dumps(body).encode()
    if "protobuf" in row["request_headers"].get("Content-Type", ""):
        return base64.b64decode(body)
    return str(body).encode()


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_the_answer_has_the_recorded_status_headers_and_events(
    row: dict[str, Any], answers: Found
) -> None:
    status, headers, records = answers[row["name"]]
    assert status == row["status"]
    assert sorted(headers) == row["headers"]
    assert {name: headers[name] for name in row["values"]} == row["values"]
    recorded = [each if each == "end" else each["type"] for each in row.get("records", [])]
    assert records == recorded[: len(records)]
