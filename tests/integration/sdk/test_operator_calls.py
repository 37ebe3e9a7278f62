"""The operator client's calls: what each sends, what it returns, and how events arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tepui.codec import recordio
from tepui.codec.media import codec_for
from tepui.daemons.cluster import Cluster
from tepui.http.messages import Answer, Request, StreamResponse
from tepui.http.messages import Response as HttpResponse
from tepui.http.server import Server
from tepui.http.streams import StreamWriter
from tepui.messages import (
    AgentID,
    FrameworkID,
    MachineID,
    Operation,
    Resource,
    Value,
    VersionInfo,
    WeightInfo,
)
from tepui.messages.maintenance import ClusterStatus, Schedule
from tepui.messages.master import Call, Event, Response
from tepui.messages.quota import QuotaConfig, QuotaRequest, QuotaStatus
from tepui.messages.well_known import Duration
from tepui.resources import parse_resources
from tepui.sdk import CallRejected, OperatorClient, Unreachable

Type = Call.Type
AGENT = AgentID(value="a")
DISK = Resource(name="disk", type=Value.Type.SCALAR, scalar=Value.Scalar(value=1.0))
MACHINES = [MachineID(hostname="h", ip="10.0.0.1")]
QUOTA = QuotaConfig(role="dev", limits={"cpus": Value.Scalar(value=2.0)})
REQUEST = QuotaRequest(role="dev", guarantee=[DISK])

ORDERS: list[tuple[Callable[[OperatorClient], Awaitable[None]], Call]] = [
    (
        lambda operator: operator.update_quota([QUOTA]),
        Call(type=Type.UPDATE_QUOTA, update_quota=Call.UpdateQuota(quota_configs=[QUOTA])),
    ),
    (
        lambda operator: operator.update_quota([], force=True),
        Call(type=Type.UPDATE_QUOTA, update_quota=Call.UpdateQuota(force=True)),
    ),
    (
        lambda operator: operator.set_quota(REQUEST),
        Call(type=Type.SET_QUOTA, set_quota=Call.SetQuota(quota_request=REQUEST)),
    ),
    (
        lambda operator: operator.remove_quota("dev"),
        Call(type=Type.REMOVE_QUOTA, remove_quota=Call.RemoveQuota(role="dev")),
    ),
    (
        lambda operator: operator.update_weights({"dev": 2.0}),
        Call(
            type=Type.UPDATE_WEIGHTS,
            update_weights=Call.UpdateWeights(weight_infos=[WeightInfo(role="dev", weight=2.0)]),
        ),
    ),
    (
        lambda operator: operator.reserve_resources(AGENT, [DISK], [DISK]),
        Call(
            type=Type.RESERVE_RESOURCES,
            reserve_resources=Call.ReserveResources(
                agent_id=AGENT, source=[DISK], resources=[DISK]
            ),
        ),
    ),
    (
        lambda operator: operator.unreserve_resources(AGENT, [DISK]),
        Call(
            type=Type.UNRESERVE_RESOURCES,
            unreserve_resources=Call.UnreserveResources(agent_id=AGENT, resources=[DISK]),
        ),
    ),
    (
        lambda operator: operator.create_volumes(AGENT, [DISK]),
        Call(
            type=Type.CREATE_VOLUMES,
            create_volumes=Call.CreateVolumes(agent_id=AGENT, volumes=[DISK]),
        ),
    ),
    (
        lambda operator: operator.destroy_volumes(AGENT, [DISK]),
        Call(
            type=Type.DESTROY_VOLUMES,
            destroy_volumes=Call.DestroyVolumes(agent_id=AGENT, volumes=[DISK]),
        ),
    ),
    (
        lambda operator: operator.grow_volume(AGENT, DISK, DISK),
        Call(
            type=Type.GROW_VOLUME,
            grow_volume=Call.GrowVolume(agent_id=AGENT, volume=DISK, addition=DISK),
        ),
    ),
    (
        lambda operator: operator.shrink_volume(AGENT, DISK, 0.5),
        Call(
            type=Type.SHRINK_VOLUME,
            shrink_volume=Call.ShrinkVolume(
                agent_id=AGENT, volume=DISK, subtract=Value.Scalar(value=0.5)
            ),
        ),
    ),
    (
        lambda operator: operator.update_maintenance_schedule(Schedule()),
        Call(
            type=Type.UPDATE_MAINTENANCE_SCHEDULE,
            update_maintenance_schedule=Call.UpdateMaintenanceSchedule(schedule=Schedule()),
        ),
    ),
    (
        lambda operator: operator.start_maintenance(MACHINES),
        Call(
            type=Type.START_MAINTENANCE,
            start_maintenance=Call.StartMaintenance(machines=MACHINES),
        ),
    ),
    (
        lambda operator: operator.stop_maintenance(MACHINES),
        Call(type=Type.STOP_MAINTENANCE, stop_maintenance=Call.StopMaintenance(machines=MACHINES)),
    ),
    (
        lambda operator: operator.drain_agent(AGENT, grace_seconds=1.5, mark_gone=True),
        Call(
            type=Type.DRAIN_AGENT,
            drain_agent=Call.DrainAgent(
                agent_id=AGENT,
                max_grace_period=Duration(seconds=1, nanos=500_000_000),
                mark_gone=True,
            ),
        ),
    ),
    (
        lambda operator: operator.deactivate_agent(AGENT),
        Call(type=Type.DEACTIVATE_AGENT, deactivate_agent=Call.DeactivateAgent(agent_id=AGENT)),
    ),
    (
        lambda operator: operator.reactivate_agent(AGENT),
        Call(type=Type.REACTIVATE_AGENT, reactivate_agent=Call.ReactivateAgent(agent_id=AGENT)),
    ),
    (
        lambda operator: operator.mark_agent_gone(AGENT),
        Call(type=Type.MARK_AGENT_GONE, mark_agent_gone=Call.MarkAgentGone(agent_id=AGENT)),
    ),
    (
        lambda operator: operator.teardown(FrameworkID(value="f")),
        Call(type=Type.TEARDOWN, teardown=Call.Teardown(framework_id=FrameworkID(value="f"))),
    ),
]

QUESTIONS: list[tuple[Callable[[OperatorClient], Awaitable[Any]], Response, Any]] = [
    (
        lambda operator: operator.get_quota(),
        Response(get_quota=Response.GetQuota(status=QuotaStatus(configs=[QUOTA]))),
        QuotaStatus(configs=[QUOTA]),
    ),
    (
        lambda operator: operator.get_weights(),
        Response(
            get_weights=Response.GetWeights(weight_infos=[WeightInfo(role="dev", weight=2.0)])
        ),
        [WeightInfo(role="dev", weight=2.0)],
    ),
    (
        lambda operator: operator.get_operations(),
        Response(get_operations=Response.GetOperations(operations=[])),
        list[Operation](),
    ),
    (
        lambda operator: operator.get_maintenance_schedule(),
        Response(get_maintenance_schedule=Response.GetMaintenanceSchedule(schedule=Schedule())),
        Schedule(),
    ),
    (
        lambda operator: operator.get_maintenance_status(),
        Response(
            get_maintenance_status=Response.GetMaintenanceStatus(
                status=ClusterStatus(down_machines=MACHINES)
            )
        ),
        ClusterStatus(down_machines=MACHINES),
    ),
    (
        lambda operator: operator.get_logging_level(),
        Response(get_logging_level=Response.GetLoggingLevel(level=1)),
        1,
    ),
]


@asynccontextmanager
async def serving(handler: Callable[[Request], Answer]) -> AsyncIterator[str]:
    server = Server(handler, host="127.0.0.1", port=0)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


def decoded(request: Request) -> Call:
    return codec_for(request.headers.get("Content-Type") or "").decode(Call, request.body)


@pytest.mark.parametrize("content", ["json", "protobuf"])
def test_each_order_is_the_call_of_its_name(content: str) -> None:
    async def main() -> None:
        calls: list[Call] = []

        def take(request: Request) -> Answer:
            calls.append(decoded(request))
            return HttpResponse(200)

        async with serving(take) as url, OperatorClient(url, content=content) as operator:  # type: ignore[arg-type]
            for order, _ in ORDERS:
                await order(operator)
            await operator.set_logging_level(2, 60.0)
        last = calls.pop()
        assert last.set_logging_level is not None
        assert last.set_logging_level.duration.nanoseconds == 60_000_000_000
        assert calls == [call for _, call in ORDERS]

    asyncio.run(main())


def test_each_question_returns_what_was_asked_for() -> None:
    async def main() -> None:
        for question, response, answer in QUESTIONS:

            def tell(request: Request, response: Response = response) -> Answer:
                codec = codec_for(request.headers.get("Content-Type") or "")
                return HttpResponse(200, codec.encode(response), content_type=codec.media_type)

            async with serving(tell) as url, OperatorClient(url) as operator:
                assert await question(operator) == answer

    asyncio.run(main())


HEARTBEAT = Event(type=Event.Type.HEARTBEAT)


def event_source(*events: Event, interval: float, is_closed: bool) -> Callable[[Request], Answer]:
    """Return a master that streams events and then is silent, or closes the stream."""

    def answer(request: Request) -> Answer:
        codec = codec_for(request.headers.get("Content-Type") or "")
        call = decoded(request)
        if call.type is Type.GET_VERSION:
            info = Response.GetVersion(version_info=VersionInfo(version="1.11.0"))
            response = Response(type=Response.Type.GET_VERSION, get_version=info)
            return HttpResponse(200, codec.encode(response), content_type=codec.media_type)
        assert call.type is Type.SUBSCRIBE
        subscribed = Event(
            type=Event.Type.SUBSCRIBED,
            subscribed=Event.Subscribed(heartbeat_interval_seconds=interval),
        )

        def opened(writer: StreamWriter) -> None:
            for event in (subscribed, *events):
                writer.write(recordio.encode(codec.encode(event)))
            if is_closed:
                writer.close()

        return StreamResponse(200, opened, content_type=codec.media_type)

    return answer


async def kinds_of(operator: OperatorClient, kinds: list[Event.Type | None]) -> None:
    async for event in operator.subscribe():
        kinds.append(event.type)


def test_events_come_until_the_master_closes_the_stream() -> None:
    async def main() -> None:
        source = event_source(HEARTBEAT, interval=15.0, is_closed=True)
        kinds: list[Event.Type | None] = []
        async with serving(source) as url, OperatorClient(url) as operator:
            with pytest.raises(Unreachable, match="it closed the stream of events"):
                await kinds_of(operator, kinds)
        assert kinds == [Event.Type.SUBSCRIBED, Event.Type.HEARTBEAT]

    asyncio.run(main())


def test_a_stream_without_heartbeats_has_ended() -> None:
    async def main() -> None:
        source = event_source(interval=0.001, is_closed=False)
        kinds: list[Event.Type | None] = []
        async with serving(source) as url, OperatorClient(url) as operator:
            with pytest.raises(Unreachable, match=r"silent for 0\.005 s"):
                await kinds_of(operator, kinds)
        assert kinds == [Event.Type.SUBSCRIBED]

    asyncio.run(main())


def test_a_subscription_that_is_refused_says_why() -> None:
    async def main() -> None:
        def refuse(request: Request) -> Answer:
            if decoded(request).type is Type.SUBSCRIBE:
                return HttpResponse(503, b"too many subscribers")
            return event_source(interval=15.0, is_closed=True)(request)

        async with serving(refuse) as url, OperatorClient(url) as operator:
            with pytest.raises(CallRejected, match="too many subscribers"):
                await anext(operator.subscribe())

    asyncio.run(main())


async def first_agent(operator: OperatorClient) -> AgentID:
    """Return the id of the first agent, once it has registered."""
    async with aclosing(operator.subscribe()) as events:
        async for event in events:
            found = []
            if event.subscribed is not None:
                assert event.subscribed.get_state is not None
                assert event.subscribed.get_state.get_agents is not None
                found = event.subscribed.get_state.get_agents.agents
            elif event.agent_added is not None:
                found = [event.agent_added.agent]
            for agent in found:
                assert agent.agent_info.id is not None
                return agent.agent_info.id
    raise AssertionError("the stream ended")


@pytest.mark.slow
@pytest.mark.xdist_group("sdk")
def test_a_cluster_is_shared_and_watched(tmp_path: Path) -> None:
    """A whole round with a real master: reserve, see it, drain, give up and hear of it."""

    async def main() -> None:
        async with (
            Cluster(work_dir=tmp_path, agents=1, resources="cpus:2;mem:64;disk:64") as cluster,
            OperatorClient(cluster.url, content="protobuf") as operator,
        ):
            agent_id = await first_agent(operator)
            await operator.update_weights({"dev": 2.0})
            assert [each.role for each in await operator.get_weights()] == ["dev"]
            await operator.update_quota([QUOTA])
            assert [each.role for each in (await operator.get_quota()).configs] == ["dev"]
            reserved = parse_resources(
                '[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}'
                ', "reservations": [{"type": "STATIC", "role": "dev"}]}]'
            ).to_messages()
            with pytest.raises(CallRejected, match="no dynamic reservation"):
                await operator.reserve_resources(agent_id, reserved)
            async with aclosing(operator.subscribe()) as events:
                assert (await anext(events)).subscribed is not None
                await operator.drain_agent(agent_id, grace_seconds=1.0, mark_gone=True)
                async for event in events:
                    if event.agent_removed is not None:
                        assert event.agent_removed.agent_id == agent_id
                        break
            assert (await operator.get_agents()).agents == []

    asyncio.run(main())
