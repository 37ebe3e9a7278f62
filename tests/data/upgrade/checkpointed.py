"""What an agent in the midst of everything remembers: each field of each record says something."""

from __future__ import annotations

from typing import Any

import msgspec

from tepui.agent.core.model import Kill
from tepui.agent.core.records import (
    AgentRecord,
    DrainRecord,
    ExecutorRecord,
    FrameworkRecord,
    OperationRecord,
    Record,
    ResourcesRecord,
    StreamRecord,
    TaskRecord,
)
from tepui.codec import json
from tepui.messages import (
    AgentInfo,
    DrainConfig,
    ExecutorInfo,
    FrameworkInfo,
    Offer,
    OperationStatus,
    Resource,
    TaskInfo,
    TaskState,
    TaskStatus,
)

AGENT = "20231114-S7"
FRAMEWORK = "20231114-0001"
RUNS = "5a0e2b1c-0000-4000-8000-00000000000"
SANDBOX = f"/var/lib/mesos/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors"
UUID = bytes(range(16))


def records() -> list[Record]:
    """Return all records."""
    return [*_agent(), *_frameworks(), *_executors(), *_tasks(), *_streams(), *_operations()]


def _resource(name: str, amount: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": amount}, **more}


def _volume(volume_id: str) -> dict[str, Any]:
    return _resource(
        "disk",
        64.0,
        reservations=[{"type": "DYNAMIC", "role": "ads", "principal": "ops"}],
        disk={
            "persistence": {"id": volume_id, "principal": "ops"},
            "volume": {"mode": "RW", "container_path": "data"},
        },
    )


def _agent() -> list[Record]:
    info = {
        "id": {"value": AGENT},
        "hostname": "host-7",
        "port": 5051,
        "resources": [_resource("cpus", 8.0), _resource("disk", 1000.0)],
        "attributes": [{"name": "zone", "type": "TEXT", "text": {"value": "z7"}}],
    }
    resources = [_resource("cpus", 8.0), _volume("v1")]
    drain = {"max_grace_period": {"nanoseconds": 30_000_000_000}, "mark_gone": True}
    return [
        AgentRecord(info=json.from_builtins(AgentInfo, info), boot_id="boot-1"),
        DrainRecord(config=json.from_builtins(DrainConfig, drain), started_at=1_700_000_050.5),
        ResourcesRecord(
            resources=[json.from_builtins(Resource, each) for each in resources],
            unwiped=["/mnt/disk2"],
        ),
    ]


def _frameworks() -> list[Record]:
    info = {
        "id": {"value": FRAMEWORK},
        "user": "www",
        "name": "shop",
        "roles": ["ads"],
        "checkpoint": True,
        "failover_timeout": 604800.0,
        "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
    }
    ending = {**info, "id": {"value": "20231114-0002"}, "name": "leaves"}
    return [
        FrameworkRecord(info=json.from_builtins(FrameworkInfo, info)),
        FrameworkRecord(info=json.from_builtins(FrameworkInfo, ending), is_terminating=True),
    ]


def _executors() -> list[Record]:
    def executor(name: str, kind: str, run: int, **more: Any) -> Record:
        info = {
            "executor_id": {"value": name},
            "framework_id": {"value": FRAMEWORK},
            "command": {"value": "./run", "environment": {"variables": [_variable()]}},
            "resources": [_resource("cpus", 0.1)],
        }
        return ExecutorRecord(
            framework_id=FRAMEWORK,
            info=json.from_builtins(ExecutorInfo, info),
            kind=kind,
            container_id=f"{RUNS}{run}",
            directory=f"{SANDBOX}/{name}/runs/{RUNS}{run}",
            **more,
        )

    return [
        executor("web-1", "command", 1),
        executor("pod", "default", 2),
        executor("own", "custom", 3, has_subscribed=True),
    ]


def _variable() -> dict[str, Any]:
    return {"name": "COLOUR", "type": "VALUE", "value": "blau-grün"}


def _task(name: str) -> TaskInfo:
    info = {
        "name": name,
        "task_id": {"value": name},
        "agent_id": {"value": AGENT},
        "resources": [_resource("cpus", 1.0), _volume("v1")],
        "command": {"value": "exec sleep 1000", "uris": [{"value": "file:///etc/hosts"}]},
        "data": "AAECAw==",
        "labels": {"labels": [{"key": "tier", "value": "front"}]},
        "kill_policy": {"grace_period": {"nanoseconds": 5_000_000_000}},
    }
    return json.from_builtins(TaskInfo, info)


def _tasks() -> list[Record]:
    def task(name: str, executor: str, container: str, **more: Any) -> Record:
        return TaskRecord(
            framework_id=FRAMEWORK,
            executor_id=executor,
            info=_task(name),
            container_id=container,
            **more,
        )

    pod = {"group": ["pod-a", "pod-b"]}
    return [
        task("web-1", "web-1", f"{RUNS}1"),
        task("pod-a", "pod", f"{RUNS}2.a", **pod),
        task("pod-b", "pod", f"{RUNS}2.b", **pod),
        task("own-1", "own", f"{RUNS}3"),
    ]


def _status(task: str, state: str, number: int) -> TaskStatus:
    status = {
        "task_id": {"value": task},
        "agent_id": {"value": AGENT},
        "state": state,
        "source": "SOURCE_EXECUTOR",
        "message": f"it is {state}",
        "timestamp": 1_700_000_000.5 + number,
        "container_status": {"container_id": {"value": f"{RUNS}1"}, "executor_pid": 4001},
    }
    made = json.from_builtins(TaskStatus, status)
    return _with_uuid(made, number)


def _with_uuid(status: TaskStatus, number: int) -> TaskStatus:
    return msgspec.structs.replace(status, uuid=bytes([number]) * 16)


def _streams() -> list[Record]:
    running = [_status("web-1", "TASK_STARTING", 1), _status("web-1", "TASK_RUNNING", 2)]
    return [
        StreamRecord(
            framework_id=FRAMEWORK,
            executor_id="web-1",
            task_id="web-1",
            state=TaskState.TASK_KILLING,
            statuses=running,
            pending=running[1:],
            seen=[bytes([1]) * 16, bytes([2]) * 16],
            status_update_state=TaskState.TASK_STARTING,
            status_update_uuid=bytes([1]) * 16,
            kill=Kill(
                state=TaskState.TASK_KILLED,
                message="it was asked to end",
                reason=TaskStatus.Reason.REASON_TASK_KILLED_DURING_LAUNCH,
                escalate_at=1234.5,
            ),
            running_at=1_700_000_002.5,
        ),
        StreamRecord(
            framework_id=FRAMEWORK,
            executor_id="own",
            task_id="own-1",
            state=TaskState.TASK_STAGING,
            is_queued=True,
        ),
        *(_grouped(name) for name in ("pod-a", "pod-b")),
    ]


def _grouped(name: str) -> Record:
    return StreamRecord(
        framework_id=FRAMEWORK,
        executor_id="pod",
        task_id=name,
        state=TaskState.TASK_RUNNING,
        statuses=[_status(name, "TASK_RUNNING", 3)],
    )


def _operations() -> list[Record]:
    def operation(kind: str, body: dict[str, Any], name: str) -> Offer.Operation:
        given = {"type": kind, "id": {"value": name}, kind.lower(): body}
        return json.from_builtins(Offer.Operation, given)

    create = operation("CREATE", {"volumes": [_volume("v1")]}, "make-v1")
    destroy = operation("DESTROY", {"volumes": [_volume("v0")]}, "drop-v0")
    status = {
        "operation_id": {"value": "make-v1"},
        "state": "OPERATION_FINISHED",
        "message": "done",
        "converted_resources": [_volume("v1")],
        "uuid": {"value": "AAECAwQFBgcICQoLDA0ODw=="},
        "agent_id": {"value": AGENT},
    }
    return [
        OperationRecord(
            uuid=UUID,
            operation=create,
            number=4,
            framework_id=FRAMEWORK,
            status=json.from_builtins(OperationStatus, status),
        ),
        OperationRecord(uuid=UUID[::-1], operation=destroy, number=5, undone_before=[create]),
    ]
