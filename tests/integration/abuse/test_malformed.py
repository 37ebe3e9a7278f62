"""Ten thousand malformed requests to each endpoint that takes POST change nothing.

None is answered by a 500, nothing of the state that is shown changes, and memory stays within
`GROWTH_MEGABYTES_MAX`, whatever the requests were; a framework is served afterwards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tepui.messages import Message, agent, executor, master, scheduler

pytestmark = pytest.mark.slow

REQUESTS = 10_000
WARM_UP = 1_000
PIPELINED = 50
GROWTH_MEGABYTES_MAX = 16.0

NOBODY = {"value": "nobody"}
AGENT = {"value": "nowhere"}
TASK = {"value": "nothing"}
UUID = "AAAAAAAAAAAAAAAAAAAAAA=="
CPUS = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}}
PORTS = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 9}]}}
TASK_INFO = {
    "name": "t",
    "task_id": TASK,
    "agent_id": AGENT,
    "resources": [CPUS, PORTS],
    "command": {"value": "true", "uris": [{"value": "http://x/y", "extract": True}]},
    "labels": {"labels": [{"key": "a", "value": "b"}]},
    "kill_policy": {"grace_period": {"nanoseconds": 5}},
}
INFO = {
    "user": "root",
    "name": "n",
    "id": NOBODY,
    "roles": ["a/b"],
    "failover_timeout": 3.5,
    "capabilities": [{"type": "MULTI_ROLE"}],
}
LAUNCH = {"type": "LAUNCH", "launch": {"task_infos": [TASK_INFO]}}
EXECUTOR = {"executor_id": NOBODY, "framework_id": NOBODY, "type": "DEFAULT"}
GROUP = {
    "type": "LAUNCH_GROUP",
    "launch_group": {"executor": EXECUTOR, "task_group": {"tasks": [TASK_INFO]}},
}
STATUS = {"task_id": TASK, "state": "TASK_RUNNING", "uuid": UUID, "source": "SOURCE_EXECUTOR"}

SCHEDULER_CALLS: list[dict[str, Any]] = [
    {"type": "SUBSCRIBE", "subscribe": {"framework_info": INFO}},
    {"type": "TEARDOWN"},
    {
        "type": "ACCEPT",
        "accept": {
            "offer_ids": [NOBODY],
            "operations": [LAUNCH, GROUP],
            "filters": {"refuse_seconds": 5.5},
        },
    },
    {"type": "DECLINE", "decline": {"offer_ids": [NOBODY], "filters": {"refuse_seconds": 1.0}}},
    {"type": "REVIVE", "revive": {"roles": ["a"]}},
    {"type": "SUPPRESS", "suppress": {"roles": ["a"]}},
    {"type": "KILL", "kill": {"task_id": TASK, "agent_id": AGENT}},
    {"type": "SHUTDOWN", "shutdown": {"executor_id": NOBODY, "agent_id": AGENT}},
    {"type": "ACKNOWLEDGE", "acknowledge": {"agent_id": AGENT, "task_id": TASK, "uuid": UUID}},
    {"type": "RECONCILE", "reconcile": {"tasks": [{"task_id": TASK, "agent_id": AGENT}]}},
    {"type": "MESSAGE", "message": {"agent_id": AGENT, "executor_id": NOBODY, "data": "eA=="}},
    {"type": "REQUEST", "request": {"requests": [{"agent_id": AGENT, "resources": [CPUS]}]}},
    {"type": "UPDATE_FRAMEWORK", "update_framework": {"framework_info": INFO}},
]
EXECUTOR_CALLS: list[dict[str, Any]] = [
    {
        "type": "SUBSCRIBE",
        "subscribe": {
            "unacknowledged_tasks": [TASK_INFO],
            "unacknowledged_updates": [{"status": STATUS}],
        },
    },
    {"type": "UPDATE", "update": {"status": STATUS}},
    {"type": "MESSAGE", "message": {"data": "eA=="}},
    {"type": "HEARTBEAT"},
]
CONTAINER = {"value": "c", "parent": {"value": "p"}}
MASTER_CALLS: list[dict[str, Any]] = [
    {"type": "GET_STATE"},
    {"type": "GET_METRICS", "get_metrics": {"timeout": {"nanoseconds": 5}}},
    {"type": "LIST_FILES", "list_files": {"path": "/master/log"}},
    {"type": "READ_FILE", "read_file": {"path": "/nothing", "offset": 3, "length": 9}},
    {
        "type": "SET_LOGGING_LEVEL",
        "set_logging_level": {"level": 1, "duration": {"nanoseconds": 1}},
    },
    {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [{"weight": 2.5, "role": "a"}]}},
    {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": AGENT, "resources": [CPUS]}},
    {"type": "TEARDOWN", "teardown": {"framework_id": NOBODY}},
    {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": AGENT}},
]
AGENT_CALLS: list[dict[str, Any]] = [
    {"type": "GET_STATE"},
    {"type": "GET_CONTAINERS", "get_containers": {"show_nested": True}},
    {"type": "READ_FILE", "read_file": {"path": "/nothing", "offset": 3, "length": 9}},
    {
        "type": "LAUNCH_NESTED_CONTAINER",
        "launch_nested_container": {"container_id": CONTAINER, "command": {"value": "true"}},
    },
    {"type": "KILL_CONTAINER", "kill_container": {"container_id": CONTAINER, "signal": 9}},
    {"type": "WAIT_CONTAINER", "wait_container": {"container_id": CONTAINER}},
    {"type": "REMOVE_CONTAINER", "remove_container": {"container_id": CONTAINER}},
]


def named(calls: list[dict[str, Any]], **ids: Any) -> list[dict[str, Any]]:
    return [{**ids, **call} for call in calls]


ENDPOINTS: dict[str, tuple[str, str, type[Message], list[dict[str, Any]]]] = {
    "scheduler": (
        "master",
        "/api/v1/scheduler",
        scheduler.Call,
        named(SCHEDULER_CALLS, framework_id=NOBODY),
    ),
    "executor": (
        "agent",
        "/api/v1/executor",
        executor.Call,
        named(EXECUTOR_CALLS, framework_id=NOBODY, executor_id=NOBODY),
    ),
    "master": ("master", "/api/v1", master.Call, MASTER_CALLS),
    "agent": ("agent", "/api/v1", agent.Call, AGENT_CALLS),
}
# A subscription with a stream id is refused; without one it would be none the less right.
HEADERS = {"scheduler": {"Mesos-Stream-Id": "nobody"}}


async def storm(
    attack: Any, url: str, path: str, requests: list[Any], counts: Counter[int]
) -> None:
    """Send the requests, many at a time on one connection, and count the answers."""
    sent = 0
    while sent < len(requests):
        batch = requests[sent : sent + PIPELINED]
        async with attack.connected(url) as socket, asyncio.timeout(30.0):
            for each in batch:
                socket.ask(path, each.body, each.headers, each.method)
            for each in batch:
                answer = await socket.answer()
                assert answer.status < 500 or answer.status == 501, (each, answer)
                assert "transfer-encoding" not in answer.headers, (each, answer)
                counts[answer.status] += 1
                sent += 1
                if answer.headers.get("connection") == "close":
                    break  # what came behind it was not looked at


async def changes_nothing(attack: Any, name: str, storms: Callable[[int], Any]) -> None:
    """Hold that ``storms``, given how many requests to send, leave no trace in state or memory."""
    framework = await attack.stage.framework(name="bystander")
    task = attack.task("bystander", "exec sleep 1000")
    await framework.launch(task)
    await framework.sees("bystander", "TASK_RUNNING")
    # Only what somebody asks for changes from here on.
    await framework.client.suppress()
    await storms(WARM_UP)
    before, weight = await attack.picture(), attack.resident_megabytes()
    await storms(REQUESTS)
    assert await attack.picture() == before
    growth = {key: value - weight[key] for key, value in attack.resident_megabytes().items()}
    assert max(growth.values()) < GROWTH_MEGABYTES_MAX, (name, growth)
    assert framework.states("bystander") == ["TASK_STARTING", "TASK_RUNNING"]
    # It was offered the rest before it was suppressed.
    await framework.client.decline(framework.offers.values())
    await attack.still_serves()


@pytest.mark.parametrize("name", ENDPOINTS)
def test_malformed_calls_change_nothing(
    attack: Callable[..., Any], malformed: Any, name: str
) -> None:
    daemon, path, kind, calls = ENDPOINTS[name]

    async def story() -> None:
        async with attack() as attacked:
            url = attacked.url if daemon == "master" else attacked.agent_url
            generator = malformed.Generator(name, calls, kind, HEADERS.get(name, {}))
            counts: Counter[int] = Counter()

            async def storms(count: int) -> None:
                await storm(attacked, url, path, list(generator.requests(count)), counts)

            await changes_nothing(attacked, name, storms)
            assert {400, 405, 415} <= set(counts), counts
            assert counts[400] > REQUESTS / 3, counts

    asyncio.run(story())


def test_malformed_kills_change_nothing(attack: Callable[..., Any], malformed: Any) -> None:
    async def story() -> None:
        async with attack() as attacked:
            kill = {"framework_id": "nobody", "task_id": "nothing"}
            generator = malformed.Generator("kill", [kill], None, {})

            async def storms(count: int) -> None:
                requests = list(generator.requests(count))
                await storm(attacked, attacked.url, "/api/kill", requests, Counter())

            await changes_nothing(attacked, "kill", storms)

    asyncio.run(story())
