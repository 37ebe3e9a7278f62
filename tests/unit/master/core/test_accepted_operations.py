"""Reservations and volumes made and undone in an ACCEPT, one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.codec import json
from tepui.link.messages import ApplyOperation, RunTask, RunTaskGroup, UpdateOperation
from tepui.master.core import operations
from tepui.messages import UUID, Offer, OperationState, OperationStatus
from tepui.resources import Resources

RED = {"type": "DYNAMIC", "role": "red"}
ALLOCATED = {"role": "red"}
CAPABILITIES = ["RESERVATION_REFINEMENT", "SHARED_RESOURCES", "PARTITION_AWARE"]
STATUS_UUID = b"fedcba9876543210"


def scalar(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **fields}


def reserved(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return scalar(name, value, reservations=[RED], **fields)


def volume(size: float, name: str = "data", **fields: Any) -> dict[str, Any]:
    disk = {"persistence": {"id": name}, "volume": {"container_path": "data", "mode": "RW"}}
    return reserved("disk", size, disk=disk, **fields)


def shared(size: float, name: str = "data") -> dict[str, Any]:
    return volume(size, name, shared={})


def reserve(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RESERVE", "reserve": {"resources": list(resources)}}


def unreserve(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"type": "UNRESERVE", "unreserve": {"resources": list(resources)}}


def create(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "CREATE", "create": {"volumes": list(volumes)}}


def destroy(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "DESTROY", "destroy": {"volumes": list(volumes)}}


def grow(of: dict[str, Any], addition: dict[str, Any]) -> dict[str, Any]:
    return {"type": "GROW_VOLUME", "grow_volume": {"volume": of, "addition": addition}}


def shrink(of: dict[str, Any], by: float) -> dict[str, Any]:
    return {"type": "SHRINK_VOLUME", "shrink_volume": {"volume": of, "subtract": {"value": by}}}


def named(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return {**operation, "id": {"value": name}}


def launch(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}


def task(cluster: Any, offer: dict[str, Any], name: str, *resources: dict[str, Any]) -> Any:
    allocated = [{**each, "allocation_info": ALLOCATED} for each in resources]
    return {**cluster.task(name, offer), "resources": allocated}


def amounts(resources: Any) -> dict[str, float]:
    """Return what there is: volumes by their id, the rest by name and whether it is reserved."""
    found: dict[str, float] = {}
    for each in resources:
        name = each["name"] + ("(red)" if each.get("reservations") else "")
        persistence = each.get("disk", {}).get("persistence")
        if persistence:
            name = persistence["id"]
        found[name] = found.get(name, 0) + each["scalar"]["value"]
    return found


def total_of(cluster: Any, agent: Any) -> dict[str, float]:
    total: Resources = cluster.state.agents[agent.agent_id].total
    return amounts(json.to_builtins(each) for each in total.to_messages())


def orders(agent: Any) -> list[Offer.Operation]:
    return [each.operation for each in agent.take(ApplyOperation)]


def answer(agent: Any, order: ApplyOperation, state: str = "OPERATION_FINISHED") -> None:
    status = OperationStatus(state=OperationState[state], uuid=UUID(value=STATUS_UUID))
    agent.say(UpdateOperation(uuid=order.uuid, status=status, framework_id=order.framework_id))


def errors(scheduler: Any) -> list[dict[str, Any]]:
    events = scheduler.take("UPDATE_OPERATION_STATUS")
    statuses = [each["update_operation_status"]["status"] for each in events]
    assert {each["state"] for each in statuses} <= {"OPERATION_ERROR"}
    return statuses


@pytest.fixture
def agent(cluster: Any) -> Any:
    return cluster.agent("cpus:4;mem:4096;disk:100").register()


@pytest.fixture
def scheduler(cluster: Any, agent: Any) -> Any:
    return cluster.scheduler("red", capabilities=CAPABILITIES).subscribe()


def accept(scheduler: Any, *operations: dict[str, Any], refuse: float = 0.0) -> None:
    """Accept all that is on offer."""
    offers = scheduler.offers()
    scheduler.accept(offers, list(operations), filters={"refuse_seconds": refuse})


# -- one after the other --


def test_a_resource_may_be_named_a_thousand_times_in_one_operation(
    cluster, agent, scheduler, monkeypatch
) -> None:
    """Such an ACCEPT held the master up for as long as a thousand operations."""
    conversions: list[Resources] = []
    allocator = type(cluster.allocator)
    convert = allocator.convert

    def counted(*args: Any, held: Resources, **fields: Any) -> None:
        conversions.append(held)
        convert(*args, held=held, **fields)

    monkeypatch.setattr(allocator, "convert", counted)
    accept(scheduler, reserve(*[reserved("cpus", 0.003)] * 1000))
    assert total_of(cluster, agent) == {"cpus": 1, "cpus(red)": 3, "mem": 4096, "disk": 100}
    assert len(conversions) == 1
    [offer] = scheduler.offers()
    named_one = named(unreserve(*[reserved("cpus", 0.004)] * 1000), "op-1")
    scheduler.accept([offer], [named_one, unreserve(*[reserved("cpus", 0.003)] * 1000)])
    [status] = errors(scheduler)
    assert "needs cpus:4 (reserved for 'red')" in status["message"]
    assert total_of(cluster, agent) == {"cpus": 4, "mem": 4096, "disk": 100}


def test_each_operation_works_on_what_the_one_before_left(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    accepted = [
        reserve(reserved("cpus", 1), reserved("disk", 50)),
        create(volume(30)),
        launch(task(cluster, offer, "t1", reserved("cpus", 1), volume(30), scalar("mem", 64))),
    ]
    scheduler.accept([offer], accepted)
    assert [each.type.name for each in orders(agent)] == ["RESERVE", "CREATE"]
    assert agent.launched() == ["t1"]
    assert scheduler.statuses() == []
    assert total_of(cluster, agent) == {
        "cpus": 3, "cpus(red)": 1, "mem": 4096, "disk": 50, "disk(red)": 20, "data": 30,
    }  # fmt: skip
    framework = cluster.state.frameworks[scheduler.framework_id]
    used = amounts(json.to_builtins(each) for each in framework.used.to_messages())
    assert used == {"cpus(red)": 1, "data": 30, "mem": 64}


def test_what_was_made_is_free_at_once_and_what_was_refused_is_not(
    cluster, agent, scheduler
) -> None:
    accept(scheduler, reserve(reserved("cpus", 1)), refuse=1000.0)
    [offer] = scheduler.offers()
    assert amounts(offer["resources"]) == {"cpus": 3, "mem": 4096, "disk": 100, "cpus(red)": 1}
    other = cluster.scheduler("blue").subscribe()
    assert other.offers() == []
    body = {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 1000.0}}
    scheduler.call("DECLINE", body)
    [offer] = other.offers()
    assert amounts(offer["resources"]) == {"cpus": 3, "mem": 4096, "disk": 100}


def test_what_is_made_and_undone_leaves_the_offer_as_it_was(cluster, agent, scheduler) -> None:
    before = total_of(cluster, agent)
    accept(
        scheduler,
        reserve(reserved("disk", 50)),
        create(volume(30)),
        destroy(volume(30)),
        unreserve(reserved("disk", 50)),
    )
    assert len(orders(agent)) == 4
    assert total_of(cluster, agent) == before
    cluster.pass_time(2.0)
    [offer] = scheduler.offers()
    assert amounts(offer["resources"]) == before


def test_the_agent_hears_of_nobodys_resources_in_the_format_of_refinements(cluster) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:100").register()
    old = cluster.scheduler(role="red").subscribe()
    [offer] = old.offers()
    old_style = {"role": "red", "reservation": {}}
    old.accept([offer], [reserve(scalar("cpus", 1, **old_style))])
    [order] = agent.take(ApplyOperation)
    assert order.operation == json.from_builtins(Offer.Operation, reserve(reserved("cpus", 1)))
    assert order.framework_id == old.framework_id
    assert len(order.uuid) == 16
    [operation] = cluster.state.operations.values()
    [resource] = operation.info.reserve.resources
    assert resource.allocation_info.role == "red"


# -- what is refused --


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (reserve(reserved("cpus", 5)), "cpus"),
        (reserve(), "RESERVE"),
        (reserve(scalar("cpus", 1)), "cpus"),
        (reserve(reserved("cpus", 1e300)), "1e+300"),
        (unreserve(reserved("cpus", 1)), "cpus"),
        (create(volume(30)), "disk"),
        (destroy(volume(30)), "data"),
        (grow(volume(30), reserved("disk", 10)), "data"),
        (shrink(volume(30), 10), "data"),
        ({"type": "RESERVE"}, "reserve"),
        ({"type": "CREATE_DISK", "create_disk": {"source": scalar("disk", 1),
                                                 "target_type": "MOUNT"}}, "disk"),
        ({"type": "DESTROY_DISK", "destroy_disk": {"source": scalar("disk", 1)}}, "disk"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_an_error_and_later_operations_go_on(
    cluster, agent, scheduler, operation, words
) -> None:
    [offer] = scheduler.offers()
    before = total_of(cluster, agent)
    named_one = named(operation, "op-1")
    scheduler.accept([offer], [named_one, operation, launch(cluster.task("t1", offer))])
    [status] = errors(scheduler)
    assert status["operation_id"] == {"value": "op-1"}
    assert words in status["message"]
    assert "uuid" not in status
    assert agent.take(ApplyOperation) == []
    assert agent.launched() == ["t1"]
    assert total_of(cluster, agent) == before
    kind = operation["type"]
    assert cluster.state.counters.operation_states == {(kind, "OPERATION_ERROR"): 2}


def test_a_volume_in_use_is_not_destroyed(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    scheduler.accept(
        [offer],
        [
            reserve(reserved("disk", 50)),
            create(volume(30)),
            launch(task(cluster, offer, "t1", scalar("cpus", 1), volume(30))),
            named(destroy(volume(30)), "op-1"),
        ],
    )
    [status] = errors(scheduler)
    assert "data" in status["message"]
    assert total_of(cluster, agent)["data"] == 30


def test_operations_wait_for_acknowledgements_up_to_a_bound(
    cluster, agent, scheduler, monkeypatch
) -> None:
    monkeypatch.setattr(operations, "OPERATIONS_MAX", 1)
    cpu = named(reserve(reserved("cpus", 1)), "op-1")
    accept(scheduler, cpu, named(cpu, "op-2"))
    [status] = errors(scheduler)
    assert status["operation_id"] == {"value": "op-2"}
    [order] = agent.take(ApplyOperation)
    answer(agent, order)
    scheduler.take()
    body = {
        "agent_id": {"value": agent.agent_id},
        "operation_id": {"value": "op-1"},
        "uuid": "ZmVkY2JhOTg3NjU0MzIxMA==",
    }
    scheduler.call("ACKNOWLEDGE_OPERATION_STATUS", body)
    accept(scheduler, named(cpu, "op-3"))
    assert errors(scheduler) == []


@pytest.mark.parametrize(
    "bound", ["AGENT_OPERATIONS_MAX", "AGENT_OPERATIONS_BYTES_MAX", "OPERATIONS_BYTES_MAX"]
)
def test_other_bounds_of_operations_are_kept_too(
    cluster, agent, scheduler, monkeypatch, bound
) -> None:
    monkeypatch.setattr(operations, bound, 1)
    cpu = named(reserve(reserved("cpus", 1)), "op-1")
    accept(scheduler, cpu, named(cpu, "op-2"))
    [status] = errors(scheduler)
    assert status["operation_id"] == {"value": "op-2"}
    assert len(agent.take(ApplyOperation)) == 1


def test_what_a_framework_did_is_counted_a_launch_by_its_tasks(cluster, agent, scheduler) -> None:
    [offer] = scheduler.offers()
    tasks = [cluster.task(name, offer) for name in ("a", "b", "a")]
    again = named(reserve(reserved("cpus", 100)), "op-1")
    scheduler.accept([offer], [reserve(reserved("cpus", 1)), again, launch(*tasks)])
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert framework.counters.operations == {"RESERVE": 1, "LAUNCH": 2}


# -- growing and shrinking --


@pytest.fixture
def with_volume(cluster: Any, agent: Any, scheduler: Any) -> Any:
    accept(scheduler, reserve(reserved("disk", 50)), create(volume(30)))
    for order in agent.take(ApplyOperation):
        answer(agent, order)
    cluster.pass_time(2.0)
    return scheduler


@pytest.mark.parametrize("state", ["OPERATION_FINISHED", "OPERATION_FAILED"])
def test_a_volume_grows_when_the_agent_says_so(cluster, agent, with_volume, state) -> None:
    [offer] = with_volume.offers()
    with_volume.accept(
        [offer],
        [
            grow(volume(30), reserved("disk", 10)),
            named(destroy(volume(40)), "too-early"),
            launch(cluster.task("t1", offer)),
        ],
        filters={"refuse_seconds": 0.0},
    )
    assert [each["operation_id"]["value"] for each in errors(with_volume)] == ["too-early"]
    assert agent.launched() == ["t1"]
    [rest] = with_volume.offers()
    assert amounts(rest["resources"]) == {"cpus": 3, "mem": 4032, "disk": 50, "disk(red)": 10}
    framework = cluster.state.frameworks[with_volume.framework_id]
    assert framework.used.get_scalar("disk") == 40
    [order] = agent.take(ApplyOperation)
    answer(agent, order, state)
    assert framework.used.get_scalar("disk") == 0
    assert cluster.state.operations == {}
    assert with_volume.offers() == [], "disk alone is not worth an offer"
    agent.update(with_volume.framework_id, "t1", "TASK_FINISHED")
    [freed] = with_volume.offers()
    grown = {"data": 40} if state == "OPERATION_FINISHED" else {"data": 30, "disk(red)": 10}
    assert amounts(freed["resources"]) == {"cpus": 1, "mem": 64, **grown}


def test_a_volume_shrinks_when_the_agent_says_so(cluster, agent, with_volume) -> None:
    accept(with_volume, shrink(volume(30), 10))
    [order] = agent.take(ApplyOperation)
    assert total_of(cluster, agent)["data"] == 30
    answer(agent, order)
    assert total_of(cluster, agent)["data"] == 20
    assert total_of(cluster, agent)["disk(red)"] == 30


def test_what_an_operation_holds_outlives_its_framework_as_nobodys(
    cluster, agent, with_volume
) -> None:
    accept(with_volume, grow(volume(30), reserved("disk", 10)))
    with_volume.call("TEARDOWN")
    assert total_of(cluster, agent) == {"cpus": 4, "mem": 4096, "disk": 50, "disk(red)": 10}
    [order] = agent.take(ApplyOperation)
    answer(agent, order)
    assert total_of(cluster, agent)["data"] == 40
    assert cluster.state.operations == {}


# -- shared volumes --


@pytest.fixture
def with_shared(cluster: Any, agent: Any, scheduler: Any) -> Any:
    accept(scheduler, reserve(reserved("disk", 50)), create(shared(30)))
    cluster.pass_time(2.0)
    agent.take(ApplyOperation)
    return scheduler


def test_several_tasks_of_an_accept_use_one_copy_each_of_a_shared_volume(
    cluster, agent, scheduler
) -> None:
    [offer] = scheduler.offers()
    tasks = [task(cluster, offer, name, scalar("cpus", 1), shared(30)) for name in ("a", "b", "c")]
    scheduler.accept([offer], [reserve(reserved("disk", 50)), create(shared(30)), launch(*tasks)])
    assert scheduler.statuses() == []
    assert agent.launched() == ["a", "b", "c"]
    for name in ("a", "b", "c"):
        agent.update(scheduler.framework_id, name, "TASK_FINISHED")
    assert not cluster.state.agents[agent.agent_id].used


def test_tasks_of_a_group_share_a_volume_too(cluster, agent, with_shared) -> None:
    [offer] = with_shared.offers()
    executor = {
        "type": "DEFAULT",
        "executor_id": {"value": "pod"},
        "framework_id": {"value": with_shared.framework_id},
        "resources": cluster.resources("cpus:0.1;mem:32;disk:10", ALLOCATED),
    }
    tasks = [task(cluster, offer, name, scalar("cpus", 1), shared(30)) for name in ("a", "b")]
    group = {"executor": executor, "task_group": {"tasks": tasks}}
    with_shared.accept([offer], [{"type": "LAUNCH_GROUP", "launch_group": group}])
    assert with_shared.statuses() == []
    assert len(agent.take(RunTaskGroup)) == 1


def test_a_volume_that_was_not_offered_is_not_lent(cluster, agent, with_shared) -> None:
    [offer] = with_shared.offers()
    stranger = task(cluster, offer, "t1", scalar("cpus", 1), shared(30, "other"))
    with_shared.accept([offer], [launch(stranger)])
    [status] = with_shared.statuses()
    assert status["state"] == "TASK_ERROR"
    assert agent.take(RunTask) == []


def test_destroying_a_shared_volume_takes_back_the_offers_that_have_it(
    cluster, agent, with_shared
) -> None:
    [first] = with_shared.offers()
    one = task(cluster, first, "t1", scalar("cpus", 1))
    with_shared.accept([first], [launch(one)], filters={"refuse_seconds": 0.0})
    [mine] = with_shared.offers()
    other = cluster.scheduler("red", capabilities=CAPABILITIES).subscribe()
    agent.update(with_shared.framework_id, "t1", "TASK_FINISHED")
    [theirs] = other.offers()
    assert amounts(mine["resources"])["data"] == amounts(theirs["resources"])["data"] == 30
    with_shared.accept([mine], [destroy(shared(30))])
    assert [each["rescind"]["offer_id"] for each in other.take("RESCIND")] == [theirs["id"]]
    assert "data" not in total_of(cluster, agent)


def test_two_offers_with_the_same_volume_destroy_it_once(cluster, agent, with_shared) -> None:
    [first] = with_shared.offers()
    launched = task(cluster, first, "t1", scalar("cpus", 1))
    with_shared.accept([first], [launch(launched)], filters={"refuse_seconds": 0.0})
    [second] = with_shared.offers()
    agent.update(with_shared.framework_id, "t1", "TASK_FINISHED")
    [third] = with_shared.offers()
    assert amounts(third["resources"]) == {"cpus": 1, "data": 30}
    with_shared.accept([second, third], [destroy(shared(30))])
    assert total_of(cluster, agent)["disk(red)"] == 50
