"""Operators reserve, make volumes and undo that: offers make room, and no more than needed."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.codec import json
from tepui.link.messages import ApplyOperation, OperationReport, UpdateAgent, UpdateOperation
from tepui.master.core.events import OperationRequested
from tepui.messages import UUID, Offer, OperationState, OperationStatus
from tepui.resources import Resources
from tepui.resources.operations import apply

DEV = {"type": "DYNAMIC", "role": "dev"}
OPS = {"type": "DYNAMIC", "role": "ops"}
DATA = {
    "persistence": {"id": "data"},
    "volume": {"container_path": "data", "mode": "RW"},
}
STATUS_UUID = b"fedcba9876543210"


def scalar(name: str, value: float, *stack: Any, **fields: Any) -> dict[str, Any]:
    reserved = {"reservations": list(stack)} if stack else {}
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **reserved, **fields}


def volume(size: float, **fields: Any) -> dict[str, Any]:
    return scalar("disk", size, DEV, disk=DATA, **fields)


def operation(kind: str, **fields: Any) -> Offer.Operation:
    return json.from_builtins(Offer.Operation, {"type": kind, kind.lower(): fields})


def do(cluster: Any, agent: Any, kind: str, **fields: Any) -> Any:
    """Ask for an operation; return the answer."""
    asked = operation(kind, **fields)
    agent_id = agent if isinstance(agent, str) else agent.agent_id
    return cluster.ask(
        lambda number: OperationRequested(request_id=number, agent_id=agent_id, operation=asked)
    )


def finish(agent: Any, state: str = "OPERATION_FINISHED") -> None:
    """Answer the newest order as the agent would."""
    order = agent.take(ApplyOperation)[-1]
    status = OperationStatus(state=OperationState[state], uuid=UUID(value=STATUS_UUID))
    agent.say(UpdateOperation(uuid=order.uuid, status=status))


def total(cluster: Any, agent: Any) -> Resources:
    found: Resources = cluster.state.agents[agent.agent_id].total
    return found


def reserve_disk(cluster: Any, agent: Any, size: float) -> None:
    assert do(cluster, agent, "RESERVE", resources=[scalar("disk", size, DEV)]).status == 202


# -- reservations --


def test_what_an_operator_reserves_is_offered_to_that_role_alone(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    answer = do(cluster, agent, "RESERVE", resources=[scalar("cpus", 3, DEV)])
    assert (answer.status, answer.text) == (202, "")
    [order] = agent.take(ApplyOperation)
    assert order.operation == operation("RESERVE", resources=[scalar("cpus", 3, DEV)])
    assert order.framework_id is None
    [offer] = cluster.scheduler("ops").subscribe().offers()
    assert [each["scalar"]["value"] for each in offer["resources"]] == [1.0, 4096.0]
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = dev.offers()
    [resource] = offer["resources"]
    assert resource["reservations"] == [DEV]
    assert total(cluster, agent).reserved("dev").get_scalar("cpus") == 3


def test_unreserving_gives_back_to_all(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    before = total(cluster, agent)
    assert do(cluster, agent, "RESERVE", resources=[scalar("cpus", 3, DEV)]).status == 202
    finish(agent)
    assert do(cluster, agent, "UNRESERVE", resources=[scalar("cpus", 3, DEV)]).status == 202
    finish(agent)
    assert total(cluster, agent) == before
    [offer] = cluster.scheduler("ops").subscribe().offers()
    assert [each["scalar"]["value"] for each in offer["resources"]] == [4.0, 4096.0]


def test_a_source_says_whose_reservation_goes(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    assert do(cluster, agent, "RESERVE", resources=[scalar("cpus", 3, DEV)]).status == 202
    moved = do(
        cluster,
        agent,
        "RESERVE",
        source=[scalar("cpus", 2, DEV)],
        resources=[scalar("cpus", 2, OPS)],
    )
    assert moved.status == 202
    assert total(cluster, agent).reserved("dev").get_scalar("cpus") == 1
    assert total(cluster, agent).reserved("ops").get_scalar("cpus") == 2


def test_only_the_offers_in_the_way_are_taken_back(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;cpus(dev):1;mem(ops):64").register()
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [whole] = dev.offers()
    cluster.allocate()
    ops = cluster.scheduler("ops", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [part] = ops.offers()
    assert part["resources"][0]["reservations"][0]["role"] == "ops"
    assert do(cluster, agent, "RESERVE", resources=[scalar("cpus", 1, OPS)]).status == 202
    assert [each["rescind"]["offer_id"] for each in dev.take("RESCIND")] == [whole["id"]]
    assert ops.take("RESCIND") == []


def test_an_older_offer_without_what_is_needed_stays(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;cpus(dev):1;mem(ops):64").register()
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [whole] = dev.offers()
    ops = cluster.scheduler("ops", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [older] = ops.offers()
    refused = {"offer_ids": [whole["id"]], "filters": {"refuse_seconds": 3600.0}}
    dev.call("DECLINE", refused)
    [newer] = ops.offers()
    assert list(cluster.state.offers) == [older["id"]["value"], newer["id"]["value"]]
    assert do(cluster, agent, "RESERVE", resources=[scalar("cpus", 1, OPS)]).status == 202
    assert [each["rescind"]["offer_id"] for each in ops.take("RESCIND")] == [newer["id"]]


def test_what_is_free_already_takes_no_offer_back(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;cpus(dev):2").register()
    other = cluster.scheduler("other").subscribe()
    [offer] = other.offers()
    refined = {"type": "DYNAMIC", "role": "dev/web"}
    static = {"type": "STATIC", "role": "dev"}
    resources = [scalar("cpus", 1, static, refined)]
    assert do(cluster, agent, "RESERVE", resources=resources).status == 202
    assert other.take("RESCIND") == []
    assert list(cluster.state.offers) == [offer["id"]["value"]]


def test_who_lost_an_offer_to_an_operator_waits_for_the_same(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    dev = cluster.scheduler("dev").subscribe()
    assert len(dev.offers()) == 1
    assert do(cluster, agent, "RESERVE", resources=[scalar("cpus", 1, OPS)]).status == 202
    assert len(dev.take("RESCIND")) == 1
    assert dev.offers() == [], "what is left of the agent is a part of what it lost"
    cluster.pass_time(6)
    assert len(dev.offers()) == 1


def test_what_is_in_use_cannot_be_reserved_and_no_offer_is_lost_for_it(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    dev = cluster.scheduler("dev").subscribe()
    [offer] = dev.offers()
    dev.launch(offer, "t", resources="cpus:3;mem:64")
    cluster.pass_time(6)
    assert len(dev.offers()) == 1
    answer = do(cluster, agent, "RESERVE", resources=[scalar("cpus", 2, OPS)])
    assert answer.status == 409
    assert "cpus:1 is needed, and in use" in answer.text
    assert dev.take("RESCIND") == []
    assert agent.take(ApplyOperation) == []


# -- volumes --


def test_a_volume_is_made_offered_and_destroyed(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:1000").register()
    reserve_disk(cluster, agent, 200)
    assert do(cluster, agent, "CREATE", volumes=[volume(50)]).status == 202
    again = do(cluster, agent, "CREATE", volumes=[volume(50)])
    assert again.status == 400
    assert "'data' is the id of another volume of role 'dev'" in again.text
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = dev.offers()
    assert "data" in [
        each["disk"]["persistence"]["id"] for each in offer["resources"] if "disk" in each
    ]
    assert do(cluster, agent, "DESTROY", volumes=[volume(50)]).status == 202
    assert [each["rescind"]["offer_id"] for each in dev.take("RESCIND")] == [offer["id"]]
    assert do(cluster, agent, "DESTROY", volumes=[volume(50)]).status == 400
    assert total(cluster, agent).reserved("dev").get_scalar("disk") == 200


def test_a_shared_volume_is_taken_from_all_whom_it_is_offered_to(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:1000").register()
    other = cluster.scheduler("other").subscribe()
    [offer] = other.offers()
    other.launch(offer, "t")
    reserve_disk(cluster, agent, 200)
    shared = volume(50, shared={})
    assert do(cluster, agent, "CREATE", volumes=[shared]).status == 202
    capabilities = ["SHARED_RESOURCES", "RESERVATION_REFINEMENT"]
    first, second = [cluster.scheduler("dev", capabilities=capabilities) for _ in range(2)]
    holding = first.subscribe().offers()
    agent.update(other.framework_id, "t", "TASK_FINISHED")
    holding += second.subscribe().offers()
    assert [any("shared" in each for each in offer["resources"]) for offer in holding] == [
        True,
        True,
    ]
    assert do(cluster, agent, "DESTROY", volumes=[shared]).status == 202
    lost = [each["rescind"]["offer_id"] for each in first.take("RESCIND") + second.take("RESCIND")]
    assert lost == [each["id"] for each in holding]


def test_a_volume_in_use_is_not_destroyed(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:1000").register()
    reserve_disk(cluster, agent, 200)
    assert do(cluster, agent, "CREATE", volumes=[volume(50)]).status == 202
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = dev.offers()
    held = [
        *cluster.resources("cpus:1;mem:64", offer["allocation_info"]),
        volume(50, allocation_info=offer["allocation_info"]),
    ]
    task = {**cluster.task("t", offer), "resources": held}
    dev.accept([offer], [{"type": "LAUNCH", "launch": {"task_infos": [task]}}])
    assert dev.statuses() == []
    answer = do(cluster, agent, "DESTROY", volumes=[volume(50)])
    assert answer.status == 400
    assert "'data' is the id of a volume that is in use" in answer.text


@pytest.mark.parametrize("state", ["OPERATION_FINISHED", "OPERATION_FAILED"])
def test_a_volume_grows_when_the_agent_says_so(cluster: Any, state: str) -> None:
    agent = cluster.agent("cpus:4;mem:4096;disk:1000").register()
    reserve_disk(cluster, agent, 200)
    assert do(cluster, agent, "CREATE", volumes=[volume(50)]).status == 202
    before = total(cluster, agent)
    grown = do(cluster, agent, "GROW_VOLUME", volume=volume(50), addition=scalar("disk", 20, DEV))
    assert grown.status == 202
    dev = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = dev.offers()
    assert not any("disk" in each for each in offer["resources"]), "nobody has it meanwhile"
    finish(agent, state)
    sizes = sorted(
        key.size or amount for key, amount in total(cluster, agent).reserved("dev").entries()
    )
    if state == "OPERATION_FAILED":
        assert total(cluster, agent) == before
    else:
        assert sizes == [70_000, 130_000]
        shrunk = do(cluster, agent, "SHRINK_VOLUME", volume=volume(70), subtract={"value": 20})
        assert shrunk.status == 202
        finish(agent)
        assert total(cluster, agent) == before


# -- refusals --


def test_nothing_is_done_on_an_agent_that_is_not_there(cluster: Any) -> None:
    resources = [scalar("cpus", 1, DEV)]
    answer = do(cluster, "nope", "RESERVE", resources=resources)
    assert answer.status == 400
    assert "'nope'" in answer.text
    agent = cluster.agent().register()
    agent.disconnect()
    answer = do(cluster, agent, "RESERVE", resources=resources)
    assert (answer.status, "not connected" in answer.text) == (409, True)


def test_what_is_not_there_conflicts(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    for kind, fields in (
        ("RESERVE", {"resources": [scalar("cpus", 1000, DEV)]}),
        ("UNRESERVE", {"resources": [scalar("cpus", 1, DEV)]}),
        ("CREATE", {"volumes": [volume(1)]}),
    ):
        answer = do(cluster, agent, kind, **fields)
        assert answer.status == 409, kind
        assert "is not there" in answer.text
    assert agent.take(ApplyOperation) == []


def test_what_breaks_a_rule_is_refused_by_name_and_value(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:4096").register()
    answer = do(cluster, agent, "RESERVE", resources=[scalar("cpus", 1)])
    assert answer.status == 400
    assert "reserve.resources[0] 'cpus' has no dynamic reservation" in answer.text
    allocated = scalar("cpus", 1, DEV, allocation_info={"role": "dev"})
    answer = do(cluster, agent, "RESERVE", resources=[allocated])
    assert answer.status == 400


# -- what waits for the agent is nobody's --


@pytest.fixture
def growing(cluster: Any) -> tuple[Any, ApplyOperation, Resources]:
    """An agent that was told to grow a volume of 10, the order, and what it has before."""
    agent = cluster.agent("cpus:4;mem:4096;disk:100").register()
    reserve_disk(cluster, agent, 50)
    finish(agent)
    assert do(cluster, agent, "CREATE", volumes=[volume(10)]).status == 202
    finish(agent)
    before = total(cluster, agent)
    addition = scalar("disk", 5, DEV)
    assert do(cluster, agent, "GROW_VOLUME", volume=volume(10), addition=addition).status == 202
    [order] = agent.take(ApplyOperation)
    return agent, order, before


def reported(order: ApplyOperation, state: str) -> OperationReport:
    done = OperationStatus(state=OperationState[state], uuid=UUID(value=STATUS_UUID))
    return OperationReport(uuid=order.uuid, operation=order.operation, status=done)


def test_what_grows_is_not_offered_whatever_else_the_agent_says_meanwhile(
    cluster: Any, growing: Any
) -> None:
    agent, order, before = growing
    waiting = total(cluster, agent)
    assert waiting.get_scalar("disk") == 85
    agent.say(UpdateAgent(total=before.to_messages()))
    assert total(cluster, agent) == waiting
    done = OperationStatus(state=OperationState.OPERATION_FINISHED, uuid=UUID(value=STATUS_UUID))
    agent.say(UpdateOperation(uuid=order.uuid, status=done))
    assert total(cluster, agent) == apply(before, order.operation)


def test_an_agent_that_returns_while_a_volume_grows_does_not_offer_it(
    cluster: Any, growing: Any
) -> None:
    agent, order, before = growing
    waiting = total(cluster, agent)
    agent.disconnect()
    pending = reported(order, "OPERATION_PENDING")
    agent.reregister(total=before.to_messages(), operations=[pending])
    assert total(cluster, agent) == waiting


def test_what_grew_while_the_agent_was_away_is_there_once(cluster: Any, growing: Any) -> None:
    agent, order, before = growing
    after = apply(before, order.operation)
    agent.disconnect()
    finished = reported(order, "OPERATION_FINISHED")
    agent.reregister(total=after.to_messages(), operations=[finished])
    assert total(cluster, agent) == after
