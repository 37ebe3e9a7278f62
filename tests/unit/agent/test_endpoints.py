"""What operators read from an agent, compared with what a real Mesos answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tepui.agent.calls import TABLE
from tepui.agent.endpoints import EndpointContext, register
from tepui.base.errors import Rejected, Unavailable
from tepui.codec import protobuf
from tepui.codec.json import from_builtins, to_builtins
from tepui.codec.media import PROTOBUF
from tepui.http.files import Files
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router
from tepui.messages import FrameworkInfo, ResourceStatistics, TaskInfo
from tepui.messages.agent import Call
from tepui.messages.agent import Response as AgentResponse
from tepui.resources import parse_attributes, parse_resources

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


async def usage(container_id: str) -> ResourceStatistics | None:
    """What each container uses, if it is asked."""
    assert container_id
    return ResourceStatistics(
        timestamp=5.0,
        processes=2,
        threads=3,
        cpus_user_time_secs=1.0,
        cpus_system_time_secs=0.5,
        mem_rss_bytes=1000,
    )


class Operator:
    """Asks the endpoints of an agent."""

    def __init__(self, agent: Any, files: Files | None = None) -> None:
        self.router = Router("slave(1)")
        context = EndpointContext(
            flags={"port": "5051", "work_dir": "/w"},
            files=files or Files(),
            usage=usage,
            wall_clock=lambda: agent.now.wall,
        )
        register(self.router, agent.model, context)

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """Return the answer; a refusal as the server would turn it into one."""
        return asyncio.run(self._ask(Request(method, target, Headers.of(headers or {}), body)))

    async def _ask(self, request: Request) -> Response:
        try:
            answer = self.router(request)
            if not isinstance(answer, Response):
                answer = await answer  # type: ignore[misc]
        except Rejected as error:
            return Response(error.status, error.message.encode(), error.headers)
        except Unavailable as error:
            return Response(503, str(error).encode())
        assert isinstance(answer, Response)
        return answer

    def get(self, target: str) -> Response:
        """Make a GET request."""
        return self.ask("GET", target)

    def json(self, target: str) -> Any:
        """Return what a legacy endpoint says."""
        answer = self.get(target)
        assert (answer.status, answer.content_type) == (200, "application/json")
        return json.loads(answer.body)

    def call(self, call: dict[str, Any], **headers: str) -> Response:
        """Make a call of the v1 API."""
        return self.ask("POST", "/api/v1", json.dumps(call).encode(), JSON_HEADERS | headers)


FRAMEWORK = {
    "user": "root",
    "name": "golden",
    "id": {"value": "f1"},
    "roles": ["dev"],
    "capabilities": [{"type": "MULTI_ROLE"}],
    "principal": "somebody",
    "hostname": "h",
    "webui_url": "http://127.0.0.1:1/",
    "labels": {"labels": [{"key": "k", "value": "v"}, {"key": "only"}]},
}


def described(task: TaskInfo, **fields: Any) -> TaskInfo:
    """Give a task what those that were recorded had."""
    resources = parse_resources("cpus:0.1;mem:32").allocated_to("dev").to_messages()
    extra = from_builtins(TaskInfo, to_builtins(task) | fields)
    return replace(extra, resources=resources)


@pytest.fixture
def busy(open_conversation: Any) -> Any:
    """Return an agent like those that were recorded."""
    agent = open_conversation(
        resources=parse_resources(
            "cpus:4;mem:1024;disk:1000;ports:[31000-32000];cpus(static):1"
        ).to_messages(),
        attributes=parse_attributes("rack:a;zone:b;n:1"),
    ).registered()
    framework = from_builtins(FrameworkInfo, FRAMEWORK)
    agent.running(
        described(
            agent.task("sleep-1"),
            labels={"labels": [{"key": "a", "value": "b"}]},
            kill_policy={"grace_period": {"nanoseconds": 1}},
            discovery={
                "visibility": "FRAMEWORK",
                "name": "d",
                "ports": {"ports": [{"number": 80, "name": "http", "protocol": "tcp"}]},
            },
        ),
        by=framework,
    )
    over = agent.running(described(agent.task("true-1")), by=framework)
    agent.acknowledge(agent.exited(over))
    gone = replace(agent.framework("f2"), capabilities=framework.capabilities[:0])
    ended = agent.running(described(agent.task("once")), by=gone)
    agent.acknowledge(agent.exited(ended))
    return agent


LEGACY = {
    "agent_GET_state": "/state",
    "agent_GET_slave_1_state": "/slave(1)/state",
    "agent_GET_containers": "/containers",
    "agent_GET_monitor_statistics": "/monitor/statistics",
    "agent_GET_slave_1_monitor_statistics": "/slave%281%29/monitor/statistics",
    "agent_GET_version": "/version",
    "agent_GET_flags": "/flags",
    "agent_GET_containerizer_debug": "/containerizer/debug",
}


@pytest.mark.parametrize(("name", "target"), LEGACY.items())
def test_a_legacy_answer_has_the_recorded_key_tree(
    busy: Any, golden: Any, name: str, target: str
) -> None:
    answer = Operator(busy).get(target)
    assert answer.status == golden.rows[name]["status"]
    assert golden.differences(name, answer.body) == []


V1 = [
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_LOGGING_LEVEL",
    "GET_STATE",
    "GET_CONTAINERS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_TASKS",
    "GET_AGENT",
    "GET_RESOURCE_PROVIDERS",
]


@pytest.mark.parametrize("kind", V1)
def test_an_answer_of_the_v1_api_has_the_recorded_key_tree(
    busy: Any, golden: Any, kind: str
) -> None:
    answer = Operator(busy).call({"type": kind})
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert golden.differences(f"agent_v1_{kind}", answer.body) == []


@pytest.mark.parametrize("kind", [*V1, "GET_OPERATIONS"])
def test_protobuf_says_the_same_as_json(busy: Any, kind: str) -> None:
    operator = Operator(busy)
    in_json = from_builtins(AgentResponse, json.loads(operator.call({"type": kind}).body))
    answer = operator.call({"type": kind}, Accept=PROTOBUF)
    assert answer.content_type == PROTOBUF
    assert protobuf.decode(AgentResponse, answer.body) == in_json
