"""What agents have changes while they are registered; what was offered of it follows."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.link.messages import ApplyOperation, UpdateAgent, UpdateOperation
from tepui.messages import UUID, OperationState, OperationStatus, Resource
from tepui.resources.parsing import parse_resources

RED = {"type": "DYNAMIC", "role": "red"}


def messages(text: str, *, is_revocable: bool = False) -> list[Resource]:
    found = parse_resources(text).to_messages()
    if not is_revocable:
        return found
    return [
        Resource(
            name=each.name,
            type=each.type,
            scalar=each.scalar,
            revocable=Resource.RevocableInfo(),
        )
        for each in found
    ]


def reserve(cpus: float) -> dict[str, Any]:
    resource = {
        "name": "cpus",
        "type": "SCALAR",
        "scalar": {"value": cpus},
        "reservations": [RED],
    }
    return {"type": "RESERVE", "reserve": {"resources": [resource]}}


def cpus_of(offers: list[dict[str, Any]]) -> list[tuple[float, bool, bool]]:
    return [
        (each["scalar"]["value"], "reservations" in each, "revocable" in each)
        for offer in offers
        for each in offer["resources"]
        if each["name"] == "cpus"
    ]


@pytest.fixture
def agent(cluster: Any) -> Any:
    return cluster.agent("cpus:4;mem:4096").register()


@pytest.fixture
def scheduler(cluster: Any, agent: Any) -> Any:
    capabilities = ["REVOCABLE_RESOURCES", "RESERVATION_REFINEMENT"]
    return cluster.scheduler("red", capabilities=capabilities).subscribe()


def test_what_was_counted_on_and_failed_is_taken_back(cluster, agent, scheduler) -> None:
    scheduler.accept(scheduler.offers(), [reserve(1)], filters={"refuse_seconds": 0.0})
    [order] = agent.take(ApplyOperation)
    [offer] = scheduler.offers()
    failed = OperationStatus(
        state=OperationState.OPERATION_FAILED, uuid=UUID(value=b"fedcba9876543210")
    )
    agent.say(UpdateOperation(uuid=order.uuid, status=failed))
    agent.say(UpdateAgent(total=messages("cpus:4;mem:4096")))
    assert [each["rescind"]["offer_id"] for each in scheduler.take("RESCIND")] == [offer["id"]]
    assert cpus_of(scheduler.offers()) == [(4.0, False, False)]


def test_what_the_agent_had_not_heard_of_is_still_counted_on(cluster, agent, scheduler) -> None:
    scheduler.accept(scheduler.offers(), [reserve(1), reserve(2)], filters={"refuse_seconds": 0.0})
    first, second = agent.take(ApplyOperation)
    failed = OperationStatus(
        state=OperationState.OPERATION_FAILED, uuid=UUID(value=b"fedcba9876543210")
    )
    agent.say(UpdateOperation(uuid=first.uuid, status=failed))
    agent.say(UpdateAgent(total=messages("cpus:4;mem:4096")))
    assert list(cluster.state.operations) == [second.uuid]
    total = cluster.state.agents[agent.agent_id].total
    assert total.reserved("red").get_scalar("cpus") == 2
    assert total.unreserved().get_scalar("cpus") == 2


def test_what_is_oversubscribed_is_offered_until_it_is_not(cluster, agent, scheduler) -> None:
    [plain] = scheduler.offers()
    agent.say(UpdateAgent(oversubscribed=messages("cpus:2", is_revocable=True)))
    assert scheduler.take("RESCIND") == [], "what is offered already stays"
    [revocable] = scheduler.offers()
    assert cpus_of([revocable]) == [(2.0, False, True)]
    agent.say(UpdateAgent(oversubscribed=messages("cpus:1", is_revocable=True)))
    [event] = scheduler.take("RESCIND")
    assert event["rescind"]["offer_id"] == revocable["id"]
    assert cpus_of(scheduler.offers()) == [(1.0, False, True)]
    assert plain["id"]["value"] in cluster.state.offers
    agent.say(UpdateAgent(oversubscribed=messages("cpus:1", is_revocable=True)))
    assert scheduler.take("RESCIND") == [], "the same once more is no news"


def test_more_may_be_used_than_there_is_left(cluster, agent, scheduler) -> None:
    agent.say(UpdateAgent(oversubscribed=messages("cpus:2;mem:64", is_revocable=True)))
    [offer] = scheduler.offers()
    allocation = {"allocation_info": {"role": "red"}}
    task = cluster.task("t1", offer)
    task["resources"] = [
        {**each, **allocation} for each in offer["resources"] if "revocable" in each
    ]
    scheduler.accept([offer], [{"type": "LAUNCH", "launch": {"task_infos": [task]}}])
    assert scheduler.statuses() == []
    agent.say(UpdateAgent(oversubscribed=[]))
    known = cluster.state.agents[agent.agent_id]
    assert known.is_short
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    assert not known.is_short


def test_an_agent_comes_back_with_what_it_oversubscribes(cluster, agent, scheduler) -> None:
    scheduler.offers()
    agent.disconnect()
    agent.reregister(oversubscribed=messages("cpus:2", is_revocable=True))
    assert sorted(cpus_of(scheduler.offers())) == [(2.0, False, True), (4.0, False, False)]
    known = cluster.state.agents[agent.agent_id]
    assert known.oversubscribed.get_scalar("cpus") == 2
    assert known.total.get_scalar("cpus") == 6


@pytest.mark.parametrize(
    "message",
    [
        UpdateAgent(oversubscribed=messages("cpus:2")),
        UpdateAgent(total=[Resource(name="cpus", type=messages("cpus:1")[0].type)]),
    ],
)
def test_what_makes_no_sense_is_ignored(cluster, agent, scheduler, message) -> None:
    before = cluster.state.agents[agent.agent_id].total
    agent.say(message)
    assert cluster.state.agents[agent.agent_id].total is before
    assert cluster.state.counters.agent_updates == 1
