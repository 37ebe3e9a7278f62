"""A custom executor that speaks the v1 API by hand, with nothing but the standard library.

It makes the calls that the recorded executor made, and leaves all it saw in its sandbox, as
``session.json``: its environment, each record, and the answer to each call.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
from pathlib import Path

PATH = "/api/v1/executor"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
ADDRESS = os.environ["MESOS_AGENT_ENDPOINT"]
WHO = {
    "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
    "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
}

session = {"environment": dict(os.environ), "records": [], "calls": []}


def call(kind, **body):
    connection = http.client.HTTPConnection(ADDRESS)
    connection.request("POST", PATH, json.dumps({**WHO, "type": kind, **body}), JSON)
    answer = connection.getresponse()
    answer.read()
    headers = answer.getheaders()
    session["calls"].append({"type": kind, "status": answer.status, "headers": headers})
    connection.close()


def update(task_id, state, **more):
    """Send a status as bare as Mesos takes it: no executor, no timestamp."""
    status = {"task_id": task_id, "state": state, "source": "SOURCE_EXECUTOR", **more}
    status["uuid"] = base64.b64encode(os.urandom(16)).decode()
    call("UPDATE", update={"status": status})


def handle(event):
    match event["type"]:
        case "LAUNCH":
            update(event["launch"]["task"]["task_id"], "TASK_RUNNING")
            call("MESSAGE", message={"data": base64.b64encode(b"hello").decode()})
            call("BOGUS")
        case "KILL":
            update(event["kill"]["task_id"], "TASK_KILLED", message="as asked")


def main():
    connection = http.client.HTTPConnection(ADDRESS)
    subscribe = {"unacknowledged_tasks": [], "unacknowledged_updates": []}
    body = {**WHO, "type": "SUBSCRIBE", "subscribe": subscribe}
    connection.request("POST", PATH, json.dumps(body), JSON)
    stream = connection.getresponse()
    session["subscribe"] = {"status": stream.status, "headers": stream.getheaders()}
    while length := stream.readline():
        event = json.loads(stream.read(int(length)))
        session["records"].append(event)
        if event["type"] == "SHUTDOWN":
            break
        handle(event)
    Path("session.json").write_text(json.dumps(session))


if __name__ == "__main__":
    main()
