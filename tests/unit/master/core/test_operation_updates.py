"""How operations end, and who hears of it: frameworks, operators, the master itself."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.codec import json
from tepui.codec.assembly import assembler_for
from tepui.link.messages import (
    AcknowledgeOperation,
    ApplyOperation,
    OperationReport,
    Unregister,
    UpdateOperation,
)
from tepui.master.core import reconcile as slices
from tepui.master.core.events import AgentGoneRequested
from tepui.master.core.operation_updates import ADOPTION_SECONDS
from tepui.master.core.operations import STATUSES_MAX
from tepui.master.core.views import operation_message
from tepui.master.metrics import master_metrics
from tepui.messages import UUID, OperationState, OperationStatus
from tepui.resources.parsing import parse_resources

RED = {"type": "DYNAMIC", "role": "red"}
STATUS_UUID = b"fedcba9876543210"


def reserve(name: str | None = "op-1", cpus: float = 1) -> dict[str, Any]:
    resource = {
        "name": "cpus",
        "type": "SCALAR",
        "scalar": {"value": cpus},
        "reservations": [RED],
    }
    operation = {"type": "RESERVE", "reserve": {"resources": [resource]}}
    return operation if name is None else {**operation, "id": {"value": name}}


def status(state: str = "OPERATION_FINISHED", uuid: bytes | None = STATUS_UUID) -> OperationStatus:
    return OperationStatus(
        state=OperationState[state],
        uuid=None if uuid is None else UUID(value=uuid),
        converted_resources=parse_resources("cpus(red):1").to_messages(),
    )


def tell(agent: Any, order: ApplyOperation, state: str = "OPERATION_FINISHED") -> None:
    agent.say(
        UpdateOperation(uuid=order.uuid, status=status(state), framework_id=order.framework_id)
    )


def heard(scheduler: Any) -> list[dict[str, Any]]:
    events = scheduler.take("UPDATE_OPERATION_STATUS")
    return [each["update_operation_status"]["status"] for each in events]


def states(scheduler: Any) -> list[tuple[str, str]]:
    return [(each["operation_id"]["value"], each["state"]) for each in heard(scheduler)]


def acknowledge(scheduler: Any, agent: Any, name: str = "op-1", **changes: Any) -> int:
    body = {
        "agent_id": {"value": agent.agent_id},
        "operation_id": {"value": name},
        "uuid": "ZmVkY2JhOTg3NjU0MzIxMA==",
        **changes,
    }
    return scheduler.call("ACKNOWLEDGE_OPERATION_STATUS", body)


def reconcile(scheduler: Any, *names: str, agent: str | None = None) -> None:
    place = {} if agent is None else {"agent_id": {"value": agent}}
    operations = [{"operation_id": {"value": name}, **place} for name in names]
    assert scheduler.call("RECONCILE_OPERATIONS", {"operations": operations}) == 202


def report(order: ApplyOperation, state: str = "OPERATION_FINISHED") -> OperationReport:
    return OperationReport(
        uuid=order.uuid,
        operation=order.operation,
        status=status(state, None if state == "OPERATION_PENDING" else STATUS_UUID),
        framework_id=order.framework_id,
    )


@pytest.fixture
def agent(cluster: Any) -> Any:
    return cluster.agent().register()


@pytest.fixture
def scheduler(cluster: Any, agent: Any) -> Any:
    return cluster.scheduler("red", failover_timeout=3600.0).subscribe()


@pytest.fixture
def order(agent: Any, scheduler: Any) -> ApplyOperation:
    """An operation with an id that the agent was told to do."""
    scheduler.accept(scheduler.offers(), [reserve()], filters={"refuse_seconds": 0.0})
    [told] = agent.take(ApplyOperation)
    assert isinstance(told, ApplyOperation)
    return told


def metrics(cluster: Any) -> dict[str, float]:
    """Return the metrics of operations that are not zero."""
    allocator = cluster.allocator
    found = master_metrics(cluster.state, allocator.statistics(), allocator.roles(), 0.0)
    prefix = "master/operations/"
    return {
        key.removeprefix(prefix): value
        for key, value in found.items()
        if value and key.startswith(prefix)
    }


# -- feedback --


def test_a_framework_hears_how_its_operation_went_until_it_says_so(
    cluster, agent, scheduler, order
) -> None:
    assert metrics(cluster) == {
        "total": 1, "pending": 1, "reserve/total": 1, "reserve/pending": 1,
    }  # fmt: skip
    tell(agent, order)
    [told] = heard(scheduler)
    assert told == {
        "operation_id": {"value": "op-1"},
        "state": "OPERATION_FINISHED",
        "uuid": {"value": "ZmVkY2JhOTg3NjU0MzIxMA=="},
        "agent_id": {"value": agent.agent_id},
    }
    assert agent.take(AcknowledgeOperation) == []
    tell(agent, order)
    assert heard(scheduler) == [told], "the agent repeats itself, and so does the master"
    assert acknowledge(scheduler, agent) == 202
    [passed_on] = agent.take(AcknowledgeOperation)
    assert (passed_on.uuid, passed_on.status_uuid) == (order.uuid, STATUS_UUID)
    assert cluster.state.operations == {}
    assert metrics(cluster) == {
        "total": 1, "finished": 1, "reserve/total": 1, "reserve/finished": 1,
    }  # fmt: skip


def test_an_operation_without_id_is_the_masters_to_acknowledge(cluster, agent, scheduler) -> None:
    scheduler.accept(scheduler.offers(), [reserve(None)])
    [order] = agent.take(ApplyOperation)
    tell(agent, order)
    assert heard(scheduler) == []
    assert [each.status_uuid for each in agent.take(AcknowledgeOperation)] == [STATUS_UUID]
    assert cluster.state.operations == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"operation_id": {"value": "other"}},
        {"uuid": "MDEyMzQ1Njc4OWFiY2RlZg=="},
        {"agent_id": {"value": "no-agent"}},
    ],
)
def test_an_acknowledgement_of_something_else_is_ignored_and_counted(
    cluster, agent, scheduler, order, changes
) -> None:
    tell(agent, order)
    assert acknowledge(scheduler, agent, **changes) == 202
    counters = cluster.state.counters
    assert counters.operation_acknowledgements == 1
    assert counters.operation_acknowledgements_invalid == 1
    assert agent.take(AcknowledgeOperation) == []
    assert len(cluster.state.operations) == 1


def test_while_the_agent_is_away_nothing_is_acknowledged(cluster, agent, scheduler, order) -> None:
    tell(agent, order)
    agent.disconnect()
    acknowledge(scheduler, agent)
    assert cluster.state.counters.operation_acknowledgements_invalid == 1


def test_two_operations_of_one_id_are_told_apart_by_their_status(
    cluster, agent, scheduler, order
) -> None:
    cluster.pass_time(2.0)
    scheduler.accept(scheduler.offers(), [reserve()])
    [second] = agent.take(ApplyOperation)
    tell(agent, order)
    agent.say(UpdateOperation(uuid=second.uuid, status=status(uuid=b"0" * 16)))
    acknowledge(scheduler, agent)
    assert list(cluster.state.operations) == [second.uuid]


def test_an_id_used_twice_stands_for_the_operation_that_is_left(
    cluster, agent, scheduler, order
) -> None:
    scheduler.accept(scheduler.offers(), [reserve()], filters={"refuse_seconds": 0.0})
    assert len(agent.take(ApplyOperation)) == 1
    tell(agent, order)
    acknowledge(scheduler, agent)
    assert order.uuid not in cluster.state.operations
    scheduler.take()
    reconcile(scheduler, "op-1")
    assert states(scheduler) == [("op-1", "OPERATION_PENDING")]


def test_what_nobody_waits_for_is_dismissed(cluster, agent, scheduler) -> None:
    agent.say(UpdateOperation(uuid=b"?" * 16, status=status(), framework_id="nobody"))
    [dismissed] = agent.take(AcknowledgeOperation)
    assert dismissed.uuid == b"?" * 16
    assert cluster.state.counters.operation_updates_invalid == 1


def test_an_agent_that_cannot_decide_does_not_fill_the_memory(
    cluster, agent, scheduler, order
) -> None:
    for number in range(STATUSES_MAX + 5):
        uuid = bytes([number]) * 16
        agent.say(UpdateOperation(uuid=order.uuid, status=status("OPERATION_PENDING", uuid)))
    [operation] = cluster.state.operations.values()
    assert len(operation.statuses) == STATUSES_MAX


def test_operators_see_operations_until_they_are_acknowledged(
    cluster, agent, scheduler, order
) -> None:
    tell(agent, order)
    [operation] = cluster.state.operations.values()
    shown = json.to_builtins(operation_message(operation))
    told = {
        "operation_id": {"value": "op-1"},
        "state": "OPERATION_FINISHED",
        "uuid": {"value": "ZmVkY2JhOTg3NjU0MzIxMA=="},
        "agent_id": {"value": agent.agent_id},
    }
    resources = shown["info"]["reserve"]["resources"]
    assert shown == {
        "framework_id": {"value": scheduler.framework_id},
        "agent_id": {"value": agent.agent_id},
        "info": {
            "type": "RESERVE", "id": {"value": "op-1"}, "reserve": {"resources": resources},
        },
        "latest_status": told,
        "statuses": [told],
        "uuid": shown["uuid"],
    }  # fmt: skip
    [resource] = resources
    assert resource["allocation_info"] == {"role": "red"}
    assert "role" not in resource
    assert assembler_for("application/x-protobuf").encode(operation_message(operation))


def test_what_came_of_a_volume_is_told_as_the_framework_can_read_it(cluster) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk(red):50").register()
    scheduler = cluster.scheduler("red").subscribe()
    disk = {"name": "disk", "type": "SCALAR", "role": "red"}
    volume = {
        **disk,
        "scalar": {"value": 30},
        "disk": {
            "persistence": {"id": "data"},
            "volume": {"container_path": "data", "mode": "RW"},
        },
    }
    shrink = {"volume": volume, "subtract": {"value": 10}}
    operations = [
        {"type": "CREATE", "create": {"volumes": [volume]}},
        {"type": "SHRINK_VOLUME", "shrink_volume": shrink, "id": {"value": "op-1"}},
    ]
    [offer] = scheduler.offers()
    scheduler.accept([offer], operations[:1])
    cluster.pass_time(6.0)
    [offer] = scheduler.offers()
    scheduler.accept([offer], operations[1:])
    *_, order = agent.take(ApplyOperation)
    kept = order.operation.shrink_volume.volume
    done = OperationStatus(
        state=OperationState.OPERATION_FINISHED,
        uuid=UUID(value=STATUS_UUID),
        converted_resources=[kept],
    )
    agent.say(UpdateOperation(uuid=order.uuid, status=done))
    [told] = heard(scheduler)
    [resource] = told["converted_resources"]
    assert resource["role"] == "red"
    assert resource["allocation_info"] == {"role": "red"}
    assert "reservations" not in resource


# -- frameworks that go and come --


def test_a_framework_that_is_back_hears_what_it_missed(cluster, agent, scheduler, order) -> None:
    scheduler.disconnect()
    tell(agent, order)
    scheduler.subscribe()
    tell(agent, order)
    assert states(scheduler) == [("op-1", "OPERATION_FINISHED")]


def test_the_master_acknowledges_for_a_framework_that_is_over(
    cluster, agent, scheduler, order
) -> None:
    scheduler.call("TEARDOWN")
    assert len(cluster.state.operations) == 1
    tell(agent, order)
    assert len(agent.take(AcknowledgeOperation)) == 1
    assert cluster.state.operations == {}


def test_what_was_told_before_a_framework_ended_is_acknowledged_with_it(
    cluster, agent, scheduler, order
) -> None:
    tell(agent, order)
    scheduler.call("TEARDOWN")
    assert len(agent.take(AcknowledgeOperation)) == 1
    assert cluster.state.operations == {}


# -- agents that go --


def test_an_unreachable_agent_takes_its_operations_out_of_sight(
    cluster, agent, scheduler, order
) -> None:
    agent.disconnect()
    cluster.pass_time(601.0)
    [told] = heard(scheduler)
    assert told["state"] == "OPERATION_UNREACHABLE"
    assert "uuid" not in told
    reconcile(scheduler, "op-1", agent=agent.agent_id)
    assert states(scheduler) == [("op-1", "OPERATION_UNREACHABLE")]
    agent.reregister(operations=[report(order)])
    tell(agent, order)
    assert states(scheduler) == [("op-1", "OPERATION_FINISHED")]
    acknowledge(scheduler, agent)
    assert cluster.state.operations == {}


def test_what_is_over_is_not_told_to_be_unreachable(cluster, agent, scheduler, order) -> None:
    tell(agent, order)
    assert len(heard(scheduler)) == 1
    agent.disconnect()
    cluster.pass_time(601.0)
    assert heard(scheduler) == []


def test_a_gone_agent_ends_its_operations(cluster, agent, scheduler, order) -> None:
    answer = cluster.ask(
        lambda number: AgentGoneRequested(request_id=number, agent_id=agent.agent_id)
    )
    assert answer.status == 200
    assert states(scheduler) == [("op-1", "OPERATION_GONE_BY_OPERATOR")]
    reconcile(scheduler, "op-1", agent=agent.agent_id)
    assert states(scheduler) == [("op-1", "OPERATION_GONE_BY_OPERATOR")]
    assert cluster.state.operations == {}


def test_of_an_agent_that_left_nothing_is_known(cluster, agent, scheduler, order) -> None:
    agent.say(Unregister())
    assert states(scheduler) == [("op-1", "OPERATION_UNKNOWN")]
    assert cluster.state.operations == {}


# -- agents that come back --


def test_an_operation_that_the_agent_never_heard_of_is_dropped(
    cluster, agent, scheduler, order
) -> None:
    agent.disconnect()
    agent.reregister()
    [told] = heard(scheduler)
    assert told["state"] == "OPERATION_DROPPED"
    assert "uuid" not in told
    assert cluster.state.operations == {}
    total = cluster.state.agents[agent.agent_id].total
    assert total == parse_resources("cpus:4;mem:4096;disk:1000")
    assert metrics(cluster)["dropped"] == 1


def test_an_agent_that_asks_twice_has_heard_of_what_it_was_told_in_between(
    cluster, agent, scheduler, order
) -> None:
    agent.reregister(connect=False)
    assert heard(scheduler) == []
    total = cluster.state.agents[agent.agent_id].total
    assert total.reserved("red").get_scalar("cpus") == 1
    tell(agent, order)
    acknowledge(scheduler, agent)
    agent.reregister(connect=False, operations=[report(order)])
    assert cluster.state.operations == {}, "nobody would acknowledge it again"


def test_the_total_that_a_returning_agent_tells_counts(cluster, agent, scheduler, order) -> None:
    agent.disconnect()
    told = parse_resources("cpus:3;mem:4096;disk:1000").to_messages()
    told += order.operation.reserve.resources
    agent.reregister(total=told, operations=[report(order)])
    assert heard(scheduler) == [], "the agent says it again itself"
    total = cluster.state.agents[agent.agent_id].total
    assert total.reserved("red").get_scalar("cpus") == 1
    [operation] = cluster.state.operations.values()
    assert operation.state is OperationState.OPERATION_FINISHED
    assert operation.role == "red"


def test_an_operation_that_is_still_being_done_goes_on(cluster, agent, scheduler, order) -> None:
    agent.disconnect()
    agent.reregister(operations=[report(order, "OPERATION_PENDING")])
    assert heard(scheduler) == []
    tell(agent, order)
    assert states(scheduler) == [("op-1", "OPERATION_FINISHED")]


def test_what_an_operation_held_is_back_in_the_total_of_the_agent(cluster) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:100").register()
    scheduler = cluster.scheduler("red").subscribe()
    disk = {"name": "disk", "type": "SCALAR", "reservations": [RED]}
    volume = {
        **disk,
        "scalar": {"value": 30},
        "disk": {
            "persistence": {"id": "data"},
            "volume": {"container_path": "data", "mode": "RW"},
        },
    }
    whole = {**disk, "scalar": {"value": 50}}
    addition = {**disk, "scalar": {"value": 20}}
    operations = [
        {"type": "RESERVE", "reserve": {"resources": [whole]}},
        {"type": "CREATE", "create": {"volumes": [volume]}},
        {"type": "GROW_VOLUME", "grow_volume": {"volume": volume, "addition": addition}},
    ]
    scheduler.accept(scheduler.offers(), operations)
    *_, grown = agent.take(ApplyOperation)
    assert cluster.state.agents[agent.agent_id].used
    agent.disconnect()
    told = parse_resources("cpus:4;mem:4096;disk:50").to_messages()
    agent.reregister(
        total=[*told, json.from_builtins(type(told[0]), {**volume, "scalar": {"value": 50}})],
        operations=[report(grown)],
    )
    assert not cluster.state.agents[agent.agent_id].used
    cluster.pass_time(6.0)
    [offer] = scheduler.offers()
    assert sum(each["scalar"]["value"] for each in offer["resources"]) == 4 + 4096 + 100


def test_a_failed_over_master_learns_operations_from_agents(
    cluster, agent, scheduler, order
) -> None:
    successor = cluster.fail_over()
    back = successor.agent()
    back.info, back.agent_id, back.pid = agent.info, agent.agent_id, agent.pid
    back.reregister(operations=[report(order)])
    assert list(successor.state.operations) == [order.uuid]
    framework = successor.scheduler("red")
    framework.framework_id = scheduler.framework_id
    framework.subscribe()
    tell(back, order)
    assert states(framework) == [("op-1", "OPERATION_FINISHED")]
    acknowledge(framework, back)
    assert successor.state.operations == {}


def test_the_master_acknowledges_for_a_framework_that_does_not_come_back(
    cluster, agent, scheduler, order
) -> None:
    successor = cluster.fail_over()
    back = successor.agent()
    back.info, back.agent_id, back.pid = agent.info, agent.agent_id, agent.pid
    back.reregister(operations=[report(order)])
    tell(back, order)
    assert back.take(AcknowledgeOperation) == []
    successor.pass_time(ADOPTION_SECONDS + 1)
    tell(back, order)
    assert len(back.take(AcknowledgeOperation)) == 1
    assert successor.state.operations == {}


# -- reconciliation --


def test_what_is_known_is_told_without_uuid_and_the_rest_by_the_agent(
    cluster, agent, scheduler, order
) -> None:
    reconcile(scheduler)
    assert states(scheduler) == [("op-1", "OPERATION_PENDING")]
    tell(agent, order)
    heard(scheduler)
    reconcile(scheduler, "op-1")
    [told] = heard(scheduler)
    assert told["state"] == "OPERATION_FINISHED"
    assert "uuid" not in told
    reconcile(scheduler, "op-x", agent=agent.agent_id)
    reconcile(scheduler, "op-x")
    assert states(scheduler) == [("op-x", "OPERATION_UNKNOWN")] * 2


def test_many_operations_are_told_in_slices_as_the_framework_reads(
    cluster, agent, scheduler, monkeypatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_MAX", 2)
    names = [f"op-{number}" for number in range(5)]
    scheduler.accept(scheduler.offers(), [reserve(name, 0.5) for name in names])
    reconcile(scheduler)
    told = states(scheduler)
    assert len(told) == 2
    while cluster.unread:
        cluster.read()
        told += states(scheduler)
    assert told == [(name, "OPERATION_PENDING") for name in names]


def test_an_agent_that_may_still_come_back_is_waited_for(cluster, agent) -> None:
    successor = cluster.fail_over()
    scheduler = successor.scheduler("red").subscribe()
    reconcile(scheduler, "op-x", agent=agent.agent_id)
    assert states(scheduler) == [("op-x", "OPERATION_RECOVERING")]


def test_operations_without_id_are_nobodys_business(cluster, agent, scheduler) -> None:
    scheduler.accept(scheduler.offers(), [reserve(None)])
    reconcile(scheduler)
    assert heard(scheduler) == []
